"""The command line on bad input: one line on stderr, exit code 2, nothing half-written."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from commands import idx, run
from pages import cnn, hurried
from PIL import Image

import nnviz as nv
from nnviz import cli_data
from nnviz.cli import main
from nnviz.data import Dataset
from nnviz.files import read_npz, write_npz


def refused(capsys, *words):
    """The one line that a refused command says."""
    code, out, err = run(capsys, *words)
    assert code == 2
    assert out == []
    assert len(err) == 1
    assert err[0].startswith("nnviz: ")
    assert "Traceback" not in err[0]
    return err[0].removeprefix("nnviz: ")


@pytest.fixture
def old(tmp_path):
    """A folder with an old gallery, which must stay as it was."""
    folder = tmp_path / "gallery"
    folder.mkdir()
    (folder / "index.html").write_text("old")
    yield folder
    assert [path.name for path in folder.iterdir()] == ["index.html"]
    assert (folder / "index.html").read_text() == "old"


# Models ---------------------------------------------------------------------------------------


def truncated(path, model):
    path.write_bytes(model.read_bytes()[:-500])


def no_model(path, model):
    path.write_bytes(b"hello, I am a model")


def pickled(path, model):
    np.savez(path, a=np.array([{}], dtype=object))


def other_arrays(path, model):
    write_npz(path, {"a": np.zeros(3)})


def wrong_shapes(path, model):
    arrays = read_npz(model, "model")
    arrays["conv2d_1/weight"] = arrays["conv2d_1/weight"][:2]
    write_npz(path, arrays)


def not_finite(path, model):
    arrays = read_npz(model, "model")
    arrays["conv2d_1/weight"][0] = np.nan
    write_npz(path, arrays)


MODELS = {
    truncated: "is no nnviz model file, or it is damaged: File is not a zip file",
    no_model: "is no nnviz model file, or it is damaged",
    pickled: "Python objects, which are never read",
    other_arrays: "is no nnviz model file: it has no model.json but a",
    wrong_shapes: "float32 of shape (2, 3, 1, 3), expected float of (3, 3, 1, 3)",
    not_finite: "conv2d_1/weight has values that are NaN or infinite",
}


@pytest.mark.parametrize("spoil", MODELS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("command", ["report", "evaluate", "summary", "diagram", "explain"])
def test_model_files_that_are_none(capsys, world, tmp_path, old, spoil, command):
    path = tmp_path / "bad.npz"
    spoil(path, world / "model.npz")
    words = {
        "report": ["report", path, "--out", old],
        "evaluate": ["evaluate", path, "--data", world / "digits"],
        "summary": ["summary", path],
        "diagram": ["diagram", path, "--out", old / "diagram.svg"],
        "explain": ["explain", world / "large.png", "--model", path, "--out", old / "a.png"],
    }[command]
    said = refused(capsys, *words)
    assert MODELS[spoil] in said
    assert "bad.npz" in said


def test_a_model_that_is_not_there(capsys, old):
    said = refused(capsys, "report", "nope", "--out", old)
    assert said.startswith("there is no model 'nope': give the path of a model file, or one of")


# Data -----------------------------------------------------------------------------------------


def wrong_magic(folder):
    (folder / "t10k-images-idx3-ubyte").write_bytes(b"\0\0\x0d\x03" + b"\0" * 50)


def too_short(folder):
    path = folder / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])


def broken_gzip(folder):
    path = folder / "t10k-labels-idx1-ubyte"
    path.write_bytes(gzip.compress(path.read_bytes())[:-12])


def other_count(folder):
    idx(folder, "t10k-labels-idx1-ubyte", np.zeros(3))


def empty(folder):
    idx(folder, "t10k-images-idx3-ubyte", np.zeros((0, 28, 28)))
    idx(folder, "t10k-labels-idx1-ubyte", np.zeros(0))


def outside(folder):
    idx(folder, "t10k-labels-idx1-ubyte", np.full(5, 10))


def other_size(folder):
    idx(folder, "t10k-images-idx3-ubyte", np.zeros((5, 27, 28)))


def gone(folder):
    (folder / "t10k-labels-idx1-ubyte").unlink()


DATA = {
    wrong_magic: "is no IDX file of pictures or labels: it begins with 3331, expected 2051 or 2049",
    too_short: "is too short: 5×28×28 needs 3,920 bytes, got 3,919",
    broken_gzip: "is damaged",
    other_count: "has 5 pictures, but",
    empty: "holds no pictures",
    outside: "which is not among the classes 0, 1, 2",
    other_size: "expected N×28×28×1",
    gone: "has no test data: expected t10k-images-idx3-ubyte[.gz] and t10k-labels",
}


@pytest.mark.parametrize("spoil", DATA, ids=lambda f: f.__name__)
@pytest.mark.parametrize("command", ["report", "evaluate"])
def test_data_that_is_none(capsys, world, tmp_path, old, spoil, command):
    folder = tmp_path / "digits"
    folder.mkdir()
    idx(folder, "t10k-images-idx3-ubyte", np.full((5, 28, 28), 9))
    idx(folder, "t10k-labels-idx1-ubyte", np.arange(5))
    spoil(folder)
    words = [command, world / "model.npz", "--data", folder]
    said = refused(capsys, *words, *(["--out", old] if command == "report" else []))
    assert DATA[spoil] in said


def test_data_that_is_not_there(capsys, world, tmp_path, old):
    model = world / "model.npz"
    said = refused(capsys, "report", model, "--data", tmp_path / "no", "--out", old)
    assert "there is no data" in said
    said = refused(capsys, "report", model, "--data", model, "--out", old)
    assert "has no test pictures" in said
    said = refused(capsys, "report", model, "--split", "valid", "--out", old)
    assert "no split named 'valid'; a data set has train, test" in said


def test_pictures_without_labels(capsys, world, tmp_path, monkeypatch):
    bare = Dataset(np.zeros((3, 28, 28, 1), np.uint8), name="bare")
    monkeypatch.setattr(cli_data.data, "load", lambda *a: bare)
    said = refused(capsys, "evaluate", world / "model.npz", "--data", "sample")
    assert said == "bare has no labels: nothing to evaluate against"
    said = refused(capsys, "train", "--data", "bare", "--out", tmp_path / "a")
    assert said == "bare has no labels: nothing to learn from"


def test_pictures_that_are_no_numbers(capsys, world, old, monkeypatch):
    x = np.zeros((3, 28, 28, 1), np.float32)
    x[2, 3, 4] = np.nan
    monkeypatch.setattr(cli_data.data, "load", lambda *a: Dataset(x, np.arange(3)))
    said = refused(capsys, "report", world / "model.npz", "--out", old)
    assert said.startswith("the input has 1 value(s) that are NaN or infinite: clean")


# Words that are unknown -----------------------------------------------------------------------

EXPLAIN = [
    (
        ["--node", "conv9"],
        "no node named 'conv9' (did you mean 'conv2d_1'?); this model has",
    ),
    (["--node", "flatten_1"], "node 'flatten_1' has shape"),
    (["--target", "dog"], "no class named 'dog'; this model has 0, 1,"),
    (["--target", "99"], "class 99 is not among the model's 10"),
    (["--target", "-1"], "no class named '-1'"),
    (["--method", "limes"], "no method named 'limes'"),
    (["--set", "steps"], "--set wants NAME=VALUE, such as --set steps=50, got 'steps'"),
    (["--set", "colour=1"], "grad_cam has no option 'colour'; it has node, rule"),
    (["--score", "odds"], "no score named 'odds'; nnviz has logit, probability, log-probability"),
    (["--against", "99"], "class 99 is not among the model's 10"),
    (["--rule", "nice"], "no rule named 'nice'"),
    (["--method", "occlusion", "--rule", "guided"], "occlusion has no option 'rule'; it has patch"),
    (["--method", "occlusion", "--patch", "0"], "patch must be one or two whole numbers of at le"),
    (["--method", "occlusion", "--patch", "29"], "a patch of 29×29 is larger than the picture"),
    (["--cmap", "rainbows"], "no colour map named 'rainbows'"),
    (["--patch", "x"], "argument --patch: invalid int value: 'x'; see: python -m nnviz explain -"),
]


@pytest.mark.parametrize(("words", "message"), EXPLAIN, ids=[" ".join(w) for w, _ in EXPLAIN])
def test_explain_is_told_nonsense(capsys, world, tmp_path, words, message):
    out = tmp_path / "why.png"
    image = world / "dark-on-light.png"
    said = refused(capsys, "explain", image, "--model", world / "model.npz", "--out", out, *words)
    assert message in said
    assert not out.exists()


def test_pictures_that_are_none(capsys, world, tmp_path):
    rest = ["--model", world / "model.npz", "--out", tmp_path / "a.png"]
    (tmp_path / "text.png").write_text("no picture")
    assert "cannot be read as a picture" in refused(capsys, "explain", tmp_path / "text.png", *rest)
    assert "there is no picture" in refused(capsys, "explain", tmp_path / "gone\n.png", *rest)
    two = nv.Sequential([nv.Flatten(), nv.Dense(2)], (4, 4, 2))
    two.save(tmp_path / "two.npz")
    Image.new("L", (4, 4)).save(tmp_path / "x.png")
    said = refused(capsys, "explain", tmp_path / "x.png", "--model", tmp_path / "two.npz")
    assert said == "pictures are read with 1 or 3 channels, the model has 2"
    nv.Sequential([nv.Dense(2)], (4,)).save(tmp_path / "flat.npz")
    for words in (["explain", tmp_path / "x.png", "--model"], ["report", "--out", tmp_path / "o"]):
        assert "a model for pictures" in refused(capsys, *words, tmp_path / "flat.npz")
    assert not (tmp_path / "o").exists()


def test_folders_that_cannot_be_written(capsys, world, tmp_path):
    (tmp_path / "file").write_text("mine")
    model, image, inside = world / "model.npz", world / "light-on-dark.png", tmp_path / "file" / "a"
    for words in (
        ["report", model, "--data", world / "digits", "--out", inside],
        ["train", "--data", world / "digits", "--out", inside],
        ["diagram", model, "--out", f"{inside}.svg"],
        ["explain", image, "--model", model, "--out", f"{inside}.png"],
        ["explain", image, "--model", model, "--out", tmp_path / "a.png", "--numbers", inside],
    ):
        said = refused(capsys, *words)
        assert said.startswith(("cannot make the folder ", "cannot write "))
        assert said.endswith((": Not a directory", ": File exists"))
    (tmp_path / "folder.npz").mkdir()
    said = refused(capsys, "train", "--data", world / "digits", "--out", tmp_path / "folder.npz")
    assert said.endswith("it is a folder; give the model file's name")
    both = ["--out", tmp_path / "same.npz", "--checkpoint", tmp_path / "same.npz"]
    said = refused(capsys, "train", "--data", world / "digits", *both)
    assert said.endswith("same.npz: give two files")
    said = refused(capsys, "diagram", model, "--out", tmp_path / "a.jpg")
    assert said == "cannot draw into 'a.jpg': the file must end in .png or .svg"
    said = refused(capsys, "explain", image, "--model", model, "--out", tmp_path / "a.jpg")
    assert said.endswith("a.jpg': --out must end in .png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.npz"]


def test_training_is_told_nonsense(capsys, world, tmp_path):
    words = ["train", "--data", world / "digits", "--out", tmp_path / "a.npz", "--quiet"]
    assert "no recipe named 'cake'; nnviz has mnist-cnn" in refused(
        capsys, *words, "--recipe", "cake"
    )
    for n in (0, 40, -3):
        said = refused(capsys, *words, "--holdout", n)
        assert said == f"--holdout must lie between 1 and 39, got {n}"
    assert "epochs" in refused(capsys, *words, "--epochs", "0")
    assert list(tmp_path.iterdir()) == []


# argparse -------------------------------------------------------------------------------------

MISTAKES = [
    ([], "the following arguments are required: name_of_command; see: python -m nnviz --help"),
    (["dance"], "argument name_of_command: invalid choice: 'dance'"),
    (
        ["evaluate"],
        "the following arguments are required: model, --data; see: ",
    ),
    (["summary", "a", "b\nc"], "unrecognized arguments: b c"),
    (
        ["report", "--seed", "-1"],
        "--seed: expected a whole number of at least 0, got '-1'",
    ),
    (["report", "--seed", "1.5"], "argument --seed: expected a whole number of at least 0"),
    (["report", "--chapters", "works,how"], "no chapter named 'how'; a report has works, adjust"),
    (["report", "--chapters", ""], "no chapter named ''; a report has works, adjust, fails, why"),
    (
        ["report", "--methods", "saliency,gradcam"],
        "no method named 'gradcam' (did you mean 'grad_cam'?); nnviz has ",
    ),
    (["report", "--pick", "3,1000"], "there is no picture 1000 to pick: 0 … 999"),
    (["report", "--pick", "3,-1"], "--pick wants numbers of pictures like 3,17,42, got '3,-1'"),
    (["report", "--pick", ""], "--pick wants numbers of pictures like 3,17,42, got ''"),
    (
        ["report", "--pick", ",".join(map(str, range(11)))],
        "pick may be 10 at the most, got 11",
    ),
    (["report", "--lang", "fr"], "lang must be one of en, zh, got 'fr'"),
    (["report", "--nope"], "unrecognized arguments: --nope"),
    (["explain"], "the following arguments are required: image"),
]


@pytest.mark.parametrize(("words", "message"), MISTAKES, ids=[" ".join(w) for w, _ in MISTAKES])
def test_mistakes_in_the_words_are_one_line(capsys, words, message):
    assert message in refused(capsys, *words)


# Ctrl-C ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 7])
def test_ctrl_c_leaves_no_half_written_file(capsys, tmp_path, monkeypatch, at):
    model = tmp_path / "m.npz"
    cnn((12, 12, 1), 3).save(model)
    folder, count, replace = tmp_path / "gallery", [0], os.replace

    def stopped(source, target):
        if Path(target).parent == folder:
            count[0] += 1
            if count[0] > at:
                raise KeyboardInterrupt
        return replace(source, target)

    monkeypatch.setattr(os, "replace", stopped)
    data = Dataset(np.random.default_rng(0).integers(0, 256, (6, 12, 12, 1)).astype(np.uint8))
    monkeypatch.setattr(cli_data.data, "load", lambda *a: data)
    with hurried():
        assert main(["report", str(model), "--out", str(folder)]) == 130
    assert capsys.readouterr().err.endswith("nnviz: stopped\n")
    names = [path.name for path in folder.iterdir() if path.is_file()]
    assert len(names) == at
    assert not [name for name in names if name.startswith(".")]
    assert "index.html" not in names
