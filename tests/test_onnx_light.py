"""The nine `light_*` networks of the `onnx` package, with seeded random weights, as onnxruntime has
them.

The package ships these graphs with constant weights (`ConstantOfShape`), whose outputs prove
nothing. Here each becomes a weight drawn to keep the signal's size: the graphs stay as they are.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import nnviz as nv

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"
QUICK = ("light_shufflenet", "light_squeezenet", "light_inception_v1", "light_inception_v2")
LARGE = (
    "light_bvlc_alexnet",
    "light_densenet121",
    "light_resnet50",
    "light_vgg19",
    "light_zfnet512",
)


def drawn(shape, place: int, op: str, rng: np.random.Generator) -> np.ndarray:
    """A weight that stands at this input of such a node: He's for kernels, a variance above 0."""
    if op == "BatchNormalization":
        low, high = ((0.5, 1.5), (-0.2, 0.2), (-0.2, 0.2), (0.5, 1.5))[place - 1]
        return rng.uniform(low, high, shape).astype(np.float32)
    if op in ("Conv", "Gemm") and place == 1:
        inside = math.prod(shape[1:])
        return (rng.standard_normal(shape, np.float32) * math.sqrt(2 / inside)).astype(np.float32)
    return rng.uniform(-0.2, 0.2, shape).astype(np.float32) + (1.0 if op == "Mul" else 0.0)


def with_random_weights(name: str, seed: int = 0):
    """The graph, its ConstantOfShape nodes replaced by weights; and its logits as an output."""
    model = onnx.load(LIGHT / f"{name}.onnx")
    graph, rng = model.graph, np.random.default_rng(seed)
    shapes = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    readers: dict[str, tuple[str, int]] = {}
    for node in graph.node:
        for place, value in enumerate(node.input):
            readers.setdefault(value, (node.op_type, place))
    made = [node for node in graph.node if node.op_type == "ConstantOfShape"]
    for node in made:
        op, place = readers[node.output[0]]
        if op == "Unsqueeze":
            op = "Mul" if node.output[0].endswith(("s_0", "scale_w_0", "_w_0")) else "Add"
        weight = drawn(tuple(shapes[node.input[0]]), place, op, rng)
        graph.initializer.append(onnx.numpy_helper.from_array(weight, node.output[0]))
        graph.node.remove(node)
    last = graph.node[-1]
    if last.op_type == "Softmax":
        graph.output.append(onnx.helper.make_tensor_value_info(last.input[0], 1, None))
    return model


def agrees(name: str) -> None:
    model = with_random_weights(name)
    held = {tensor.name for tensor in model.graph.initializer}
    data = next(value for value in model.graph.input if value.name not in held)
    shape = [d.dim_value for d in data.type.tensor_type.shape.dim]
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # it warns of weights that are inputs as well
    raw = model.SerializeToString()
    session = onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
    wanted = session.run(None, {data.name: x})
    found = nv.from_onnx(raw).run_onnx(x)
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape
        assert np.isfinite(other).all()
        assert other.std() > 0
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4 * np.abs(other).max())


@pytest.mark.parametrize("name", QUICK)
def test_light_networks_are_onnxruntimes(name):
    agrees(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_large_light_networks_are_onnxruntimes(name):
    agrees(name)
