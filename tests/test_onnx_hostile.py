"""ONNX files that mean harm, or are merely broken: one clear error, at once, in little memory."""

from __future__ import annotations

import os
import tracemalloc

import numpy as np
import pytest

import nnviz as nv

onnx = pytest.importorskip("onnx")
helper, numpy_helper = onnx.helper, onnx.numpy_helper

MEMORY = 200_000_000


def network(nodes, weights=(), inputs=(("x", 1, [1, 3, 8, 8]),), outputs=("y",), opset=17):
    """A model of these nodes; weights are arrays by name or tensors."""
    tensors = [
        w if isinstance(w, onnx.TensorProto) else numpy_helper.from_array(w[1], w[0])
        for w in weights
    ]
    graph = helper.make_graph(
        list(nodes),
        "hostile",
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(name, 1, None) for name in outputs],
        tensors,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def node(op, inputs, outputs=("y",), name="", **attributes):
    return helper.make_node(op, list(inputs), list(outputs), name=name, **attributes)


def ints(name, *values):
    return name, np.array(values, np.int64)


def refused(model, match, tmp_path=None):
    """Reading it is one `FileError` and takes little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(nv.FileError, match=match) as caught:
            nv.from_onnx(model, memory=MEMORY)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)


def small(**settings):
    weight = np.zeros((2, 3, 3, 3), np.float32)
    return network([node("Conv", ["x", "w"])], [("w", weight)], **settings)


def test_the_small_network_is_sound():
    assert nv.from_onnx(small(), memory=MEMORY).output_shape == (6, 6, 2)


@pytest.mark.parametrize("name", ["opt-mnist", "tiny_vgg"])
def test_a_file_cut_off_anywhere(name, shared_data, tmp_path):
    data = (shared_data / "models" / f"{name}.onnx").read_bytes()
    path = tmp_path / "cut.onnx"
    for size in range(0, len(data), 1024):
        path.write_bytes(data[:size])
        with pytest.raises(nv.FileError, match=r"cut\.onnx"):
            nv.from_onnx(path, memory=MEMORY)


def test_what_is_no_onnx_file(tmp_path):
    for content in (b"", b"PK\x03\x04 zip", b"\x00" * 5000, b"{}", b"\xff" * 100):
        (tmp_path / "no.onnx").write_bytes(content)
        refused(tmp_path / "no.onnx", "no ONNX")
    with pytest.raises(nv.FileError, match="cannot read"):
        nv.from_onnx(tmp_path / "missing.onnx")
    with pytest.raises(nv.FileError, match="cannot read"):
        nv.from_onnx(tmp_path)
    with pytest.raises(nv.ArgumentError, match="is given as a path, bytes or"):
        nv.from_onnx(3)


def test_a_file_beyond_the_memory_limit(tmp_path):
    path = tmp_path / "large.onnx"
    path.write_bytes(b"x" * 1001)
    with pytest.raises(nv.FileError, match=r"has 1,001 bytes: memory= allows 1,000"):
        nv.from_onnx(path, memory=1000)
    for wrong in (0, -1, True, 1.5, "1 GB"):
        with pytest.raises(nv.ArgumentError, match="memory must be a number of bytes"):
            nv.from_onnx(path, memory=wrong)


@pytest.mark.parametrize("dims", [(100_000_000_000 // 4,), (2**40, 2**40), (2**62, 4), (-1, 5)])
def test_a_weight_that_claims_more_than_is_there(dims):
    tensor = onnx.TensorProto(name="w", data_type=1, dims=dims, raw_data=b"\x00" * 64)
    refused(network([node("Conv", ["x", "w"])], [tensor]), "claims|negative size")


def test_a_weight_of_numbers_one_by_one_that_claims_more():
    tensor = onnx.TensorProto(name="w", data_type=1, dims=[7], float_data=[1.0] * 6)
    refused(network([node("Add", ["x", "w"])], [tensor]), "claims 7 numbers of float32, and 6")
    text = onnx.TensorProto(name="w", data_type=8, dims=[1], string_data=[b"x"])
    refused(network([node("Add", ["x", "w"])], [text]), "holds no numbers")
    unknown = onnx.TensorProto(name="w", data_type=99, dims=[1])
    refused(network([node("Add", ["x", "w"])], [unknown]), "holds no numbers")


def outside(location, **more):
    """A network whose weight lies in another file."""
    tensor = onnx.TensorProto(name="w", data_type=1, dims=[2, 3, 3, 3])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        tensor.external_data.add(key=key, value=str(value))
    return network([node("Conv", ["x", "w"])], [tensor])


@pytest.mark.parametrize(
    "location", ["../secret.bin", "/etc/passwd", "a/../../secret.bin", "link.bin", "", "."]
)
def test_external_data_stays_in_the_files_folder(location, tmp_path):
    folder = tmp_path / "inside"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(216))
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    (folder / "net.onnx").write_bytes(outside(location).SerializeToString())
    refused(folder / "net.onnx", "outside the file's folder: refused|not beside the file")


def test_external_data_is_read_where_it_is_right(tmp_path):
    weight = np.random.default_rng(0).random((2, 3, 3, 3), np.float32)
    (tmp_path / "data.bin").write_bytes(b"1234" + weight.tobytes())
    model = outside("data.bin", offset=4, length=216)
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    layer = nv.from_onnx(tmp_path / "net.onnx").nodes[0].layer
    np.testing.assert_array_equal(layer.params["weight"], weight.transpose(2, 3, 1, 0))
    refused(model.SerializeToString(), "give the path of the .onnx")


@pytest.mark.parametrize(
    "more", [{"offset": 5}, {"length": 217}, {"offset": -4}, {"offset": 2**63}, {"length": 10**11}]
)
def test_external_data_that_claims_more_than_is_there(more, tmp_path):
    (tmp_path / "data.bin").write_bytes(bytes(220))
    (tmp_path / "net.onnx").write_bytes(outside("data.bin", **more).SerializeToString())
    refused(tmp_path / "net.onnx", "claims 216 bytes")
    (tmp_path / "net.onnx").write_bytes(outside("data.bin", offset="here").SerializeToString())
    refused(tmp_path / "net.onnx", "lies at no place")
    (tmp_path / "net.onnx").write_bytes(outside("none.bin").SerializeToString())
    refused(tmp_path / "net.onnx", "not beside the file")


def test_external_data_beyond_the_memory_limit(tmp_path):
    (tmp_path / "data.bin").write_bytes(bytes(216))
    (tmp_path / "net.onnx").write_bytes(outside("data.bin").SerializeToString())
    with pytest.raises(nv.FileError, match="216 bytes of weights beside it"):
        nv.from_onnx(tmp_path / "net.onnx", memory=215)


def test_circles_and_double_names():
    circle = [node("Relu", ["b"], ["a"]), node("Relu", ["a"], ["b"]), node("Add", ["x", "b"])]
    refused(network(circle), "run in a circle, through a, b")
    refused(network([node("Relu", ["y"], ["y"])]), "circle")
    refused(network([node("Relu", ["x"]), node("Tanh", ["x"])]), "both make 'y'")
    both = [node("Relu", ["a"], ["x"]), node("Relu", ["b"], ["y"])]
    weights = [("a", np.ones(3, np.float32)), ("b", np.ones(3, np.float32))]
    refused(network(both, weights), "two things in it are named 'x'")
    weight = ("w", np.zeros((2, 3, 3, 3), np.float32))
    refused(network([node("Conv", ["x", "w"])], [weight, weight]), "two weights are named 'w'")
    twice = (("x", 1, [1, 3, 8, 8]), ("x", 1, [1, 3, 8, 8]))
    refused(network([node("Relu", ["x"])], inputs=twice), "two things in it are named 'x'")


def test_what_the_checker_says_moves_no_cursor():
    damaged = network([node("Transpose", ["x"], **{"pe\x7fm": [0, 2, 3, 1]})])
    refused(damaged, r"is damaged, says onnx .*pe\ufffdm for operator Transpose")


def test_what_nothing_makes():
    refused(network([node("Relu", ["z"])]), "reads 'z', which nothing makes")
    refused(network([node("Relu", ["x"])], outputs=["q"]), "nothing makes its output 'q'")
    refused(network([node("Relu", ["x"])], outputs=[]), "has no output")
    refused(network([]), "has no nodes")


def test_nodes_in_any_order_are_read():
    model = nv.from_onnx(network([node("Tanh", ["a"]), node("Relu", ["x"], ["a"])]))
    assert [n.name for n in model.nodes] == ["a", "y"]


@pytest.mark.parametrize(
    "nodes",
    [
        [node("ConstantOfShape", ["huge"], ["c"]), node("Add", ["x", "c"])],
        [node("Expand", ["one", "huge"], ["c"]), node("Add", ["x", "c"])],
        [node("Tile", ["one", "huge"], ["c"]), node("Add", ["x", "c"])],
        [node("Range", ["zero", "far", "by"], ["c"]), node("Add", ["x", "c"])],
        [node("GlobalMaxPool", ["x"], ["p"]), node("Expand", ["p", "wide"])],
        [node("Tile", ["x", "wide"])],
        [node("Pad", ["x", "pads"])],
        [node("Resize", ["x", "", "", "wide"])],
        [node("Resize", ["x", "", "scales"])],
        [node("MatMul", ["tall", "flat"], ["c"]), node("Add", ["x", "c"])],
        [node("Add", ["tall", "flat"], ["c"]), node("Add", ["x", "c"])],
        [node("Reshape", ["x", "wide"])],
        [node("OneHot", ["one", "far", "ends"], ["c"]), node("Add", ["x", "c"])],
    ],
    ids=lambda nodes: f"{nodes[0].op_type}-{nodes[0].input[0]}",
)
def test_bombs(nodes):
    weights = [
        ints("huge", 2**20, 2**10, 2**10, 1),
        ints("wide", 1, 3, 2**20, 2**20),
        ints("pads", 0, 0, 2**30, 2**30, 0, 0, 2**30, 2**30),
        ("scales", np.array([1, 1, 1e9, 1e9], np.float32)),
        ("one", np.ones((1, 1, 1, 1), np.float32)),
        ("zero", np.array(0.0, np.float32)),
        ("far", np.array(1e12, np.float32)),
        ("by", np.array(1.0, np.float32)),
        ("ends", np.zeros(2, np.float32)),
        ("tall", np.ones((30_000, 1), np.float32)),
        ("flat", np.ones((1, 30_000), np.float32)),
    ]
    refused(network(nodes, weights), "memory=|unknown to nnviz|do not fit the shape")


def test_a_constant_that_doubles_again_and_again():
    nodes = [node("Concat", [f"c{i}", f"c{i}"], [f"c{i + 1}"], axis=0) for i in range(40)]
    start = ("c0", np.ones((1, 1, 1, 8), np.float32))
    refused(network([*nodes, node("Add", ["x", "c40"])], [start]), "memory= allows")


def test_shapes_that_overflow():
    for shape in ([1, 3, 2**31, 2**31], [1, 2**62, 2**62, 4]):
        refused(network([node("Relu", ["x"])], inputs=[("x", 1, shape)]), "memory= allows")
    for size in (0, -4):  # a free size, as some exporters write it
        model = nv.from_onnx(network([node("Relu", ["x"])], inputs=[("x", 1, [1, 3, size, 8])]))
        with pytest.raises(nv.ArgumentError, match=r"until its input 'x' is known: .* 1×3×\?×8"):
            model.predict(np.zeros((1, 8, 8, 3)))


def test_functions_that_unfold_without_end():
    def call(i, given, made):
        """A node that calls the next function, 40 levels deep."""
        return node(f"F{i}" if i < 41 else "Relu", given, made, domain="own" if i < 41 else "")

    functions = [
        helper.make_function(
            "own",
            f"F{i}",
            ["a"],
            ["b"],
            [call(i + 1, ["a"], ["c"]), call(i + 1, ["c"], ["b"])],
            [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)],
        )
        for i in range(41)
    ]  # fmt: skip
    model = network([node("F0", ["x"], domain="own")])
    model.opset_import.append(helper.make_opsetid("own", 1))
    model.functions.extend(functions)
    refused(model, "would unfold to more than")
    del model.functions[:]
    itself = helper.make_function(
        "own", "F0", ["a"], ["b"], [node("F0", ["a"], ["b"], domain="own")],
        [helper.make_opsetid("own", 1)],
    )  # fmt: skip
    model.functions.append(itself)
    refused(model, "calls itself")


def test_a_files_own_functions_are_written_out():
    twice = helper.make_function(
        "own", "Twice", ["a"], ["b"], [node("Add", ["a", "a"], ["b"])],
        [helper.make_opsetid("", 17)],
    )  # fmt: skip
    model = network([node("Twice", ["x"], domain="own")])
    model.opset_import.append(helper.make_opsetid("own", 1))
    model.functions.append(twice)
    x = np.random.default_rng(0).random((1, 3, 8, 8), np.float32)
    np.testing.assert_array_equal(nv.from_onnx(model).run_onnx(x)[0], 2 * x)


def test_opsets():
    refused(network([node("Relu", ["x"])], opset=5), "uses opset 5; nnviz with onnx .* reads 6 to")
    refused(network([node("Relu", ["x"])], opset=999), "uses opset 999")
    model = network([node("Relu", ["x"])])
    del model.opset_import[:]
    refused(model, "does not say which opset")


def test_an_unknown_operator_is_told_with_all_that_helps():
    model = network([node("Relu", ["x"], ["a"]), node("NonMaxSuppression", ["a", "a"], name="nms")])
    refused(
        model,
        "uses the operator NonMaxSuppression, unknown to nnviz, at node 'nms' "
        r"\(NonMaxSuppression, number 2 of the file\); "
        "the file uses NonMaxSuppression 1×, Relu 1×; nnviz knows .*Conv",
    )


@pytest.mark.parametrize(
    ("made", "match"),
    [
        (node("Conv", ["x", "w"], group=2), "does not fit 3 channels"),
        (node("Conv", ["x", "w"], kernel_shape=[5, 5]), "kernel_shape is"),
        (node("Conv", ["x", "w"], strides=[0, 1]), "strides is"),
        (node("Conv", ["x", "w"], strides=[1]), "strides is"),
        (node("Conv", ["x", "w"], pads=[-1, 0, 0, 0]), "pads are"),
        (node("Conv", ["x", "w"], auto_pad="MAYBE"), "auto_pad is 'MAYBE'"),
        (node("Conv", ["x", "vector"]), "its weight has the shape"),
        (node("Conv", ["x", "x"]), "computed from the data"),
        (node("ConvTranspose", ["x", "vector"]), "does not fit 3 channels"),
        (node("MaxPool", ["x"]), "kernel_shape"),
        (node("MaxPool", ["x"], kernel_shape=[9, 9]), "does not fit"),
        (node("Transpose", ["x"], perm=[0, 1, 2, 2]), "its perm"),
        (node("Squeeze", ["x", "one"]), "longer than 1"),
        (node("Unsqueeze", ["x", "many"]), "its axes"),
        (node("Reshape", ["x", "seven"]), "do not fit|cannot be read"),
        (node("Slice", ["x", "zero", "zero", "one"]), "leaves nothing"),
        (node("Pad", ["x", "one"]), "its pads"),
        (node("Softmax", ["x"], axis=7), "axis 7"),
        (node("Gather", ["x", "many"], axis=1), "Gather wants the places"),
        (node("Resize", ["x", "", "one_float"]), "neither sizes nor scales"),
        (node("Resize", ["x", "", "four"], mode="magic"), "its mode is 'magic'"),
        (node("Split", ["x", "one"], ["y", "z"], axis=1), "splits a length of 3"),
        (node("Gemm", ["x", "w"]), "do not fit"),
        (node("MatMul", ["x", "matrix"]), "do not fit"),
        (node("BatchNormalization", ["x", *["vector"] * 4]), "has shape"),
        (node("Cast", ["x"], to=8), "holds no numbers"),
    ],
    ids=lambda value: value.op_type if hasattr(value, "op_type") else None,
)  # fmt: skip
def test_wrong_settings_are_one_error_that_names_the_node(made, match):
    weights = [
        ("w", np.zeros((2, 3, 3, 3), np.float32)),
        ("vector", np.ones(5, np.float32)),
        ("matrix", np.ones((5, 5), np.float32)),
        ("four", np.ones(4, np.float32)),
        ("one_float", np.ones(1, np.float32)),
        ints("one", 1),
        ints("zero", 0),
        ints("many", 9, 10, 11),
        ints("seven", 7, 7),
    ]
    refused(network([made], weights, outputs=made.output), match)


def test_attributes_of_the_wrong_kind_are_one_error():
    weight = ("w", np.zeros((2, 3, 3, 3), np.float32))
    for attributes in ({"strides": "two"}, {"group": 1.5}, {"kernel_shape": [2**62, 2**62]}):
        refused(network([node("Conv", ["x", "w"], **attributes)], [weight]), "hostile|Conv|damaged")
    nameless = node("Relu", ["x"])
    nameless.attribute.add(name="alpha")  # of no kind at all
    refused(network([nameless]), "damaged")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    path = tmp_path / "net.onnx"
    os.mkfifo(path)
    refused(path, "no ordinary file")
