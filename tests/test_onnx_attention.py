"""Networks that move the batch about, as attention does, for any batch: as onnxruntime has them.

Exporters write the batch into their shapes in two ways: as it comes (Shape, Gather, Concat), or as
the 1 of the picture that they saw.
"""

from __future__ import annotations

import numpy as np
import pytest

import nnviz as nv

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

HEAD = """<ir_version: 8, opset_import: ["" : 17]>
net (float[{n}, 3, 8, 8] x) => (float[{n}, 17, 8] y)
<float[8, 3, 2, 2] stem, float[1, 1, 8] first, float[8, 24] three, float[24] bias, float[8, 8] out,
 float[8] shift, int64[3] tokens = {{0, 8, -1}}, int64[1] zero = {{0}}, int64[1] one = {{1}},
 float half = {{0.5}}, int64[1] many = {{17}}, int64[1] eight = {{8}}, int64[3] all = {{{d}, 1, 8}},
 int64[3] fold = {{17, {h}, 4}}, int64[4] heads = {{{d}, 2, 17, 4}}, int64[5] five = {{{d}, 17,
 3, 2, 4}},
 int64[4] parts = {{17, {d}, 3, 8}}, int64[2] flat = {{{t}, 8}}, int64[3] rows = {{17, {d}, 8}},
 int64[3] back = {{{d}, 17, 8}}, int64 i0 = {{0}}, int64 i1 = {{1}}, int64 i2 = {{2}}>
{{ s = Conv <strides = [2, 2]> (x, stem)
   pictures = Reshape (s, tokens)
   r = Transpose <perm = [0, 2, 1]> (pictures)
   {free}
   cls = Expand (first, all)
   t = Concat <axis = 1> (cls, r)
   {body}
}}"""
FREE = """size = Shape (x)
   n = Gather <axis = 0> (size, zero)
   allf = Concat <axis = 0> (n, one, eight)
   two = Constant <value_ints = [2]> ()
   three_ = Constant <value_ints = [3]> ()
   four = Constant <value_ints = [4]> ()
   n2 = Mul (n, two)
   n17 = Mul (n, many)
   foldf = Concat <axis = 0> (many, n2, four)
   headsf = Concat <axis = 0> (n, two, many, four)
   fivef = Concat <axis = 0> (n, many, three_, two, four)
   partsf = Concat <axis = 0> (many, n, three_, eight)
   flatf = Concat <axis = 0> (n17, eight)
   rowsf = Concat <axis = 0> (many, n, eight)
   backf = Concat <axis = 0> (n, many, eight)"""
QKV = """p = MatMul (t, three)
   pb = Add (p, bias)
   q5 = Reshape (pb, five)
   q5t = Transpose <perm = [2, 0, 3, 1, 4]> (q5)
   q = Gather <axis = 0> (q5t, i0)
   k = Gather <axis = 0> (q5t, i1)
   v = Gather <axis = 0> (q5t, i2)
   kt = Transpose <perm = [0, 1, 3, 2]> (k)
   qk = MatMul (q, kt)
   a = Softmax <axis = -1> (qk)
   av = MatMul (a, v)
   avt = Transpose <perm = [0, 2, 1, 3]> (av)
   m = Reshape (avt, back)
   mo = MatMul (m, out)
   y = Add (t, mo)"""
TOKENS_FIRST = """f = Transpose <perm = [1, 0, 2]> (t)
   p = MatMul (f, three)
   pb = Add (p, bias)
   q4 = Reshape (pb, parts)
   q4u = Unsqueeze (q4, zero)
   q4t = Transpose <perm = [3, 1, 2, 0, 4]> (q4u)
   minus = Constant <value_ints = [-2]> ()
   q3 = Squeeze (q4t, minus)
   qs = Gather <axis = 0> (q3, i0)
   ks = Gather <axis = 0> (q3, i1)
   vs = Gather <axis = 0> (q3, i2)
   qf = Reshape (qs, fold)
   kf = Reshape (ks, fold)
   vf = Reshape (vs, fold)
   q = Transpose <perm = [1, 0, 2]> (qf)
   kt = Transpose <perm = [1, 2, 0]> (kf)
   v = Transpose <perm = [1, 0, 2]> (vf)
   qk = MatMul (q, kt)
   scaled = Mul (qk, half)
   a = Softmax <axis = -1> (scaled)
   av = MatMul (a, v)
   avh = Reshape (av, heads)
   avt = Transpose <perm = [2, 0, 1, 3]> (avh)
   m = Reshape (avt, flat)
   g = Gemm (m, out, shift)
   gr = Reshape (g, rows)
   gt = Transpose <perm = [1, 0, 2]> (gr)
   y = Add (t, gt)"""


def network(body: str, free: bool, fixed: int = 1):
    """The graph with seeded weights, for any batch or made for one of `fixed`."""
    sizes = {"d": fixed, "h": 2 * fixed, "t": 17 * fixed, "n": "N" if free else fixed}
    text = HEAD.format(free=FREE if free else "", body=body, **sizes)
    if free:
        for name in ("all", "fold", "heads", "five", "parts", "flat", "rows", "back"):
            text = text.replace(f", {name})", f", {name}f)")
    model = onnx.parser.parse_model(text)
    rng = np.random.default_rng(0)
    for value in list(model.graph.value_info):
        shape = [d.dim_value for d in value.type.tensor_type.shape.dim]
        array = rng.standard_normal(shape).astype(np.float32) / 2
        model.graph.initializer.append(onnx.numpy_helper.from_array(array, value.name))
    del model.graph.value_info[:]
    return model


def expected(model, x):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": x})[0]


def pictures(n):
    return np.random.default_rng(1).standard_normal((n, 3, 8, 8)).astype(np.float32)


@pytest.mark.parametrize("body", [QKV, TOKENS_FIRST], ids=["batch first", "tokens first"])
@pytest.mark.parametrize("free", [True, False], ids=["free", "fixed"])
def test_attention_takes_any_batch(body, free):
    model = nv.from_onnx(network(body, free))
    wanted = expected(network(body, True), pictures(3))
    (found,) = model.run_onnx(pictures(3))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    (one,) = model.run_onnx(pictures(3)[:1])
    np.testing.assert_allclose(one, wanted[:1], rtol=1e-4, atol=1e-5)
    assert model.input.shape == (8, 8, 3)


@pytest.mark.parametrize("body", [QKV, TOKENS_FIRST], ids=["batch first", "tokens first"])
def test_a_batch_of_two_that_was_written_down(body):
    model = nv.from_onnx(network(body, False, fixed=2))
    wanted = expected(network(body, True), pictures(5))
    np.testing.assert_allclose(model.run_onnx(pictures(5))[0], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("body", [QKV, TOKENS_FIRST], ids=["batch first", "tokens first"])
def test_its_gradient_is_that_of_central_differences(body):
    model = nv.from_onnx(network(body, False)).astype(np.float64)
    rng = np.random.default_rng(2)
    x, seed, way = (rng.standard_normal(s) for s in ((2, 8, 8, 3), (2, 17, 8), (2, 8, 8, 3)))
    trace = model.run(x)
    gradient = model.backward(trace, {model.output_name: seed})["input"]
    step = 1e-6
    ends = [(model.run(x + s * way).output * seed).sum() for s in (step, -step)]
    np.testing.assert_allclose((gradient * way).sum(), (ends[0] - ends[1]) / (2 * step), rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "perm"), [((4, 3), (1, 0)), ((2, 3, 4), (2, 0, 1)), ((2, 3, 4, 5), (3, 1, 0, 2))]
)
def test_an_output_that_ends_with_the_batch_elsewhere(shape, perm):
    node = onnx.helper.make_node("Transpose", ["x"], ["y"], perm=perm)
    free = ["N", *shape[1:]]
    graph = onnx.helper.make_graph(
        [node], "g", [onnx.helper.make_tensor_value_info("x", 1, free)],
        [onnx.helper.make_tensor_value_info("y", 1, None)],
    )  # fmt: skip
    model = nv.from_onnx(
        onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    )
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    np.testing.assert_array_equal(model.run_onnx(x)[0], x.transpose(perm))


# Operators that ONNX says in simpler ones ---------------------------------------------------------

RNG = np.random.default_rng(4)


def one_node(op, opset, shapes, weights=(), outputs=1, **attributes):
    """A node behind an addition, for any batch."""
    helper, names = onnx.helper, [f"x{i}" for i in range(len(shapes))]
    held = [RNG.standard_normal(shape).astype(np.float32) for shape in weights]
    ports = [
        helper.make_tensor_value_info(n, 1, ["N", *s]) for n, s in zip(names, shapes, strict=True)
    ]
    given = [f"s{i}" for i in range(len(shapes))] + [f"w{i}" for i in range(len(held))]
    nodes = [helper.make_node("Add", [n, n], [f"s{i}"]) for i, n in enumerate(names)]
    nodes.append(helper.make_node(op, given, ["y"], name="it", **attributes))
    graph = helper.make_graph(
        nodes, "g", ports, [helper.make_tensor_value_info("y", 1, None)],
        [onnx.numpy_helper.from_array(a, f"w{i}") for i, a in enumerate(held)],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


HEADS = {"q_num_heads": 2, "kv_num_heads": 2}
GROUPS = {"q_num_heads": 4, "kv_num_heads": 2}


@pytest.mark.parametrize("opset", [23, 24])
@pytest.mark.parametrize(
    ("shapes", "weights", "attributes"),
    [
        ([(5, 8)] * 3, (), HEADS),
        ([(5, 8)] * 3, (), {**HEADS, "is_causal": 1}),
        ([(5, 8)] * 3, (), {**HEADS, "scale": 0.3, "softcap": 2.0}),
        ([(5, 8)] * 3, [(5, 5)], HEADS),
        ([(5, 16), (7, 8), (7, 8)], (), GROUPS),
        ([(2, 5, 4)] * 3, (), {}),
        ([(2, 5, 4), (2, 6, 4), (2, 6, 3)], [(5, 6)], {"scale": 0.5}),
    ],
)
def test_attention_is_read_for_any_batch(shapes, weights, attributes, opset):
    model = one_node("Attention", opset, shapes, weights, **attributes)
    mine = nv.from_onnx(model)
    for n in (1, 3):
        rows = [RNG.standard_normal((n, *shape)).astype(np.float32) for shape in shapes]
        session = onnxruntime.InferenceSession(model.SerializeToString())
        wanted = session.run(None, {f"x{i}": row for i, row in enumerate(rows)})[0]
        np.testing.assert_allclose(mine.run_onnx(*rows)[0], wanted, atol=2e-5)


@pytest.mark.parametrize(
    ("op", "opset", "shapes", "weights", "attributes"),
    [
        ("RMSNormalization", 23, [(5, 8)], [(8,)], {"epsilon": 0.01}),
        ("MeanVarianceNormalization", 13, [(3, 4, 5)], (), {"axes": [2, 3]}),
        ("Shrink", 18, [(3, 4)], (), {"lambd": 0.5, "bias": 0.2}),
    ],
)
def test_other_operators_with_a_body_are_read(op, opset, shapes, weights, attributes):
    model = one_node(op, opset, shapes, weights, **attributes)
    mine = nv.from_onnx(model)
    for n in (1, 3):
        row = RNG.standard_normal((n, *shapes[0])).astype(np.float32)
        session = onnxruntime.InferenceSession(model.SerializeToString())
        np.testing.assert_allclose(
            mine.run_onnx(row)[0], session.run(None, {"x0": row})[0], atol=2e-5
        )


def test_gradients_go_through_attention():
    model = nv.from_onnx(one_node("Attention", 23, [(2, 3, 4)] * 3)).astype(np.float64)
    x, step = RNG.standard_normal((1, 72)), 1e-6
    trace = model.run(x)
    dy = RNG.standard_normal(trace.output.shape)
    got = model.backward(trace, {model.output_name: dy})["input"]
    for k in range(0, 72, 7):
        moved = np.zeros_like(x)
        moved[0, k] = step
        slope = ((model.run(x + moved).output - model.run(x - moved).output) * dy).sum() / (
            2 * step
        )
        np.testing.assert_allclose(got[0, k], slope, rtol=1e-6, atol=1e-8)


def test_a_body_that_is_not_known_leaves_the_operator_named():
    model = one_node("Bernoulli", 22, [(3,)])
    with pytest.raises(nv.FileError, match="uses the operator Bernoulli, unknown to nnviz"):
        nv.from_onnx(model)


def test_bodies_that_unfold_to_too_much_are_refused(monkeypatch):
    monkeypatch.setattr("nnviz.formats.onnx.inline.MOST_NODES", 40)
    with pytest.raises(nv.FileError, match="would unfold to more than 40 nodes: refused"):
        nv.from_onnx(one_node("Attention", 23, [(2, 3, 4)] * 3))


def test_the_callers_own_model_stays_as_it_was():
    model = one_node("Attention", 23, [(2, 3, 4)] * 3)
    before = model.SerializeToString()
    nv.from_onnx(model)
    assert model.SerializeToString() == before


def test_a_head_for_a_fixed_batch_is_freed():
    """A detector's head for two pictures: (2, −1, 3) also fits the numbers of three."""
    text = """<ir_version: 8, opset_import: ["" : 17]>
    net (float[2, 3, 4, 4] x) => (float[2, 32, 3] y)
    <float[6, 3, 1, 1] w, int64[3] rows = {2, -1, 3}>
    { c = Conv (x, w)
      t = Transpose <perm = [0, 2, 3, 1]> (c)
      y = Reshape (t, rows) }"""
    model = onnx.parser.parse_model(text)
    w = np.random.default_rng(0).standard_normal((6, 3, 1, 1)).astype(np.float32)
    model.graph.initializer.append(onnx.numpy_helper.from_array(w, "w"))
    del model.graph.value_info[:]
    x, mine = pictures(3)[:, :, :4, :4], nv.from_onnx(model)
    np.testing.assert_allclose(mine.run_onnx(x[:2])[0], expected(model, x[:2]), atol=1e-5)
    whole = mine.predict(x.transpose(0, 2, 3, 1))
    for one, alone in zip(whole, x, strict=True):
        two = expected(model, np.stack([alone, alone]))
        np.testing.assert_allclose(one.reshape(two[0].shape), two[0], atol=1e-5)
