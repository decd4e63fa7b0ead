"""The command line on good input: what each command writes and says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import run
from networks import SEEN, colour
from pages import hurried
from PIL import Image

import nnviz as nv
from nnviz.cli import main
from nnviz.data import read_picture

ROOT = Path(__file__).resolve().parents[1]


def test_summary(capsys, world):
    code, out, err = run(capsys, "summary", world / "model.npz")
    assert (code, err) == (0, [])
    assert "\n".join(out) == str(nv.load(world / "model.npz").summary())


def test_the_shipped_model_is_the_default(capsys, shipped):
    code, out, _ = run(capsys, "summary")
    assert code == 0
    assert "Total params: 1,199,882" in out


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_diagram(capsys, world, tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    assert run(capsys, "diagram", world / "model.npz", "--out", path) == (0, [str(path)], [])
    assert path.read_bytes()[:4] in (b"<svg", b"\x89PNG")


def test_evaluate(capsys, world):
    code, out, err = run(capsys, "evaluate", world / "model.npz", "--data", world / "digits")
    assert (code, err) == (0, [])
    test = nv.data.load(world / "digits")
    got = nv.load(world / "model.npz").evaluate(test.x, test.y)
    assert out == [
        f"digits (test): accuracy {got.accuracy:.2%} of 12 pictures, loss {got.loss:.4f}"
    ]
    _, out, _ = run(
        capsys, "evaluate", world / "model.npz", "--data", world / "digits", "--split", "train"
    )
    assert "of 40 pictures" in out[0]


def test_report(capsys, world, tmp_path):
    out = tmp_path / "deep" / "gallery"
    words = ["report", world / "model.npz", "--data", world / "digits", "--split", "train",
             "--out", out, "--seed", "3", "--name", "A <name>"]  # fmt: skip
    with hurried():
        code, lines, err = run(capsys, *words)
    assert (code, err) == (0, [])
    assert sorted(map(Path, lines)) == sorted(path for path in out.iterdir() if path.is_file())
    assert lines[-1] == str(out / "index.html")
    page = (out / "index.html").read_text("utf-8")
    assert "A &lt;name&gt;" in page
    assert "python -m nnviz report" in page
    assert "nv.data.load(&#39;" + str(world / "digits") + "&#39;, &#39;train&#39;)" in page


def test_train_writes_a_model_that_knows_how_it_was_made(capsys, world, tmp_path):
    path = tmp_path / "models" / "mine"
    code, out, _ = run(
        capsys, "train", "--data", world / "digits", "--out", path, "--epochs", "1", "--seed", "5"
    )
    assert code == 0
    assert out[-1] == f"{path}.npz"
    assert re.match(r"epoch 1/1  loss .* val_accuracy", out[0])
    model = nv.load(f"{path}.npz")
    assert model.made["command"].startswith("python -m nnviz train --data")
    assert model.made["recipe"] == "mnist-cnn"
    assert model.made["seed"] == 5
    assert model.input.background == 0
    assert len(model.made["history"]) == 1
    assert model.classes == [str(i) for i in range(10)]


def test_train_can_hold_out_a_part_of_the_training_set(capsys, world, tmp_path):
    path = tmp_path / "mine.npz"
    code, out, err = run(
        capsys, "train", "--data", world / "digits", "--out", path, "--epochs", "1",
        "--holdout", "10", "--recipe", "mnist-cnn-plain", "--quiet",
    )  # fmt: skip
    assert (code, out, err) == (0, [str(path)], [])
    assert nv.load(path).made["trained_on"] == "30 pictures of digits (train)"


# explain --------------------------------------------------------------------------------------


def explain(capsys, world, tmp_path, *words, picture="light-on-dark.png"):
    path = tmp_path / "why.png"
    image = world / picture
    got = run(capsys, "explain", image, "--model", world / "model.npz", "--out", path, *words)
    return (*got, path)


@pytest.mark.parametrize(
    "words",
    [
        ["--method", "saliency", "--rule", "guided"],
        ["--method", "grad_cam", "--node", "conv2d_1", "--target", "3"],
        ["--method", "occlusion", "--patch", "7", "--stride", "7", "--cmap", "jet"],
        ["--method", "gradient", "--target", "3", "--against", "5", "--set", "channels=largest"],
        ["--against", "5", "--set", "rule=guided"],
        ["--score", "log-probability"],
        [],
    ],
    ids=lambda words: "-".join(words).strip("-") or "default",
)
def test_explain(capsys, world, tmp_path, words):
    code, out, err, path = explain(capsys, world, tmp_path, *words)
    assert code == 0
    assert not [line for line in err if not line.startswith("nnviz: warning: ")]
    assert re.fullmatch(r"\d: [\d.]+%, \d: [\d.]+%, \d: [\d.]+%", out[0])
    assert out[-1] == str(path)
    assert read_picture(path, 3).shape[1] >= 2 * 112


def test_explain_asks_why_one_and_not_the_other(capsys, world, tmp_path):
    words = ("--method", "gradient", "--target", "3", "--against", "5", "--score", "probability")
    explain(capsys, world, tmp_path, *words, "--numbers", tmp_path / "n.npz")
    got = nv.load_result(tmp_path / "n.npz")
    assert got.provenance.target == "probability of class 3 − probability of class 5"
    picture = read_picture(world / "light-on-dark.png", 1)[None]
    wanted = nv.gradient(
        nv.load(world / "model.npz"), picture, nv.Probability(3) - nv.Probability(5)
    )
    np.testing.assert_array_equal(got.values, wanted.values)


def test_explain_lists_its_methods(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["explain", "--list"])
    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split()[0] for line in lines) == sorted(nv.METHODS)


def test_explain_writes_its_numbers(capsys, world, tmp_path):
    numbers = tmp_path / "numbers"
    _, out, _, path = explain(
        capsys, world, tmp_path, "--method", "saliency", "--numbers", numbers, "--target", "2"
    )
    assert out[-2:] == [str(path), f"{numbers}.npz"]
    result = nv.load_result(f"{numbers}.npz")
    picture = read_picture(world / "light-on-dark.png", 1)[None]
    wanted = nv.saliency(nv.load(world / "model.npz"), picture, 2)
    np.testing.assert_array_equal(result.values, wanted.values)
    assert result.provenance == wanted.provenance


def test_a_dark_on_light_scan_gets_a_warning_and_can_be_inverted(capsys, world, tmp_path):
    _, _, err, path = explain(capsys, world, tmp_path, picture="dark-on-light.png")
    assert "background is light, but the model learnt from pictures on a dark one" in err[0]
    assert "give --invert" in err[0]
    code, _, err, path = explain(capsys, world, tmp_path, "--invert", picture="dark-on-light.png")
    inverted = path.read_bytes()
    assert code == 0
    assert not [line for line in err if "background" in line]
    _, _, err, path = explain(capsys, world, tmp_path)
    assert not [line for line in err if "background" in line]
    assert path.read_bytes() == inverted


def test_another_size_is_resized_when_asked_and_said(capsys, world, tmp_path):
    code, out, err, path = explain(capsys, world, tmp_path, picture="large.png")
    assert (code, out) == (2, [])
    assert err == [
        f"nnviz: {world / 'large.png'} has 40×60 pixels (rows × cols), the model wants 28×28: give "
        "--resize to have it resized"
    ]
    assert not path.exists()
    code, _, err, path = explain(capsys, world, tmp_path, "--resize", picture="large.png")
    assert code == 0
    assert err[0] == ("nnviz: resized from 40×60 to 28×28 (rows × cols), which changes its shape")
    assert path.exists()


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (SEEN["wide"], r"\d: [\d.]+%, "),
        (lambda: nv.Sequential([nv.Flatten(), nv.Dense(2)], (6, 6, 1)), r"\d: [\d.]+%, \d: "),
        (
            lambda: nv.Sequential([nv.Conv2D(2, 3), nv.Flatten(), nv.Dense(1)], (6, 6, 1)),
            r"output: from .* to ",
        ),
        (colour, r"\d: [\d.]+%, "),
    ],
    ids=["wide", "logits", "one number", "colour"],
)
def test_models_of_other_kinds(capsys, tmp_path, build, said):
    model = build()
    model.save(tmp_path / "m.npz")
    rows, cols, channels = model.input.shape
    x = np.random.default_rng(0).integers(0, 256, (rows, cols, channels)).astype(np.uint8)
    Image.fromarray(x[..., 0] if channels == 1 else x).save(tmp_path / "x.png")
    words = ["explain", tmp_path / "x.png", "--model", tmp_path / "m.npz", "--method", "saliency",
             "--out", tmp_path / "a.png"]  # fmt: skip
    code, out, _ = run(capsys, *words)
    assert code == 0
    assert re.match(said, out[0])


# As a program ---------------------------------------------------------------------------------


def program(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", "nnviz", *map(str, words)],
        capture_output=True, text=True, cwd=ROOT, timeout=60, check=False, **options,
    )  # fmt: skip


def test_the_program_and_its_exit_codes(world):
    done = program("summary", world / "model.npz")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Total params: " in done.stdout
    done = program()
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"nnviz: .*name_of_command.*see: python -m nnviz --help\n", done.stderr)


def test_the_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"nnviz {nv.__version__}\n"


def test_a_reader_that_has_seen_enough_is_no_error(world):
    line = f"{sys.executable} -m nnviz summary {world / 'model.npz'} | head -c 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode in (0, 141)


@pytest.mark.parametrize(
    "command", ["report", "train", "evaluate", "summary", "diagram", "explain", "compare"]
)
def test_every_command_explains_itself(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    said = capsys.readouterr().out
    assert f"python -m nnviz {command}" in said
    assert said.count("--") >= 1


def test_train_goes_on_from_its_checkpoint_and_leaves_log_and_curves(capsys, world, tmp_path):
    words = ["train", "--data", world / "digits", "--quiet", "--epochs", "2"]
    code, _, _ = run(capsys, *words, "--out", tmp_path / "whole.npz")
    assert code == 0
    state = ["--checkpoint", tmp_path / "state.npz", "--log", tmp_path / "log.csv"]
    words += [*state, "--curves", tmp_path / "curves.png"]
    for name in ("first.npz", "again.npz"):  # the second run finds nothing left to do
        code, _, _ = run(capsys, *words, "--out", tmp_path / name)
        assert code == 0
    made = [nv.load(tmp_path / n).parameters() for n in ("whole.npz", "first.npz", "again.npz")]
    for key, array in made[0].items():
        assert (array == made[1][key]).all()
        assert (array == made[2][key]).all()
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 3
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert len(nv.load(tmp_path / "again.npz").made["history"]) == 2
