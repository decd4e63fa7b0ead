"""Files with several inputs: which one the pictures are, and where the others come from."""

from __future__ import annotations

import numpy as np
import pytest

import nnviz as nv
from nnviz import cli

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

RNG = np.random.default_rng(5)
LEFT, RIGHT = (RNG.standard_normal((3, 3, 8, 9), np.float32) for _ in range(2))
SHIFT = RNG.standard_normal((3, 5), np.float32)


def port(name, *shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape or None)


def file(nodes, weights, inputs, outputs):
    held = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "g", inputs, outputs, held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def twins(n="N"):
    """The difference of two pictures' features by one convolution, and a shift of the answer."""
    weights = {
        "w": RNG.standard_normal((4, 3, 3, 3), np.float32),
        "d": RNG.standard_normal((4, 5), np.float32),
    }
    node = helper.make_node
    nodes = [
        node("Conv", ["left", "w"], ["a"], pads=[1] * 4), node("Relu", ["a"], ["ar"]),
        node("Conv", ["right", "w"], ["b"], pads=[1] * 4), node("Relu", ["b"], ["br"]),
        node("Sub", ["ar", "br"], ["c"]), node("GlobalAveragePool", ["c"], ["g"]),
        node("Flatten", ["g"], ["f"]), node("MatMul", ["f", "d"], ["m"]),
        node("Add", ["m", "shift"], ["y"]),
    ]  # fmt: skip
    inputs = [port("left", n, 3, 8, 9), port("right", n, 3, 8, 9), port("shift", n, 5)]
    return file(nodes, weights, inputs, [port("y", n, 5), port("br")])


def theirs(model, **inputs):
    runtime = pytest.importorskip("onnxruntime")
    return runtime.InferenceSession(model.SerializeToString()).run(None, inputs)


@pytest.mark.parametrize("n", [1, 3])
def test_every_picture_has_a_row_of_each_input(n):
    model, inputs = twins(), (LEFT[:n], RIGHT[:n], SHIFT[:n])
    wanted = theirs(model, left=inputs[0], right=inputs[1], shift=inputs[2])
    for mine, other in zip(nv.from_onnx(model).run_onnx(*inputs), wanted, strict=True):
        assert mine.dtype == other.dtype
        np.testing.assert_allclose(mine, other, atol=1e-5)


def test_an_input_without_a_batch_stands_beside_rows():
    # The second is a picture of its own for each; the third is one number for all of them.
    node = helper.make_node
    nodes = [node("Conv", ["a", "w"], ["c"]), node("Add", ["c", "b"], ["s"]),
             node("Mul", ["s", "k"], ["y"])]  # fmt: skip
    model = file(
        nodes,
        {"w": RNG.standard_normal((2, 3, 3, 3), np.float32)},
        [port("a", "N", 3, 8, 9), port("b", "N", 2, 6, 7), port("k", 1)],
        [port("y")],
    )
    b, k = RNG.standard_normal((3, 2, 6, 7), np.float32), np.float32([1.5])
    (got,) = nv.from_onnx(model).run_onnx(LEFT, b, k)
    np.testing.assert_allclose(got, theirs(model, a=LEFT, b=b, k=k)[0], atol=1e-5)


@pytest.mark.parametrize("which", ["left", "right"])
def test_one_input_is_explained_where_the_others_have_values(which, tmp_path):
    model, other = twins(), {"left": "right", "right": "left"}[which]
    held = {other: RIGHT[:1], "shift": SHIFT[:1]}
    mine = nv.from_onnx(model, input=which, values=held)
    alike = {which: LEFT, other: RIGHT[:1].repeat(3, 0), "shift": SHIFT[:1].repeat(3, 0)}
    wanted, features = theirs(model, **alike)
    ours = LEFT.transpose(0, 2, 3, 1)
    np.testing.assert_allclose(mine.predict(ours), wanted, atol=1e-5)
    np.testing.assert_allclose(mine.run(ours)["br"].y.transpose(0, 3, 1, 2), features, atol=1e-5)
    np.testing.assert_allclose(mine.run_onnx(LEFT)[0], wanted, atol=1e-5)
    assert nv.saliency(mine, ours[:1], 2).values.any()
    mine.save(tmp_path / "net.npz")
    np.testing.assert_array_equal(nv.load(tmp_path / "net.npz").predict(ours), mine.predict(ours))
    mine.to_onnx(tmp_path / "out.onnx")
    again, *_ = theirs(onnx.load(tmp_path / "out.onnx"), input=LEFT)
    np.testing.assert_allclose(again, wanted, atol=1e-5)


def test_a_number_stands_for_all_of_an_input():
    model = twins()
    mine = nv.from_onnx(model, values={"right": 0.5, "shift": 0})
    wanted, _ = theirs(model, left=LEFT, right=np.full_like(RIGHT, 0.5), shift=0 * SHIFT)
    np.testing.assert_allclose(mine.predict(LEFT.transpose(0, 2, 3, 1)), wanted, atol=1e-5)


def test_inputs_that_do_not_go_together_are_refused():
    nodes = [
        helper.make_node("Conv", ["a", "w"], ["c"]),
        helper.make_node("Add", ["c", "b"], ["y"]),
    ]
    inputs = [port("a", "N", 3, 8, 9), port("b", "N", 2, 6, 7)]
    weights = {"w": RNG.standard_normal((2, 3, 3, 3), np.float32)}
    model = nv.from_onnx(file(nodes, weights, inputs, [port("y")]))
    with pytest.raises(nv.FileError, match=r"net|Conv"):
        model.run_onnx(LEFT, RNG.standard_normal((2, 2, 6, 7), np.float32))


def run(capsys, *words):
    code = cli.main([str(word) for word in words])
    got = capsys.readouterr()
    return code, got.out, got.err


def test_the_command_line_says_which_input_and_gives_the_others(tmp_path, capsys):
    path, array = tmp_path / "twins.onnx", tmp_path / "right.npy"
    onnx.save(twins(), path)
    np.save(array, RIGHT[:1])
    code, _, error = run(capsys, "summary", path, "--input", "left")
    assert code != 0
    assert "until its input 'right' is known" in error
    assert "--value" in error
    given = ("--input", "left", "--value", f"right={array}", "--value", "shift=0.25")
    code, printed, _ = run(capsys, "summary", path, *given)
    assert code == 0
    assert "b (Conv2D)" in printed
    code, _, error = run(
        capsys, "convert", path, tmp_path / "net.npz", *given, "--preprocess", "none"
    )
    assert (code, error) == (0, "")
    again, pixels = nv.load(tmp_path / "net.npz"), RNG.random((2, 8, 9, 3), np.float32)
    mine = nv.from_onnx(path, input="left", values={"right": RIGHT[:1], "shift": 0.25})
    np.testing.assert_allclose(again.predict(pixels), mine.predict(pixels), atol=1e-6)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--value", "right"), "expected NAME=NUMBER or NAME=FILE.npy, got 'right'"),
        (("--value", "right=1", "--value", "right=2"), "--value gives right more than once"),
        (("--value", "right=nothing.npy"), "cannot read an array from nothing.npy"),
        (("--value", "wrong=1"), "no input 'wrong'; it has left, right, shift"),
        (("--input", "wrong"), "no input 'wrong'; it has left, right, shift"),
    ],
)
def test_wrong_words_about_inputs_are_one_error(words, said, tmp_path, capsys):
    onnx.save(twins(), tmp_path / "twins.onnx")
    code, _, error = run(capsys, "summary", tmp_path / "twins.onnx", *words)
    assert code == 2
    assert said in error


def test_a_file_of_several_arrays_is_no_value(tmp_path, capsys):
    onnx.save(twins(), tmp_path / "twins.onnx")
    np.savez(tmp_path / "two.npz", a=SHIFT, b=SHIFT)
    words = ("--value", f"right={tmp_path / 'two.npz'}")
    code, _, error = run(capsys, "summary", tmp_path / "twins.onnx", *words)
    assert code == 2
    assert "must be a .npy file, which holds one array" in error


def test_python_lines_say_the_inputs():
    from argparse import Namespace

    from nnviz.cli_input import model_line

    bare = dict.fromkeys(("size", "output", "labels", "preprocess", "mean", "scale", "fit",
                          "channel_order"))  # fmt: skip
    told = Namespace(**bare, model="net.onnx", input="left",
                     value=[("right", "r.npy"), ("shift", 0.25)])  # fmt: skip
    assert model_line(told) == (
        "import numpy as np\nimport nnviz as nv\nmodel = nv.from_onnx('net.onnx', input='left', "
        "values={'right': np.load('r.npy'), 'shift': 0.25})"
    )


@pytest.mark.parametrize("order", [0, 1])
def test_places_of_maxima_count_through_the_batch(order):
    """The second output of MaxPool, behind a convolution, for any batch."""
    node = helper.make_node
    nodes = [node("Conv", ["x", "w"], ["c"]),
             node("MaxPool", ["c"], ["y", "places"], kernel_shape=[2, 2], strides=[2, 1],
                  pads=[1, 0, 0, 1], storage_order=order)]  # fmt: skip
    weights = {"w": RNG.standard_normal((2, 3, 3, 3), np.float32)}
    outputs = [port("y"), port("places", kind=TensorProto.INT64)]
    model = file(nodes, weights, [port("x", "N", 3, 8, 9)], outputs)
    read = nv.from_onnx(model)
    for n in (1, 3):
        got, places = read.run_onnx(LEFT[:n])
        wanted, where = theirs(model, x=LEFT[:n])
        np.testing.assert_allclose(got, wanted, atol=1e-5)
        assert places.dtype == where.dtype
        np.testing.assert_array_equal(places, where)


def counted(*tail):
    """The places of maxima behind a convolution, and what is made of them."""
    node = helper.make_node
    nodes = [node("Conv", ["x", "w"], ["c"]),
             node("MaxPool", ["c"], ["p", "places"], kernel_shape=[2, 2], strides=[2, 2]),
             node("MaxPool", ["c"], ["same", "each"], kernel_shape=[1, 1]), *tail]  # fmt: skip
    weights = {
        "w": RNG.standard_normal((2, 3, 3, 3), np.float32),
        "from": np.array([0, 0]),
        "to": np.array([1, 1]),
        "axes": np.array([2, 3]),
        "two": np.float32([2]),
    }
    return file(nodes, weights, [port("x", "N", 3, 8, 9)], [port("y")])


def test_places_come_back_from_the_file_that_is_written(tmp_path):
    """What to_onnx writes for places (their rest, divided by a picture's numbers) is read again."""
    node = helper.make_node("Cast", ["places"], ["y"], to=1)
    model, x = nv.from_onnx(counted(node)), LEFT[:3]
    wanted = model.predict(x.transpose(0, 2, 3, 1))
    model.to_onnx(tmp_path / "back.onnx")
    back = nv.from_onnx(tmp_path / "back.onnx")
    np.testing.assert_array_equal(back.predict(x.transpose(0, 2, 3, 1)), wanted)
    told = theirs(onnx.load(tmp_path / "back.onnx"), input=x)[0]
    np.testing.assert_array_equal(back.run_onnx(x)[0], told)


@pytest.mark.parametrize("divisor", [84, 42, 7])
def test_what_is_left_of_places_after_a_division(divisor):
    """42 numbers a channel, 84 a picture: for any batch as onnxruntime has it."""
    node = helper.make_node
    tail = [node("Mod", ["places", "k"], ["m"]), node("Cast", ["m"], ["y"], to=1)]
    model = counted(*tail)
    model.graph.initializer.append(numpy_helper.from_array(np.array([divisor]), "k"))
    for n in (1, 3):
        got = nv.from_onnx(model).run_onnx(LEFT[:n])[0]
        np.testing.assert_array_equal(got, theirs(model, x=LEFT[:n])[0])


def test_a_rest_that_is_not_of_whole_numbers_is_refused():
    node = helper.make_node
    tail = [node("Cast", ["places"], ["f"], to=1), node("Mod", ["f", "two"], ["y"], fmod=1)]
    with pytest.raises(nv.FileError, match="divides by one positive number, and not as fmod does"):
        nv.from_onnx(counted(*tail))


def test_places_within_a_channel_are_right_for_any_batch():
    """As PyTorch's exporter makes them: less the place of each channel's first number."""
    model = counted(
        helper.make_node("Slice", ["each", "from", "to", "axes"], ["first"]),
        helper.make_node("Sub", ["places", "first"], ["inside"]),
        helper.make_node("Cast", ["inside"], ["real"], to=1),
        helper.make_node("Mul", ["real", "two"], ["y"]),
    )
    read = nv.from_onnx(model)
    for n in (1, 3):
        np.testing.assert_array_equal(read.run_onnx(LEFT[:n])[0], theirs(model, x=LEFT[:n])[0])
    assert isinstance(read.predict(LEFT.transpose(0, 2, 3, 1)), np.ndarray)


def test_places_laid_out_otherwise_still_count_through_the_batch():
    model = counted(
        helper.make_node("Transpose", ["places"], ["t"], perm=[0, 2, 3, 1]),
        helper.make_node("Cast", ["t"], ["y"], to=1),
    )
    read = nv.from_onnx(model)
    for n in (1, 3):
        np.testing.assert_array_equal(read.run_onnx(LEFT[:n])[0], theirs(model, x=LEFT[:n])[0])


def test_a_count_through_the_batch_is_not_computed_with():
    """Twice a place grows twice as fast from picture to picture: for one picture it is right."""
    model = counted(
        helper.make_node("Cast", ["places"], ["real"], to=1),
        helper.make_node("Mul", ["real", "two"], ["y"]),
    )
    (got,) = nv.from_onnx(model).run_onnx(LEFT[:1])
    np.testing.assert_array_equal(got, theirs(model, x=LEFT[:1])[0])
    with pytest.raises(nv.FileError, match="counted through the batch"):
        nv.from_onnx(model).run_onnx(LEFT)


# Several inputs that each picture has a row of ----------------------------------------------------


def test_a_model_of_several_inputs_is_saved_and_exported(tmp_path):
    model, inputs = twins(), {"left": LEFT, "right": RIGHT, "shift": SHIFT}
    mine = nv.from_onnx(model)
    assert mine.input.shape == (3 * 8 * 9 * 2 + 5,)
    mine.save(tmp_path / "net.npz")
    again = nv.load(tmp_path / "net.npz")
    again.to_onnx(tmp_path / "out.onnx")
    written = onnx.load(tmp_path / "out.onnx")
    assert [value.name for value in written.graph.input] == list(inputs)
    for n in (1, 3):
        rows = {name: array[:n] for name, array in inputs.items()}
        wanted = theirs(model, **rows)[0]
        for other in (mine, again, nv.load(tmp_path / "out.onnx")):
            np.testing.assert_allclose(other.run_onnx(*rows.values())[0], wanted, atol=1e-5)
        np.testing.assert_allclose(theirs(written, **rows)[0], wanted, atol=1e-5)
    row = np.concatenate(
        [
            a.reshape(3, -1)
            for a in (LEFT.transpose(0, 2, 3, 1), RIGHT.transpose(0, 2, 3, 1), SHIFT)
        ],
        axis=1,
    )
    np.testing.assert_allclose(mine.predict(row), theirs(model, **inputs)[0], atol=1e-5)
    np.testing.assert_array_equal(mine.run(row)["left"].y, LEFT.transpose(0, 2, 3, 1))


def test_what_was_cut_off_is_no_input_of_the_file(tmp_path):
    """A part of the model that reads one of its inputs alone."""
    from nnviz.engine.rewrite import up_to

    model = twins()
    part = up_to(nv.from_onnx(model), "br")
    part.to_onnx(tmp_path / "part.onnx")
    written = onnx.load(tmp_path / "part.onnx")
    assert [value.name for value in written.graph.input] == ["right"]
    wanted = theirs(model, left=LEFT, right=RIGHT, shift=SHIFT)[1]
    np.testing.assert_allclose(theirs(written, right=RIGHT)[0], wanted, atol=1e-5)


@pytest.mark.parametrize(
    "inputs",
    [
        [port("left", "N", 3, "rows", 9), port("right", "N", 3, "rows", 9), port("shift", "N", 5)],
        [port("left", 2, 3, 8, 9), port("right", "N", 3, 8, 9), port("shift", "N", 5)],
        [port("left", "N", 3, 8, 9), port("right", "N", 3, 8, 9), port("shift")],
    ],
    ids=["a size is not known", "the batches differ", "a shape is not known"],
)
def test_inputs_that_are_no_rows_wait_for_values(inputs):
    model = twins()
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    waiting = nv.from_onnx(model)
    with pytest.raises(nv.ArgumentError, match=r"until its input .* is known"):
        waiting.summary()
    n = inputs[0].type.tensor_type.shape.dim[0].dim_value or 3
    rows = (LEFT[:n], RIGHT[:n], SHIFT[:n])
    wanted = theirs(model, left=rows[0], right=rows[1], shift=rows[2])[0]
    np.testing.assert_allclose(waiting.run_onnx(*rows)[0], wanted, atol=1e-5)


def test_several_inputs_from_the_command_line_and_back(tmp_path, capsys):
    onnx.save(twins(), tmp_path / "twins.onnx")
    code, printed, _ = run(capsys, "summary", tmp_path / "twins.onnx")
    assert code == 0
    assert "left (Reshape)" in printed
    assert run(capsys, "convert", tmp_path / "twins.onnx", tmp_path / "net.npz")[0] == 0
    assert run(capsys, "convert", tmp_path / "net.npz", tmp_path / "out.onnx")[0] == 0
    names = [value.name for value in onnx.load(tmp_path / "out.onnx").graph.input]
    assert names == ["left", "right", "shift"]
    code, _, error = run(capsys, "report", tmp_path / "twins.onnx", "--out", tmp_path / "g")
    assert code == 2
    assert "--input says which of left, right, shift are the pictures" in error
