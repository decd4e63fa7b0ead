"""ONNX files on the command line: summary, convert, evaluate, and errors as far as one can go."""

from __future__ import annotations

import numpy as np
import pytest

import nnviz as nv
from nnviz import cli

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper  # noqa: E402


def run(capsys, *words):
    code = cli.main([str(word) for word in words])
    got = capsys.readouterr()
    return code, got.out, got.err


def written(path, nodes, *, shape=("N", 3, 8, 8), out=("N", 3, 8, 8)):
    """An ONNX file of these nodes from `x` to `y`."""
    kind = TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, out)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def test_a_file_is_summed_up_and_converted(tmp_path, capsys):
    path = written(tmp_path / "net.onnx", [helper.make_node("Relu", ["x"], ["y"], "act")])
    code, printed, _ = run(capsys, "summary", path)
    assert code == 0
    assert "act (ReLU)" in printed
    code, printed, error = run(capsys, "convert", path, tmp_path / "net.npz")
    assert (code, printed.strip()) == (0, str(tmp_path / "net.npz"))
    assert "does not say how its pictures were prepared" in error
    code, _, error = run(capsys, "convert", path, tmp_path / "net.npz", "--preprocess", "none")
    assert (code, error) == (0, "")
    again = nv.load(tmp_path / "net.npz")
    x = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    assert np.allclose(again.predict(x), x / 255)


def unreadable(path, depth=1):
    """A file whose last nodes nobody here knows."""
    nodes = [helper.make_node("Relu", ["x"], ["a0"], "act")]
    for i in range(depth):
        made = "y" if i == depth - 1 else f"a{i + 1}"
        nodes.append(helper.make_node("NonMaxSuppression", [f"a{i}", "x"], [made], f"nms{i}"))
    return written(path, nodes, shape=(1, 3, 8, 8))


def test_a_file_with_an_unknown_operator_is_taken_as_far_as_it_goes(tmp_path, capsys):
    path = unreadable(tmp_path / "net.onnx")
    code, printed, error = run(capsys, "summary", path)
    assert code == 0
    assert "act (ReLU)" in printed
    assert "nnviz: left out: node 'nms0' (NonMaxSuppression, number 2 of the file)" in error
    code, _, error = run(capsys, "convert", path, tmp_path / "net.npz")
    assert code == 2
    assert "'nms0'" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "net.npz").exists()
    code, _, error = run(capsys, "convert", path, tmp_path / "net.npz", "--partial")
    assert code == 0
    assert "left out" in error
    assert [node.name for node in nv.load(tmp_path / "net.npz").nodes] == ["act"]


def test_of_much_that_is_left_out_the_first_is_told(tmp_path, capsys):
    _, _, error = run(capsys, "summary", unreadable(tmp_path / "net.onnx", 20))
    assert error.count("nnviz: left out") == 13
    assert "nnviz: left out: 8 more" in error


def test_a_free_size_is_said(tmp_path, capsys):
    shape = ("N", 3, "rows", "cols")
    node = helper.make_node("Relu", ["x"], ["y"], "act")
    path = written(tmp_path / "net.onnx", [node], shape=shape, out=shape)
    words = ("convert", path, tmp_path / "net.npz", "--preprocess", "tf")
    code, _, error = run(capsys, *words)
    assert code == 2
    assert "size=(rows, cols)" in error
    assert run(capsys, *words, "--size", "6x5")[0] == 0
    assert nv.load(tmp_path / "net.npz").input.shape == (6, 5, 3)


def test_size_and_output_are_for_onnx_files(tmp_path, capsys):
    code, _, error = run(capsys, "convert", "mnist-cnn", tmp_path / "a.npz", "--size", "3x3")
    assert code == 2
    assert "for ONNX files alone: --size; got mnist-cnn" in error


def test_a_missing_file_is_named(tmp_path, capsys):
    code, _, error = run(capsys, "convert", tmp_path / "gone.onnx", tmp_path / "a.npz")
    assert code == 2
    assert "gone.onnx" in error


def test_real_networks_score_what_they_should(tmp_path, shared_data, capsys):
    """Tiny VGG has 14 of its 20 pictures right, on its own pictures by their names."""
    folder = shared_data / "models"
    names = ["lifeboat", "ladybug", "pizza", "bell pepper", "school bus", "koala", "espresso",
             "red panda", "orange", "sport car"]  # fmt: skip
    (tmp_path / "names.txt").write_text("\n".join(names))
    code, _, _ = run(
        capsys, "convert", folder / "tiny_vgg.onnx", tmp_path / "vgg.npz", "--preprocess", "none",
        "--labels", tmp_path / "names.txt", "--fit", "stretch",
    )  # fmt: skip
    assert code == 0
    model = nv.load(tmp_path / "vgg.npz")
    assert model.classes == names
    held = np.load(folder / "golden_tiny_vgg.npz")
    assert (model.predict(held["pixels"]).argmax(axis=1) == held["output"].argmax(axis=1)).all()


def two_outputs(path):
    """A file with two outputs, `y` and `z`, of pictures whose size it leaves free."""
    kind, shape = TensorProto.FLOAT, ("N", 3, "rows", "cols")
    nodes = [helper.make_node("Relu", ["x"], ["y"], "first"),
             helper.make_node("Tanh", ["y"], ["z"], "second")]  # fmt: skip
    ends = [helper.make_tensor_value_info(name, kind, shape) for name in "xyz"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def test_summary_and_diagram_take_what_an_onnx_file_leaves_open(tmp_path, capsys):
    path = two_outputs(tmp_path / "net.onnx")
    code, printed, _ = run(capsys, "summary", path, "--size", "6x5")
    assert code == 0
    assert "first (ReLU)" in printed
    words = ("--size", "6x5", "--output", "z")
    code, printed, _ = run(capsys, "summary", path, *words)
    assert code == 0
    assert "second (Tanh)" in printed
    code, _, _ = run(capsys, "diagram", path, *words, "--out", tmp_path / "d.svg")
    assert code == 0
    assert "second" in (tmp_path / "d.svg").read_text(encoding="utf-8")
    code, _, error = run(capsys, "summary", path, "--size", "6x5", "--output", "q")
    assert code == 2
    assert "no output named 'q'" in error
    code, _, error = run(capsys, "summary", "mnist-cnn", "--output", "q")
    assert code == 2
    assert "for ONNX files alone: " in error


def test_several_outputs_are_written(tmp_path, capsys):
    path, out = two_outputs(tmp_path / "net.onnx"), tmp_path / "again.onnx"
    words = (path, out, "--size", "6x5", "--preprocess", "none")
    code, _, _ = run(capsys, "convert", *words, "--outputs", "second", "first")
    assert code == 0
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 5)).astype(np.float32)
    found = nv.load(out).run_onnx(x)
    np.testing.assert_allclose(found[0], np.tanh(np.maximum(x, 0)), rtol=1e-6)
    np.testing.assert_array_equal(found[1], np.maximum(x, 0))
    kept = tmp_path / "kept.npz"
    for source, to in ((path, out), (path, kept), (kept, out)):  # all of them, by any way
        size = () if source is kept else words[2:]
        code, _, _ = run(capsys, "convert", source, to, *size)
        assert code == 0
        found = nv.load(to).run_onnx(x)
        np.testing.assert_array_equal(found[0], np.maximum(x, 0))
        np.testing.assert_allclose(found[1], np.tanh(np.maximum(x, 0)), rtol=1e-6)
    code, _, _ = run(capsys, "convert", *words, "--output", "z")  # the one chosen is the first
    np.testing.assert_allclose(nv.load(out).run_onnx(x)[0], np.tanh(np.maximum(x, 0)), rtol=1e-6)
    code, _, error = run(capsys, "convert", path, tmp_path / "a.npz", "--outputs", "first")
    assert code == 2
    assert "--outputs is for an ONNX file" in error
    code, _, error = run(capsys, "convert", *words, "--outputs", "third")
    assert code == 2
    assert "no node named 'third'" in error


def test_compare_and_compare_methods_take_a_prepared_onnx_file(tmp_path, capsys):
    model = nv.load("mnist-cnn")
    path = model.to_onnx(tmp_path / "net.onnx")
    words = ("--data", "sample", "--preprocess", "none")
    code, printed, _ = run(
        capsys, "compare", path, "mnist-cnn", *words, "--maps", "0", "--out", tmp_path / "c"
    )
    assert code == 0
    assert "answered differently" in printed
    code, printed, _ = run(
        capsys, "compare-methods", path, *words, "--pictures", "1", "--methods", "saliency",
        "--out", tmp_path / "m", "--quiet",
    )  # fmt: skip
    assert code == 0
    assert "saliency" in printed
