"""Damage by chance: thousands of ONNX files that something has happened to. Each is read, or is one
clear error, whatever it was."""

from __future__ import annotations

import contextlib
import random

import numpy as np
import pytest

import nnviz as nv

onnx = pytest.importorskip("onnx")

MEMORY = 200_000_000
NUMBERS = (0, 1, 2, -1, -3, 255, 100_000, 2**31 - 1, 2**31, 2**32, 2**62, 2**63 - 1, -(2**63))
FLOATS = (0.0, -1.0, 1e38, 1e-38, float("nan"), float("inf"))
WORDS = (b"", b"\xff\xfe", b"SAME_UPPER", b"reflect", b"cubic", b"\n")
KEYS = ("axis", "axes", "pads", "strides", "group", "kernel_shape", "dilations", "perm", "keepdims",
        "mode", "split", "num_outputs", "blocksize", "output_shape", "to", "alpha")  # fmt: skip
VALUES = (1, -3, [1, 2], [-1], 2.5, "x", [0, 0, 0, 0], [2**40, 2**40])
OPERATORS = ("Conv", "ConvTranspose", "MaxPool", "LpPool", "Gemm", "MatMul", "Reshape", "Expand",
             "Resize", "Pad", "Tile", "Slice", "Split", "Gather", "Concat", "Softmax", "Transpose",
             "Dropout", "Cast", "ReduceL2", "PRelu", "Clip", "BatchNormalization")  # fmt: skip


def sound():
    """Graphs with many operators and weights, all of which can be read."""
    parse = onnx.parser.parse_model
    first = parse(
        """<ir_version: 8, opset_import: ["" : 17]>
        net (float[N, 3, 8, 8] x) => (float[N, 4] y)
        <float[4, 3, 3, 3] w, float[4] b, int64[2] flat = {0, -1}, float[36, 4] dense, float[4] s,
         float[4] scales = {1, 1, 2, 2}, int64[2] ones = {1, 1}, int64[2] fours = {4, 4},
         int64[2] sides = {2, 3}, int64[2] parts = {2, 2}>
        { c = Conv <pads = [1, 1, 1, 1], strides = [2, 2]> (x, w, b)
          n = BatchNormalization (c, s, b, b, s)
          r = Relu (n)
          p = MaxPool <kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1> (r)
          u = Resize <mode = "linear"> (p, , scales)
          l, m = Split <axis = 1> (u, parts)
          j = Concat <axis = 1> (l, m)
          a = AveragePool <kernel_shape = [2, 2], auto_pad = "SAME_UPPER"> (j)
          z = Slice (a, ones, fours, sides)
          f = Reshape (z, flat)
          d = Gemm (f, dense, b)
          y = Softmax <axis = 1> (d) }"""
    )
    second = parse(
        """<ir_version: 8, opset_import: ["" : 13]>
        net (float[1, 2, 6, 6] x) => (float[1, 2, 9, 11] y)
        <float[2, 3, 2, 2] t, int64[8] pads = {0, 0, 1, 1, 0, 0, 0, 2},
         int64[4] wide = {1, 3, 1, 1},
         float[3, 1, 1] slope, int64[2] kept = {0, 2}, float[1, 3, 1, 1] k>
        { c = ConvTranspose <strides = [2, 2]> (x, t)
          p = PRelu (c, slope)
          e = Expand (k, wide)
          m = Mul (p, e)
          g = Gather <axis = 1> (m, kept)
          q = Pad <mode = "constant"> (g, pads)
          v = Transpose <perm = [0, 2, 3, 1]> (q)
          o = Transpose <perm = [0, 3, 1, 2]> (v)
          s = ReduceL2 <axes = [1]> (o)
          d = Div (o, s)
          h = LpPool <kernel_shape = [5, 5], p = 3> (d)
          y = Clip (h) }"""
    )
    rng = np.random.default_rng(0)
    for model in (first, second):
        for value in model.graph.value_info:
            shape = [d.dim_value for d in value.type.tensor_type.shape.dim]
            array = rng.uniform(0.5, 1, shape).astype(np.float32)
            model.graph.initializer.append(onnx.numpy_helper.from_array(array, value.name))
        del model.graph.value_info[:]
    return [first.SerializeToString(), second.SerializeToString()]


def any_of(draw: random.Random, things):
    """One of them; None where there are none."""
    return draw.choice(list(things)) if len(things) else None


def harm(draw: random.Random, model) -> None:
    """Change one thing in a model, somewhere."""
    graph = model.graph
    node, tensor = any_of(draw, graph.node), any_of(draw, graph.initializer)
    names = [name for n in graph.node for name in (*n.input, *n.output)] or [""]
    attribute = any_of(draw, node.attribute)
    way = draw.randrange(11)
    if way == 0 and len(tensor.dims):
        tensor.dims[draw.randrange(len(tensor.dims))] = draw.choice(NUMBERS)
    elif way == 1 and attribute is not None:
        if attribute.ints:
            attribute.ints[draw.randrange(len(attribute.ints))] = draw.choice(NUMBERS)
        attribute.i, attribute.f = draw.choice(NUMBERS), draw.choice(FLOATS)
        attribute.s = draw.choice(WORDS)
    elif way == 2 and tensor.data_type in (1, 7):
        kind = np.float32 if tensor.data_type == 1 else np.int64
        array = onnx.numpy_helper.to_array(tensor).copy()
        if array.size:
            array.reshape(-1)[draw.randrange(array.size)] = draw.choice(
                FLOATS if kind is np.float32 else NUMBERS
            )
        tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    elif way == 3 and node.input:
        node.input[draw.randrange(len(node.input))] = draw.choice(["", *names])
    elif way == 4:
        node.op_type = draw.choice(OPERATORS)
    elif way == 5 and node.output:
        node.output[draw.randrange(len(node.output))] = draw.choice(["", "x", "y", *names])
    elif way == 6:
        port = graph.input[0].type.tensor_type
        port.shape.dim[draw.randrange(4)].dim_value = draw.choice(NUMBERS)
    elif way == 7:
        graph.input[0].type.tensor_type.elem_type = draw.choice((0, 2, 7, 8, 10, 11, 14, 99))
    elif way == 8:
        tensor.data_type = draw.choice((2, 3, 6, 7, 8, 10, 11, 14, 16, 20, 22, 23))
    elif way == 9:
        node.attribute.append(onnx.helper.make_attribute(draw.choice(KEYS), draw.choice(VALUES)))
    else:
        model.opset_import[0].version = draw.choice((6, 7, 9, 10, 11, 13, 18, 21, 26, 99))


def scratched(draw: random.Random, data: bytes) -> bytes:
    """Some bytes changed, left out or put in."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4, 10))):
        at, way = draw.randrange(len(changed)), draw.randrange(4)
        if way == 0:
            changed[at] ^= 1 << draw.randrange(8)
        elif way == 1:
            changed[at] = draw.choice((0, 255, 127, 128))
        elif way == 2:
            del changed[at : at + draw.randrange(1, 20)]
        else:
            changed[at:at] = draw.randbytes(draw.randrange(1, 9))
    return bytes(changed)


def damaged(draw: random.Random, data: bytes) -> bytes:
    if draw.random() < 0.4:
        return scratched(draw, data)
    model = onnx.load_from_string(data)
    for _ in range(draw.choice((1, 1, 2, 3))):
        with contextlib.suppress(ValueError, TypeError):  # where it was harmed before
            harm(draw, model)
    return model.SerializeToString()


def taken(data: bytes) -> str:
    """What comes of a file: an error's class, or what could be done with it."""
    try:
        model = nv.from_onnx(data, memory=MEMORY)
        if type(model) is not nv.Model:
            return "waits"
        largest = max(np.prod(shape) for shape in model.shapes.values())
        if largest < 100_000:
            with np.errstate(all="ignore"):
                model.run(np.zeros((2, *model.input.shape), np.float32), keep=())
        return "runs"
    except (nv.FileError, nv.ArgumentError) as error:
        return type(error).__name__ if str(error).isprintable() else repr(error)


def many(seed: int, count: int) -> None:
    draw, files = random.Random(seed), sound()
    came = {taken(damaged(draw, draw.choice(files))) for _ in range(count)}
    assert came <= {"FileError", "ArgumentError", "runs", "waits"}
    assert {"FileError", "runs"} <= came


def test_the_sound_files_are_read():
    assert [taken(data) for data in sound()] == ["runs", "runs"]


def test_damage_by_chance_is_one_error():
    many(0, 800)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 9))
def test_much_damage_by_chance_is_one_error(seed):
    many(seed, 3000)


NETWORKS = (
    "opt-mnist",
    "tiny_vgg",
    "resnet20_cifar10",
    "mobilenet_v1_0.25_128",
    "squeezenet1_0_dc",
)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_cut_off_after_every_kilobyte(name, shared_data):
    data = (shared_data / "models" / f"{name}.onnx").read_bytes()
    for size in range(0, len(data), 1024):
        with pytest.raises(nv.FileError, match="it is damaged"):
            nv.from_onnx(data[:size], memory=MEMORY)


@pytest.mark.parametrize("name", NETWORKS)
def test_scratched_networks(name, shared_data):
    data = (shared_data / "models" / f"{name}.onnx").read_bytes()
    draw = random.Random(0)
    for _ in range(8):
        taken(scratched(draw, data))


def one(op, *, shape=(1, 3, 9, 8), weights=(), inputs=(), opset=17, **attributes):
    """A file of one node, whose input is a picture."""
    names = ["x", *inputs, *(w.name for w in weights)]
    node = onnx.helper.make_node(op, names, ["y"], "it", **attributes)
    graph = onnx.helper.make_graph(
        [node], "g", [onnx.helper.make_tensor_value_info("x", 1, shape)],
        [onnx.helper.make_tensor_value_info("y", 1, None)], list(weights),
    )  # fmt: skip
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])


def kernel(*shape):
    return onnx.numpy_helper.from_array(np.ones(shape, np.float32), "w")


@pytest.mark.parametrize(
    ("model", "match"),
    [
        (one("LpPool", kernel_shape=[10**9, 4], auto_pad="SAME_LOWER"), "far larger than its"),
        (one("MaxPool", kernel_shape=[10**6, 4], auto_pad="SAME_UPPER"), "far larger than its"),
        (one("MaxPool", kernel_shape=[2, 2], strides=[2**40, 1]), "strides is"),
        (one("Conv", weights=[kernel(2, 3, 3, 3)], pads=[2**40, 0, 2**40, 0]), "pads are"),
        (one("Conv", weights=[kernel(2, 3, 3, 3)], pads=[2**30, 0, 0, 2**30]), "its padded input"),
        (one("ConvTranspose", weights=[kernel(3, 2, 3, 3)], strides=[2**30, 1]), "what it spreads"),
        (one("ConvTranspose", weights=[kernel(3, 2, 3, 3)], output_padding=[10**9, 0]), "weight"),
        (one("Min", inputs=("",)), "lacks one of its inputs"),
    ],
    ids=lambda value: None,
)  # fmt: skip
def test_windows_without_end(model, match):
    with pytest.raises(nv.FileError, match=match):
        nv.from_onnx(model, memory=MEMORY)


def test_names_that_are_no_text():
    data = one("Relu").SerializeToString().replace(b"\x02it", b"\x02\xff\xfe")
    with pytest.raises(nv.FileError, match="is damaged"):
        nv.from_onnx(data)
    with pytest.raises(nv.FileError, match=r"has no operator: 'Re\\nu'"):
        nv.from_onnx(one("Re\nu"))


def test_complex_weights_are_no_numbers():
    tensor = onnx.numpy_helper.from_array(np.ones(3, np.complex64), "w")
    with pytest.raises(nv.FileError, match="holds no numbers"):
        nv.from_onnx(one("Add", weights=[tensor]))


@pytest.mark.parametrize("op", ["If", "Loop"])
def test_branches_at_run_time_are_refused_by_name(op):
    with pytest.raises(nv.FileError, match=f"the operator {op}, unknown to nnviz, at node 'it'"):
        nv.from_onnx(one(op))
