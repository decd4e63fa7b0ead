"""Data on the command line: `data list`, `get` and `show`, and the options that say how to read."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from PIL import Image

import nnviz as nv
from nnviz import cli
from nnviz.data import PLANTED
from nnviz.data.catalogue import CATALOGUE
from nnviz.engine.layers import Dense, Flatten, Softmax
from nnviz.errors import ArgumentError

RNG = np.random.default_rng(0)


def put(path, value=0, size=(6, 6)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, value, np.uint8)).save(path)


@pytest.fixture
def run(capsys):
    """Runs a command: exit code, lines of its output, its error."""

    def go(*words):
        code = cli.main([str(word) for word in words])
        out = capsys.readouterr()
        return code, out.out.splitlines(), out.err

    return go


@pytest.fixture
def pets(tmp_path):
    for name, count in (("cat", 2), ("dog\x1b[31m", 1), ("犬😀", 3)):
        for i in range(count):
            put(tmp_path / "pets" / name / f"{i}.png", 40 * i)
    return tmp_path / "pets"


def test_list_says_what_there_is(run, monkeypatch, tmp_path):
    monkeypatch.setenv("NNVIZ_DATA", str(tmp_path))
    code, lines, _ = run("data", "list")
    assert code == 0
    assert [line.split()[0] for line in lines] == ["name", "sample", *CATALOGUE, *PLANTED, "cache:"]
    table = dict(line.split(maxsplit=1) for line in lines)
    assert table["mnist"].startswith("11.6 MB")
    assert " no " in table["mnist"]
    assert "CC BY-SA 3.0" in table["mnist"]
    assert " yes " in table["sample"]
    assert table["cache:"] == str(tmp_path)


def test_list_and_get_find_what_is_cached(run, monkeypatch, shared_data):
    monkeypatch.setenv("NNVIZ_DATA", str(shared_data))
    table = dict(line.split(maxsplit=1) for line in run("data", "list")[1])
    assert " yes " in table["mnist"]
    assert run("data", "get", "mnist")[:2] == (0, [str(shared_data / "mnist")])


def test_get_of_an_unknown_name(run):
    code, lines, error = run("data", "get", "mnits")
    assert (code, lines) == (2, [])
    assert error.startswith("nnviz: no data set named 'mnits' (did you mean 'mnist'?)")


def test_show_counts_and_draws(run, pets, tmp_path):
    code, lines, _ = run("data", "show", pets, "--each", 2, "--out", tmp_path / "a")
    assert code == 0
    assert lines == [
        "pets: 6 pictures, 6×6×1 (rows, cols, channels)",
        "    0         2  cat",
        "    1         1  dog\ufffd[31m",
        "    2         3  犬😀",
        str(tmp_path / "a.png"),
    ]
    with Image.open(tmp_path / "a.png") as drawn:
        assert drawn.size[1] == 3 * 60 + 2 * 4


def test_show_without_labels(run, tmp_path):
    put(tmp_path / "one.png")
    code, lines, _ = run("data", "show", tmp_path / "one.png", "--out", tmp_path / "a.png")
    assert (code, lines[1]) == (0, "no labels")


def test_show_on_an_output_that_cannot_write_the_names(pets, tmp_path, monkeypatch):
    narrow = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    assert cli.main(["data", "show", str(pets), "--out", str(tmp_path / "a.png")]) == 0
    narrow.flush()
    assert b"         3  ??\n" in narrow.buffer.getvalue()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "the following arguments are required"),
        (("fetch",), "invalid choice: 'fetch'"),
        (("show", "nowhere"), "there is no data 'nowhere'"),
        (("show", "sample", "--split", "x"), "no split named 'x'"),
        (("show", "sample", "--resize", "28"), "expected ROWSxCOLS, such as 28x28, got '28'"),
        (("show", "sample", "--rows", "1"), "rows= is not for the sample"),
        (("show", "sample", "--each", "0"), "each must lie in 1..100, got 0"),
        (("show", "sample", "--out", "gone/a.png"), "cannot write gone/a.png"),
    ],
)
def test_a_mistake_is_one_line(run, words, message):
    code, lines, error = run("data", *words)
    assert code == 2
    assert message in error
    assert error.count("\n") == 1
    assert not lines or "sheet.png" not in lines[-1]


# Models and data --------------------------------------------------------------------------------


@pytest.fixture
def model(tmp_path):
    """A model that answers with the class whose pictures are brighter; it names its classes."""
    net = nv.Sequential([Flatten(), Dense(3), Softmax()], (6, 6, 1), seed=0)
    net.classes = ["white", "black", "other"]
    weights = net.nodes[1].layer.params
    weights["weight"][:] = np.array([1, -1, -9], np.float32)
    weights["bias"][:] = np.array([0, 18, 0], np.float32)
    net.save(tmp_path / "model.npz")
    return tmp_path / "model.npz"


def test_labels_count_as_the_model_does(run, model, tmp_path):
    folder = tmp_path / "shades"
    for i in range(3):
        put(folder / "black" / f"{i}.png", i)
        put(folder / "white" / f"{i}.png", 255 - i, (12, 12))
    code, lines, _ = run("evaluate", model, "--data", folder, "--resize", "6x6")
    assert code == 0
    assert "accuracy 100.00% of 6 pictures" in lines[0], "the folder has black first"


def test_a_class_that_the_model_does_not_know(run, model, tmp_path):
    put(tmp_path / "shades" / "black" / "1.png")
    put(tmp_path / "shades" / "grey" / "1.png", 99)
    code, _, error = run("evaluate", model, "--data", tmp_path / "shades")
    assert code == 2
    assert "has pictures of 'grey', which is not among the classes white, black, other" in error


def test_class_names_in_order():
    pictures = nv.data.Dataset(np.zeros((3, 2, 2, 1)), np.array([0, 1, 1]), ("a", "b"))
    np.testing.assert_array_equal(pictures.in_order("cba").y, [2, 1, 1])
    with pytest.raises(ArgumentError, match=r"has pictures of 'a', which is not among the .* b, c"):
        pictures.in_order("bc")
    with pytest.raises(ArgumentError, match="pictures has no class names to put in order"):
        nv.data.Dataset(np.zeros((3, 2, 2, 1))).in_order("ab")


def test_training_needs_something_held_out(run, tmp_path):
    lines = ["label," + ",".join(f"pixel{i}" for i in range(36))]
    lines += [",".join(map(str, [i % 10, *RNG.integers(0, 256, 36)])) for i in range(20)]
    (tmp_path / "train.csv").write_text("\n".join(lines))
    words = ("train", "--data", tmp_path / "train.csv", "--out", tmp_path / "m.npz")
    code, _, error = run(*words)
    assert code == 2
    assert "train.csv lacks a test set of its own: give --holdout N" in error
    (tmp_path / "test.csv").write_text("\n".join(line.split(",", 1)[1] for line in lines))
    code, _, error = run("train", "--data", tmp_path, "--out", tmp_path / "m.npz")
    assert code == 2
    assert "lacks labels in its test set: give --holdout N" in error


def test_nothing_to_learn_from_and_too_much_held_out(run, tmp_path):
    put(tmp_path / "plain" / "1.png")
    words = ("train", "--out", tmp_path / "m.npz", "--data")
    code, _, error = run(*words, tmp_path / "plain", "--holdout", 1)
    assert code == 2
    assert "plain has no labels: nothing to learn from" in error
    for count in (0, 1000):
        code, _, error = run(*words, "sample", "--holdout", count)
        assert code == 2
        assert f"--holdout must lie between 1 and 999, got {count}" in error


def test_the_report_says_how_the_data_was_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b").mkdir()
    args = cli.parser().parse_args(
        ["evaluate", "m", "--data", "a b", "--split", "train", "--resize", "3x4"]
    )
    from nnviz.cli_data import load_line

    wanted = "data = nv.data.load('a b', 'train', resize=(3, 4))"
    model = nv.load("mnist-cnn")
    assert load_line(model, args) == wanted
    plain = cli.parser().parse_args(["report"])
    assert load_line(model, plain) == "data = nv.data.load('sample')"
    drawn = cli.parser().parse_args(["evaluate", "m", "--data", "planted-glyph", "--n", "9"])
    wanted = "data = nv.data.load('planted-glyph', size=(28, 28), channels=1, n=9)"
    assert load_line(model, drawn) == wanted
    fitted = nv.with_input(model, nv.prepared(model.input, fit="crop"))
    wanted = "data = nv.data.load('sample', channels=1, resize=(28, 28), fit='crop')"
    assert load_line(fitted, plain) == wanted
