"""Networks from ONNX files: what they compute, how they are laid out, what they are called."""

from __future__ import annotations

import numpy as np
import pytest

import nnviz as nv

onnx = pytest.importorskip("onnx")
helper, numpy_helper = onnx.helper, onnx.numpy_helper

RNG = np.random.default_rng(0)

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def channels_first(pixels: np.ndarray) -> np.ndarray:
    pixels = pixels[..., None] if pixels.ndim == 3 else pixels
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32)


PREPARED = {
    "resnet20_cifar10": lambda p: (p / 255 - MEAN) / STD,
    "squeezenet1_0_dc": lambda p: p[..., ::-1] - (104.0, 117.0, 123.0),
    "mobilenet_v1_0.25_128": lambda p: (p - 127.5) / 127.5,
    "tiny_vgg": lambda p: p / 255,
    "opt-mnist": lambda p: p,
}
"""Name of a network -> what it wants of raw pixels."""


@pytest.fixture(scope="module", params=PREPARED)
def golden_network(request, shared_data):
    """A real network, what to put in, and what was recorded of it: (model, array, name, output)."""
    folder, name = shared_data / "models", request.param
    held = np.load(folder / f"golden_{name}.npz")
    array = channels_first(PREPARED[name](held["pixels"].astype(np.float64)))
    model = nv.load(folder / f"{name}.onnx")
    return model, array, str(held["output_name"]), held["output"]


def test_real_networks_give_what_was_recorded(golden_network):
    model, array, name, wanted = golden_network
    found = dict(
        zip([o["name"] for o in model.made["onnx"]["outputs"]], model.run_onnx(array), strict=True)
    )
    np.testing.assert_allclose(found[name], wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())


def test_real_networks_survive_the_model_file(golden_network, tmp_path):
    model, array, _, _ = golden_network
    model.save(tmp_path / "net.npz")
    again = nv.load(tmp_path / "net.npz")
    assert again.output_name == model.output_name
    for one, other in zip(again.run_onnx(array), model.run_onnx(array), strict=True):
        np.testing.assert_array_equal(one, other)


def value(name, *shape, kind=1):
    return helper.make_tensor_value_info(name, kind, shape)


def network(nodes, weights=None, inputs=(("x", "N", 3, 8, 8),), outputs=("y",), opset=17):
    """A model of these nodes; weights are arrays by name, inputs (name, *shape)."""
    graph = helper.make_graph(
        [helper.make_node(op, given, made, name=called, **attributes)
         for op, given, made, called, attributes in map(filled, nodes)],
        "net",
        [value(*port) for port in inputs],
        [helper.make_tensor_value_info(name, 1, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(w), k) for k, w in (weights or {}).items()],
    )  # fmt: skip
    # onnxruntime may be older than the onnx package, and refuses what it has not seen yet.
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def filled(node):
    """(operator, inputs, outputs, name, attributes) from `("Relu", "x", "y", {…})`."""
    op, given, made, *rest = node
    names = [r for r in rest if isinstance(r, str)]
    attributes = next((r for r in rest if isinstance(r, dict)), {})
    return op, given.split(), made.split(), *(names or [""]), attributes


UNKNOWN = (
    ("Conv", "x w", "a", "first"),
    ("Relu", "a", "b"),
    ("NonMaxSuppression", "b b", "c", "nms"),
    ("Relu", "c", "y"),
)


def test_what_can_be_read_of_a_file_with_an_unknown_operator():
    model = network(UNKNOWN, {"w": RNG.random((4, 3, 3, 3), np.float32)})
    part = nv.from_onnx(model, partial=True)
    assert [n.name for n in part.nodes] == ["first", "b"]
    left = part.made["onnx"]["left_out"]
    assert (
        "the operator NonMaxSuppression"
        in left["node 'nms' (NonMaxSuppression, number 3 of the file)"]
    )
    assert left["node 'y' (Relu, number 4 of the file)"] == "reads what is left out"
    assert "first" in str(part.summary())
    with pytest.raises(nv.FileError, match=r"nothing of it can be read; .* NonMaxSuppression"):
        nv.from_onnx(network([("NonMaxSuppression", "x x", "y")]), partial=True)


def test_gradients_through_a_join_reach_a_convolution_of_three_rows():
    # What a Concatenate gives back are views of one array, with gaps between their channels.
    weights = {k: RNG.standard_normal(s, np.float32) for k, s in
               {"u": (48, 3, 3, 3), "w": (48, 48, 3, 3), "v": (48, 48, 3, 3)}.items()}  # fmt: skip
    pads = {"pads": [1, 1, 1, 1]}
    model = nv.from_onnx(
        network(
            [("Conv", "x u", "a", pads), ("Conv", "a w", "b", pads), ("Conv", "a v", "c", pads),
             ("Concat", "b c", "y", {"axis": 1})],
            weights,
            inputs=[("x", 1, 3, 32, 32)],
        )
    )  # fmt: skip
    x = RNG.standard_normal((1, 32, 32, 3))
    double = model.astype(np.float64)
    seed = RNG.standard_normal((1, 32, 32, 96))
    slope = double.backward(double.run(x), {"y": seed})["input"]
    step = 1e-4 * RNG.standard_normal(x.shape)
    change = sum(sign * (double.run(x + sign * step).output * seed).sum() for sign in (1, -1)) / 2
    assert change == pytest.approx((slope * step).sum(), rel=1e-6)


# Old and new opsets, against onnxruntime ----------------------------------------------------------


def onnxruntimes(model, *arrays):
    """What onnxruntime makes of the same file and arrays."""
    runtime = pytest.importorskip("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    session = runtime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {i.name: a for i, a in zip(session.get_inputs(), arrays, strict=True)})


def is_onnxruntimes(model, *arrays, tolerance=1e-5):
    wanted = onnxruntimes(model, *arrays)
    found = nv.from_onnx(model).run_onnx(*arrays)
    for one, other in zip(found, wanted, strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def four(*shape):
    return {k: RNG.uniform(0.5, 1.5, shape).astype(np.float32) for k in "sbmv"}


@pytest.mark.parametrize("opset", [7, 8, 9, 13, 14, 15, 17])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (4, 3), (2, 3, 6)])
def test_batch_normalization_of_every_opset(opset, shape):
    model = network(
        [("BatchNormalization", "x s b m v", "y", {"epsilon": 1e-3})],
        four(3),
        inputs=[("x", "N", *shape[1:])],
        opset=opset,
    )
    is_onnxruntimes(model, RNG.standard_normal(shape, np.float32))


def test_batch_normalization_by_place():
    # onnxruntime has this form no longer; opset 8 says: statistics for each place of a sample.
    weights = four(3, 4, 5)
    model = network(
        [("BatchNormalization", "x s b m v", "y", {"spatial": 0})],
        weights,
        inputs=[("x", "N", 3, 4, 5)],
        opset=8,
    )
    x = RNG.standard_normal((2, 3, 4, 5), np.float32)
    s, b, m, v = (weights[k] for k in "sbmv")
    np.testing.assert_allclose(
        nv.from_onnx(model).run_onnx(x)[0], s * (x - m) / np.sqrt(v + 1e-5) + b, atol=1e-5
    )


def test_batch_normalization_in_training_before_opset_14():
    outputs = "y mean var saved_mean saved_var"
    model = network(
        [("BatchNormalization", "x s b m v", outputs, {"momentum": 0.8})],
        four(3),
        inputs=[("x", 2, 3, 4, 5)],
        outputs=outputs.split(),
        opset=9,
    )
    x = RNG.standard_normal((2, 3, 4, 5), np.float32)
    y, mean, var, saved_mean, saved_var = nv.from_onnx(model).run_onnx(x)
    axes, weights = (0, 2, 3), {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    high = (3, 1, 1)
    normal = (x - x.mean(axes).reshape(high)) / np.sqrt(x.var(axes).reshape(high) + 1e-5)
    wanted = weights["s"].reshape(high) * normal + weights["b"].reshape(high)
    np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(mean, 0.8 * weights["m"] + 0.2 * x.mean(axes), rtol=1e-5)
    np.testing.assert_allclose(var, 0.8 * weights["v"] + 0.2 * x.var(axes), rtol=1e-5)
    np.testing.assert_allclose(saved_mean, x.mean(axes), atol=1e-6)
    np.testing.assert_allclose(saved_var, x.var(axes), rtol=1e-5)


@pytest.mark.parametrize("opset", [7, 11, 12, 13, 17])
@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("axis", [None, 0, 1, 2, -1])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 3, 4), (3, 1, 1, 1)])
def test_softmax_before_and_after_opset_13(opset, op, axis, shape):
    if axis == -1 and opset < 11:
        pytest.skip("axes below 0 came with opset 11")
    attributes = {} if axis is None else {"axis": axis}
    model = network([(op, "x", "y", attributes)], inputs=[("x", *shape)], opset=opset)
    is_onnxruntimes(model, RNG.standard_normal(shape, np.float32))


@pytest.mark.parametrize("opset", [6, 7, 8, 9])
def test_reshapes_by_attribute_and_dropouts_of_old(opset):
    nodes = [
        ("Conv", "x w", "a"),
        ("Dropout", "a", "d", {"ratio": 0.3} | ({"is_test": 1} if opset < 7 else {})),
        ("Reshape", "d shape", "r"),
        ("Gemm", "r m c", "y", {"broadcast": 1} if opset < 7 else {}),
    ]
    weights = {
        "w": RNG.standard_normal((4, 3, 3, 3), np.float32),
        "shape": np.array([1, 144]),
        "m": RNG.standard_normal((144, 5), np.float32),
        "c": RNG.standard_normal(5, np.float32),
    }
    model = network(nodes, weights, inputs=[("x", 1, 3, 8, 8)], opset=opset)
    x = RNG.standard_normal((1, 3, 8, 8), np.float32)
    read = nv.from_onnx(model)
    if opset >= 7:  # onnxruntime begins there
        is_onnxruntimes(model, x, tolerance=1e-4)
    three = np.concatenate([x, 2 * x, x - 1])
    alone = [read.run_onnx(one[None])[0] for one in three]
    np.testing.assert_allclose(read.run_onnx(three)[0], np.concatenate(alone), atol=1e-4)


def test_arithmetic_before_opset_7_lays_its_second_input_along_an_axis():
    x, c = RNG.standard_normal((2, 3, 4, 5), np.float32), RNG.standard_normal(3, np.float32)
    model = network(
        [
            ("Add", "x c", "a", {"broadcast": 1, "axis": 1}),
            ("Mul", "a c", "y", {"broadcast": 1, "axis": 1}),
        ],
        {"c": c},
        inputs=[("x", "N", 3, 4, 5)],
        opset=6,
    )
    high = c[:, None, None]
    np.testing.assert_allclose(nv.from_onnx(model).run_onnx(x)[0], (x + high) * high, rtol=1e-5)


# Gradients ----------------------------------------------------------------------------------------


def test_gradients_of_real_networks_are_central_differences(golden_network):
    model, array, _, _ = golden_network
    double = model.astype(np.float64)
    x = array[:1].transpose(0, 2, 3, 1).astype(np.float64)
    x += 0.02 * np.abs(x).max() * RNG.random(x.shape)  # black cells alike are ties of max pooling
    seed = RNG.standard_normal((1, *model.output_shape))
    slope = double.backward(double.run(x), {model.output_name: seed})["input"]
    step = 1e-9 * np.abs(x).max() * RNG.standard_normal(x.shape)
    up, down = ((double.run(x + s * step).output * seed).sum() for s in (1, -1))
    assert (up - down) / 2 == pytest.approx((slope * step).sum(), rel=1e-4)


def test_where_there_is_no_derivative_an_error_says_so():
    model = network([("Conv", "x w", "a"), ("ArgMax", "a", "y", {"axis": 1})],
                    {"w": RNG.standard_normal((4, 3, 3, 3), np.float32)})  # fmt: skip
    model.graph.output[0].type.tensor_type.elem_type = 7
    read = nv.from_onnx(model)
    trace = read.run(np.zeros((1, 8, 8, 3), np.float32))
    with pytest.raises(nv.ArgumentError, match=r"node 'y' \(ArgMax\) has no derivative"):
        read.backward(trace, {"y": np.ones((1, 6, 6), np.float32)})
