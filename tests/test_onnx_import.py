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
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


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
