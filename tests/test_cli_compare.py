"""`python -m nnviz compare`: what it says, what it writes, and what it refuses."""

from __future__ import annotations

import argparse

import numpy as np
import pytest
from commands import run
from PIL import Image

import nnviz as nv
from nnviz.cli_data import load_for


@pytest.fixture
def two(world, tmp_path):
    """A model file, and another where class 1 is answered more readily."""
    model = nv.load(world / "model.npz")
    name = next(n.name for n in model.nodes if n.layer.params.get("bias", np.zeros(0)).size == 10)
    layer = model.node(name).layer
    bias = layer.params["bias"] + 3 * np.eye(10, dtype=np.float32)[1]
    model.with_layers({name: layer.with_params(bias=bias)}).save(tmp_path / "other.npz")
    return world / "model.npz", tmp_path / "other.npz"


def test_a_comparison_is_printed_and_written(capsys, world, tmp_path, two):
    out = tmp_path / "deep" / "folder"
    code, lines, _ = run(capsys, "compare", *two, "--data", world / "digits", "--out", out)
    assert code == 0
    names = ["comparison.npz", "classes.png", "maps.png"]
    assert lines[-3:] == [str(out / name) for name in names]
    assert sorted(path.name for path in out.iterdir()) == sorted(names)
    result = nv.load_result(out / "comparison.npz")
    assert lines[0] == f"a: {two[0]}, b: {two[1]}, 12 pictures of digits (test)"
    assert lines[1].startswith(f"accuracy: a {result.total.right_a / 12:.2%}, b ")
    head = next(i for i, line in enumerate(lines) if line.startswith("class"))
    assert lines[head + 1].split()[0] == "1"
    head = next(i for i, line in enumerate(lines) if line.startswith("array"))
    assert lines[head + 1].split()[0].endswith("/bias")
    for name in names[1:]:
        Image.open(out / name).verify()
    assert result.maps_a.shape == (6, 28, 28)


def test_a_model_beside_itself(capsys, world, tmp_path, two):
    words = [
        "--data",
        world / "digits",
        "--out",
        tmp_path / "o",
        "--method",
        "occlusion",
        "--maps",
        1,
    ]
    code, lines, err = run(capsys, "compare", two[0], two[0], *words)
    assert (code, err) == (0, [])
    assert lines[1] == "the two models are one and the same: every difference is zero"
    assert (
        "b - a 0.0 percentage points (0.0 to 0.0 with 95 % confidence; McNemar's mid-p 1)"
        in lines[2]
    )
    assert lines[3:6] == [
        "from right to wrong: none", "from wrong to right: none", "answered differently: none",
    ]  # fmt: skip


def test_without_labels_and_without_maps(capsys, world, tmp_path, two):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(3):
        x = np.random.default_rng(i).integers(0, 256, (28, 28)).astype(np.uint8)
        Image.fromarray(x).save(folder / f"{i}.png")
    words = ["compare", *two, "--data", folder, "--out", tmp_path / "o", "--maps", 0]
    code, lines, _ = run(capsys, *words)
    assert code == 0
    assert not [line for line in lines if line.startswith("accuracy")]
    assert lines[-2:] == [str(tmp_path / "o" / name) for name in ("comparison.npz", "classes.png")]
    assert next(line for line in lines if line.startswith("class")).split() == ["class", "moved"]


def test_another_architecture_is_named(capsys, world, tmp_path, two):
    other = nv.Sequential(
        [nv.Conv2D(5, 3, activation="relu"), nv.Flatten(), nv.Dense(4), nv.ReLU(), nv.Dense(10)],
        (28, 28, 1),
    )
    other.save(tmp_path / "b.npz")
    words = ["--data", world / "digits", "--out", tmp_path / "o", "--method", "saliency"]
    code, lines, _ = run(capsys, "compare", two[0], tmp_path / "b.npz", *words)
    assert code == 0
    assert [line for line in lines if line.startswith("only in b: dense_2/weight")]
    assert "of another shape: conv2d_1/weight, 3x3x1x3 in a, 3x3x1x5 in b" in lines


BAD = [
    (["--method", "gaze"], "no method named 'gaze'"),
    (["--maps", "-1"], "--maps must be at least 0, got -1"),
    (["--maps", "two"], "argument --maps: invalid int value: 'two'"),
    (["--data", "nowhere"], "nowhere"),
]


@pytest.mark.parametrize(("words", "message"), BAD, ids=[" ".join(w) for w, _ in BAD])
def test_what_is_refused_is_one_line_and_leaves_nothing(
    capsys, world, tmp_path, two, words, message
):
    out = tmp_path / "o"
    words = ["--data", world / "digits", "--out", out, *words]
    code, lines, err = run(capsys, "compare", *two, *words)
    assert (code, lines, len(err)) == (2, [], 1)
    assert message in err[0]
    assert not out.exists()


def test_models_for_other_pictures_are_refused(capsys, world, tmp_path, two):
    nv.Sequential([nv.Flatten(), nv.Dense(10)], (9, 9, 1)).save(tmp_path / "b.npz")
    words = ["compare", two[0], tmp_path / "b.npz", "--data", world / "digits"]
    code, lines, err = run(capsys, *words, "--out", tmp_path / "o")
    assert (code, lines) == (2, [])
    assert "the models read different inputs, (28, 28, 1) and (9, 9, 1)" in err[0]
    code, lines, err = run(capsys, *words[:2], tmp_path / "gone.npz", *words[3:])
    assert (code, lines, len(err)) == (2, [], 1)


def test_a_single_sigmoid_counts_the_class_that_it_speaks_for_as_1(tmp_path):
    model = nv.Sequential([nv.Flatten(), nv.Dense(1, activation="sigmoid")], (4, 4, 1))
    model.classes = ["cat"]
    x, y = np.zeros((3, 4, 4, 1), np.float32), np.array([0, 1, 0])
    for names, wanted in ((("cat", "dog"), [1, 0, 1]), (("ant", "cat"), [0, 1, 0])):
        np.savez(tmp_path / "a.npz", x=x, y=y, classes=np.array(names))
        args = argparse.Namespace(data=str(tmp_path / "a.npz"), split="test")
        for name in ("resize", "channels", "rows", "cols", "classes"):
            setattr(args, name, None)
        assert load_for(model, args).y.tolist() == wanted
