"""Questions and choices in ONNX files: Greater, Equal, And, Not, Where and their kin."""

from __future__ import annotations

import numpy as np
import pytest

import nnviz as nv

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
from onnx import parser  # noqa: E402

RNG = np.random.default_rng(3)
X = RNG.standard_normal((3, 4, 5, 6), np.float32)
OUT = "float[N, c, h, w] y"
HALF = "half = Constant <value_float = 0.5> ()"
BODIES = {
    "threshold": f"{HALF} m = Greater(x, half) y = Where(m, x, half)",
    "hard shrink": f"{HALF} low = Neg(half) a = Greater(x, half) b = Less(x, low) m = Or(a, b) "
    "z = Sub(x, x) y = Where(m, x, z)",
    "between": f"{HALF} low = Neg(half) a = LessOrEqual(x, half) b = GreaterOrEqual(x, low) "
    "m = And(a, b) z = Neg(x) y = Where(m, z, x)",
    "not": f"{HALF} a = Less(x, half) n = Not(a) y = Where(n, half, x)",
    "xor": f"{HALF} a = Less(x, half) z = Sub(x, x) b = Less(x, z) m = Xor(a, b) "
    "c = Cast <to = 1> (m) y = Mul(c, x)",
    "equal": "top = ReduceMax <axes = [2, 3]> (x) m = Equal(x, top) z = Sub(x, x) "
    "y = Where(m, x, z)",
    "a channel's": "t = Constant <value = float[1, 4, 1, 1] {-0.5, 0.0, 0.5, 1.0}> () "
    "m = Greater(x, t) y = Where(m, x, t)",
    "a picture": "m = Constant <value = bool[1, 1, 5, 1] {1, 0, 1, 0, 1}> () z = Neg(x) "
    "y = Where(m, x, z)",
    "of one axis": "t = Constant <value = float[6] {0, 1, 2, 3, 4, 5}> () z = Sub(x, x) "
    "m = Less(z, x) y = Where(m, t, x)",
}
"""Name -> graph from x to y."""


def file(body):
    text = f"""<ir_version: 8, opset_import: ["" : 16]>
    net (float[N, 4, 5, 6] x) => ({OUT}) {{ {body} }}"""
    return parser.parse_model(text)


def theirs(model, x):
    return runtime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]


@pytest.mark.parametrize("name", BODIES)
def test_choices_are_onnxruntimes_there_and_back(name, tmp_path):
    model = file(BODIES[name])
    mine, wanted = nv.from_onnx(model), theirs(model, X)
    np.testing.assert_array_equal(mine.run_onnx(X)[0], wanted)
    path = mine.to_onnx(tmp_path / "out.onnx")
    (got,) = runtime.InferenceSession(path).run(None, {"input": X})
    np.testing.assert_array_equal(got, wanted)
    mine.save(tmp_path / "net.npz")
    np.testing.assert_array_equal(nv.load(tmp_path / "net.npz").run_onnx(X)[0], wanted)


@pytest.mark.parametrize("name", BODIES)
def test_gradients_through_choices_are_central_differences(name):
    model = nv.from_onnx(file(BODIES[name])).astype(np.float64)
    x = RNG.standard_normal((2, 5, 6, 4))
    seed = RNG.standard_normal((2, *model.output_shape))
    slope = model.backward(model.run(x), {model.output_name: seed})["input"]
    step = 1e-6 * RNG.standard_normal(x.shape)
    change = sum(sign * (model.run(x + sign * step).output * seed).sum() for sign in (1, -1)) / 2
    assert change == pytest.approx((slope * step).sum(), rel=1e-5)


def test_answers_are_truth_values():
    half = "half = Constant <value_float = 0.5> () y = Greater(x, half)"
    model = file(half)
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.BOOL
    (got,) = nv.from_onnx(model).run_onnx(X)
    assert got.dtype == bool
    np.testing.assert_array_equal(got, theirs(model, X))


def test_a_choice_hands_its_relevance_to_what_was_chosen():
    start = nv.Input((4, 5, 3))
    y = nv.Conv2D(4, 3)(start)
    y = nv.Where(name="choice")(nv.WithConstant.of("greater", 0)(y), y,
                                nv.WithConstant.of("multiply", 0.1)(y))  # fmt: skip
    model = nv.Model(start, nv.Dense(2)(nv.Flatten()(y)))
    layers = [nv.Conv2D(4, 3), nv.LeakyReLU(0.1), nv.Flatten(), nv.Dense(2)]
    same = nv.Sequential(layers, input_shape=(4, 5, 3))
    mine, other = ([n.layer for n in m.nodes if n.layer.params] for m in (model, same))
    for layer, twin in zip(mine, other, strict=True):
        twin.params.update(layer.params)
    x = RNG.random((2, 4, 5, 3), np.float32)
    np.testing.assert_allclose(model.predict(x), same.predict(x), atol=1e-6)
    for method in ("saliency", "integrated_gradients"):
        found, wanted = (nv.explain(m, x, 1, method=method).values for m in (model, same))
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert np.isfinite(nv.explain(model, x, 1, method="lrp").values).all()
