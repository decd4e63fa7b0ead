"""How tensors of an ONNX file lie in nnviz: orders of axes, batches, several inputs and outputs."""

from __future__ import annotations

import numpy as np
import pytest
from test_onnx_import import RNG, is_onnxruntimes, network

import nnviz as nv
from nnviz.engine.layers import Dense, Flatten, Permute, Reshape

LAYING = (Permute, Reshape)


def kinds(model):
    return [type(node.layer).__name__ for node in model.nodes]


def pictures(n=2, channels=3, rows=8, cols=8):
    return RNG.standard_normal((n, channels, rows, cols)).astype(np.float32)


def weight(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def test_a_flattened_picture_turns_the_rows_of_the_weight_that_follows():
    weights = {"w": weight(4, 3, 3, 3), "m": weight(144, 5), "c": weight(5)}
    nodes = [
        ("Conv", "x w", "a"),
        ("Relu", "a", "r"),
        ("Flatten", "r", "f"),
        ("Gemm", "f m c", "y"),
    ]
    model = network(nodes, weights)
    is_onnxruntimes(model, pictures(), tolerance=1e-4)
    read = nv.from_onnx(model)
    assert kinds(read) == ["Conv2D", "ReLU", "Flatten", "Dense"]
    assert read.input.shape == (8, 8, 3)
    rows = weights["m"].reshape(4, 6, 6, 5).transpose(1, 2, 0, 3).reshape(144, 5)
    np.testing.assert_array_equal(read.node("y").layer.params["weight"], rows)


def test_a_flattened_picture_that_something_else_reads_is_put_in_the_files_order():
    nodes = [("Relu", "x", "r"), ("Flatten", "r", "f"), ("Slice", "f from to axis", "y")]
    at = {"from": np.array([5]), "to": np.array([90]), "axis": np.array([1])}
    is_onnxruntimes(network(nodes, at), pictures())
    is_onnxruntimes(network([("Flatten", "x", "f"), ("Relu", "f", "y")]), pictures())


@pytest.mark.parametrize("batch", [1, "N"])
def test_a_shape_that_is_worked_out_from_the_pictures_is_folded_away(batch):
    nodes = [
        ("Conv", "x w", "a"),
        ("Shape", "a", "s"),
        ("Gather", "s zero", "n"),
        ("Unsqueeze", "n axis", "u"),
        ("Concat", "u rest", "shape", {"axis": 0}),
        ("Reshape", "a shape", "f"),
        ("MatMul", "f m", "y"),
    ]
    weights = {
        "w": weight(4, 3, 3, 3),
        "m": weight(144, 5),
        "zero": np.array(0),
        "axis": np.array([0]),
        "rest": np.array([-1]),
    }
    model = network(nodes, weights, inputs=[("x", batch, 3, 8, 8)])
    is_onnxruntimes(model, pictures(2 if batch == "N" else 1), tolerance=1e-4)
    assert kinds(nv.from_onnx(model)) == ["Conv2D", "Flatten", "Dense"]


def test_a_leading_one_in_a_reshape_is_the_batch_only_where_that_is_the_same():
    freed = network([("Reshape", "x shape", "y")], {"shape": np.array([1, 192])},
                    inputs=[("x", 1, 3, 8, 8)])  # fmt: skip
    four = pictures(4)
    np.testing.assert_array_equal(nv.from_onnx(freed).run_onnx(four)[0], four.reshape(4, 192))
    mixed = network([("Reshape", "x shape", "y")], {"shape": np.array([3, 64])},
                    inputs=[("x", 1, 3, 8, 8)])  # fmt: skip
    is_onnxruntimes(mixed, pictures(1))
    joined = network([("Reshape", "x shape", "y")], {"shape": np.array([-1, 96])})
    is_onnxruntimes(joined, pictures(2))
    is_onnxruntimes(network([("Reshape", "x shape", "y")], {"shape": np.array([-1])}), pictures(2))


def test_transpositions_cost_nothing():
    nodes = [
        ("Transpose", "x", "t", {"perm": [0, 3, 1, 2]}),
        ("Conv", "t w", "a"),
        ("Transpose", "a", "b", {"perm": [0, 2, 3, 1]}),
        ("Add", "b c", "y"),
    ]
    weights = {"w": weight(4, 3, 3, 3), "c": weight(4)}
    model = network(nodes, weights, inputs=[("x", "N", 8, 8, 3)])
    is_onnxruntimes(model, pictures().transpose(0, 2, 3, 1).copy(), tolerance=1e-4)
    read = nv.from_onnx(model)
    assert kinds(read) == ["Conv2D", "WithConstant"]
    assert read.input.shape == (8, 8, 3)


CASES = {
    "channel attention": [
        ("GlobalAveragePool", "x", "p"), ("Conv", "p k", "q"), ("Sigmoid", "q", "s"),
        ("Mul", "x s", "y"),
    ],
    "mean and back": [
        ("ReduceMean", "x", "m", {"axes": [2, 3], "keepdims": 0}), ("Unsqueeze", "m two", "u"),
        ("Sub", "x u", "y"),
    ],
    "constant for each row": [("Mul", "x rows", "y")],
    "constant for each channel, in front": [("Sub", "channels x", "y")],
    "number": [("Div", "x number", "y")],
    "channel shuffle": [
        ("Reshape", "x parts", "p"), ("Transpose", "p", "t", {"perm": [0, 2, 1, 3, 4]}),
        ("Reshape", "t whole", "w"), ("Conv", "w k", "y"),
    ],
    "softmax over channels": [("Softmax", "x", "y", {"axis": 1})],
    "joined along rows": [("Concat", "x x", "y", {"axis": 2})],
    "joined with a constant": [("Concat", "x whole_one", "y", {"axis": 1})],
    "split": [("Split", "x sizes", "a b", {"axis": 1}), ("Concat", "b a", "y", {"axis": 1})],
    "padded in channels": [("Pad", "x pads number", "y")],
    "a line of the picture": [("Gather", "x number_two", "g", {"axis": 2}), ("Relu", "g", "y")],
    "products of computed matrices": [
        ("Transpose", "x", "t", {"perm": [0, 1, 3, 2]}), ("MatMul", "x t", "m"),
        ("Softmax", "m", "s", {"axis": -1}), ("MatMul", "s x", "y"),
    ],
    "dense at every place": [
        ("Transpose", "x", "t", {"perm": [0, 2, 3, 1]}), ("MatMul", "t dense", "m"),
        ("Transpose", "m", "y", {"perm": [0, 3, 1, 2]}),
    ],
    "layer normalization of channels": [
        ("Transpose", "x", "t", {"perm": [0, 2, 3, 1]}),
        ("LayerNormalization", "t scale shift", "n"),
        ("Transpose", "n", "y", {"perm": [0, 3, 1, 2]}),
    ],
    "sizes from the picture": [
        ("MaxPool", "x", "p", {"kernel_shape": [2, 2], "strides": [2, 2]}), ("Shape", "x", "s"),
        ("Resize", "p  s", "y", {"mode": "nearest"}),
    ],
    "spread to a shape": [
        ("GlobalMaxPool", "x", "p"), ("Shape", "x", "s"), ("Expand", "p s", "y"),
    ],
    "flattened rows": [
        ("Reshape", "x tokens", "r"), ("Transpose", "r", "t", {"perm": [0, 2, 1]}),
        ("MatMul", "t dense", "y"),
    ],
    "along the batch": [("ReduceSum", "x zero_axis", "y")],
    "the largest along the batch": [("ArgMax", "x", "y", {"axis": 0})],
}  # fmt: skip
CONSTANTS = {
    "k": weight(3, 3, 1, 1),
    "two": np.array([2, 3]),
    "rows": weight(8, 1),
    "channels": weight(3, 1, 1),
    "number": np.array(0.7, np.float32),
    "number_two": np.array(2),
    "parts": np.array([0, 3, 1, 8, 8]),
    "whole": np.array([0, -1, 8, 8]),
    "whole_one": weight(1, 2, 8, 8),
    "sizes": np.array([1, 2]),
    "pads": np.array([0, 1, 0, 0, 0, 2, 1, 0]),
    "dense": weight(3, 5),
    "scale": weight(3),
    "shift": weight(3),
    "tokens": np.array([0, 0, -1]),
    "zero_axis": np.array([0]),
}


@pytest.mark.parametrize("name", CASES)
def test_pieces_of_networks(name):
    nodes = [(op, given.replace("  ", " _ "), *rest) for op, given, *rest in CASES[name]]
    read = {word for _, given, *_ in nodes for word in given.split()}
    model = network(nodes, {k: v for k, v in CONSTANTS.items() if k in read})
    for node in model.graph.node:
        names = ["" if word == "_" else word for word in node.input]
        if len(names) == 3 and node.op_type == "Resize":
            names.insert(1, "")
        del node.input[:]
        node.input.extend(names)
    if nodes[-1][0] == "ArgMax":
        model.graph.output[0].type.tensor_type.elem_type = 7
    # a constant joined to a batch of more has no rows for them in other runtimes
    is_onnxruntimes(model, pictures(1 if name == "joined with a constant" else 2), tolerance=1e-4)


def test_several_outputs_are_there_by_name(tmp_path):
    nodes = [
        ("Conv", "x w", "logits"),
        ("Softmax", "logits", "prob", {"axis": 1}),
        ("Relu", "x", "z"),
    ]
    model = network(nodes, {"w": weight(4, 3, 8, 8)}, outputs=["logits", "prob", "z"])
    x = pictures()
    is_onnxruntimes(model, x, tolerance=1e-4)
    first, named = nv.from_onnx(model), nv.from_onnx(model, output="prob")
    assert (first.output_name, named.output_name) == ("logits", "prob")
    assert first.run(x.transpose(0, 2, 3, 1))["prob"].y.shape == (2, 1, 1, 4)
    with pytest.raises(nv.ArgumentError, match=r"no output named 'probs' \(did you mean 'prob'"):
        nv.from_onnx(model, output="probs")
    first.save(tmp_path / "net")
    again = nv.load(tmp_path / "net.npz")
    assert again.output_name == "logits"
    for one, other in zip(again.run_onnx(x), first.run_onnx(x), strict=True):
        np.testing.assert_array_equal(one, other)


def test_several_inputs_one_is_the_models_the_others_have_values():
    two = (("left", "N", 3, 8, 8), ("right", "N", 3, 8, 8))
    model = network([("Sub", "left right", "d"), ("Relu", "d", "y")], inputs=two)
    one, other = pictures(2), pictures(2)
    is_onnxruntimes(model, one, other)
    with pytest.raises(nv.ArgumentError, match="of several inputs one after the other"):
        nv.from_onnx(model).predict(one)
    fixed = nv.from_onnx(model, values={"right": other[:1]})
    wanted = np.maximum(one - other[:1], 0).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(fixed.predict(one.transpose(0, 2, 3, 1)), wanted)
    turned = nv.from_onnx(model, input="right", values={"left": other[:1]})
    wanted = np.maximum(other[:1] - one, 0).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(turned.predict(one.transpose(0, 2, 3, 1)), wanted)
    with pytest.raises(nv.ArgumentError, match="has no input 'up'; it has left, right"):
        nv.from_onnx(model, input="up")
    with pytest.raises(nv.ArgumentError, match="has no input 'up'"):
        nv.from_onnx(model, values={"up": one})


def test_weights_that_come_at_run_time():
    model = network([("Conv", "x w", "y")], inputs=[("x", "N", 3, 8, 8), ("w", 4, 3, 3, 3)])
    is_onnxruntimes(model, pictures(), weight(4, 3, 3, 3), tolerance=1e-4)
    read = nv.from_onnx(model)
    assert "until its input 'w' is known" in repr(read)
    with pytest.raises(nv.ArgumentError, match=r"takes 2 input\(s\) \(x, w\), got 1"):
        read.run_onnx(pictures())
    known = nv.from_onnx(model, values={"w": weight(4, 3, 3, 3)})
    assert known.output_shape == (6, 6, 4)


def test_pictures_of_any_size():
    nodes = [("Conv", "x w", "a"), ("GlobalAveragePool", "a", "y")]
    sizes = [("x", "N", 3, "rows", "cols")]
    free = network(nodes, {"w": weight(4, 3, 3, 3)}, inputs=sizes)
    is_onnxruntimes(free, pictures(2, 3, 5, 9), tolerance=1e-4)
    assert nv.from_onnx(free, size=(20, 30)).input.shape == (20, 30, 3)
    with pytest.raises(nv.ArgumentError, match=r"takes values=.* and size=\(rows, cols\)"):
        nv.from_onnx(free).summary()
    for wrong in ((20,), (0, 3), "20×30", 20):
        with pytest.raises(nv.ArgumentError, match="size must be the lengths of the 2 axes"):
            nv.from_onnx(free, size=wrong)
    fixed = nv.from_onnx(network([("Relu", "x", "y")]))
    assert fixed.run_onnx(pictures(2, 3, 4, 4))[0].shape == (2, 3, 4, 4)  # the file is read again


def test_run_onnx_is_for_models_of_onnx_files():
    model = nv.Sequential([Flatten(), Dense(2)], input_shape=(3, 3, 1))
    with pytest.raises(nv.ArgumentError, match="wants a model read by"):
        model.run_onnx(np.zeros((1, 1, 3, 3)))


def test_names_are_the_files():
    nodes = [
        ("Relu", "x", "a", "/features/0/Relu"),
        ("Relu", "a", "b", "twice"),
        ("Relu", "b", "c", "twice"),
        ("Relu", "c", "input"),
        ("Relu", "input", "y"),
    ]
    read = nv.from_onnx(network(nodes))
    assert [n.name for n in read.nodes] == ["features/0/Relu", "twice", "twice_2", "input_2", "y"]


def test_bytes_as_pictures_are_taken_from_0_to_255():
    model = network([("Cast", "x", "f", {"to": 1}), ("Mul", "f k", "y")],
                    {"k": np.array(2, np.float32)}, inputs=[("x", "N", 6, 5, 3)])  # fmt: skip
    model.graph.input[0].type.tensor_type.elem_type = 2
    x = RNG.integers(0, 256, (2, 6, 5, 3), np.uint8)
    is_onnxruntimes(model, x)
    np.testing.assert_allclose(nv.from_onnx(model).predict(x), 2.0 * x, rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "ours"),
    [
        ((8, 4, 4), (4, 4, 8)),
        ((8, 8, 3), (8, 8, 3)),
        ((3, 8, 8), (8, 8, 3)),
        ((8, 9, 7), (9, 7, 8)),
    ],
)
def test_a_small_map_of_many_channels_is_not_taken_for_channels_last(shape, ours):
    model = network([("Relu", "x", "y")], inputs=[("x", "N", *shape)])
    assert nv.from_onnx(model).input.shape == ours
