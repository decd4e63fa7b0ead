"""Names that try to be more than names: on the page, in the manifest, in files, on the command
line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from checked_html import Checked
from pages import HOSTILE, Page, cnn, dataset, hurried
from PIL import Image

import nnviz as nv
from nnviz import cli
from nnviz.report import write_report
from nnviz.report.words import isolated

NAMES = [*HOSTILE[:3], "</script><script>alert(1)</script>", "</style><b>", "<!--", "${x}{0}%s\\n"]
SILENT = ["a\x1b[31mb", "c\x00d\ne", "f\u202eg\u2069h", "\ud83d"]
"""What no page may show as it is: an escape, a zero, a turn of direction, half a sign."""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A gallery in which everything that has a name has a bad one."""
    folder = tmp_path_factory.mktemp("hostile") / "out <b>\"'& 😀"
    layers = [
        nv.Conv2D(2, 3, name=NAMES[3]), nv.ReLU(name=NAMES[0]), nv.MaxPooling2D(2, name=NAMES[2]),
        nv.Flatten(name="</svg><img src=x>"), nv.Dense(7, activation="softmax", name="x" * 300),
    ]  # fmt: skip
    model = nv.Sequential(layers, (12, 12, 1), seed=1, classes=NAMES)
    model.made = {"command": NAMES[0], "trained_on": NAMES[3]}
    data = replace(dataset(model, 14), name=NAMES[3], source=NAMES[0],
                   files=tuple(f"{NAMES[i % 7]}.png" for i in range(14)))  # fmt: skip
    with hurried():
        write_report(model, data, folder, name=NAMES[3], command=NAMES[4], verbose=False,
                     code=("model = 1  # </script>", "data = 2  # <b>"))  # fmt: skip
    return folder


def test_the_page_says_them_as_text_and_nothing_else(written):
    text = (written / "index.html").read_text("utf-8")
    page = Checked(text)
    assert page.wrong == []
    said = Page(text).words
    for name in NAMES:
        assert " ".join(name.split()) in said
    # As many scripts and styles as any page has, and no tag of theirs.
    assert not page.all("b")
    assert all(i.get("src", "").startswith("data:") for i in page.all("img") if "src" in i)
    assert len(page.all("style")) == len(re.findall(r"<style", text))
    assert "alert(1)</script>" not in text
    for island in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.S):
        json.loads(island)


def test_the_manifest_holds_them_and_no_file_is_called_after_one(written):
    manifest = json.loads((written / "manifest.json").read_text("utf-8"))
    assert manifest["model"]["name"] == NAMES[3]
    assert manifest["data"]["name"] == NAMES[3]
    for name in (path.name for path in written.iterdir() if path.is_file()):
        assert re.fullmatch(r"[a-z0-9-]+\.(png|svg|npz)|manifest\.json|index\.html", name), name
    for path in written.glob("*.svg"):
        drawn = path.read_text("utf-8")
        assert "<img" not in drawn
        assert "<script" not in drawn


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_signs_that_no_page_may_hold_are_shown_as_unreadable(tmp_path, lang):
    model = cnn((12, 12, 1), 4, names=SILENT)
    with hurried():
        write_report(model, dataset(model), tmp_path, name=SILENT[0], lang=lang, verbose=False)
    text = (tmp_path / "index.html").read_bytes().decode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    assert "a\ufffd[31mb" in text
    assert isolated(SILENT[2]) == "fgh"
    json.loads((tmp_path / "manifest.json").read_text("utf-8"))


def folder_of_pictures(root):
    rng = np.random.default_rng(0)
    for name in ("<script>x", "😀 \"'", "שלום"):
        (root / name).mkdir(parents=True)
        for i in range(2):
            pixels = rng.integers(0, 256, (12, 12), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{'y' * 200} <b>{i}&.png")
    return root


def test_a_folder_of_them_goes_through_the_command_line(tmp_path, capsys):
    pictures = folder_of_pictures(tmp_path / "pictures 😀")
    names = sorted(path.name for path in pictures.iterdir())
    model = cnn((12, 12, 1), 3, names=names)
    model.save(tmp_path / "m.npz")
    out = tmp_path / "<b>out\"'"
    with hurried():
        code = cli.main(["report", str(tmp_path / "m.npz"), "--data", str(pictures),
                         "--out", str(out), "--name", "<u>", "--quiet"])  # fmt: skip
    assert code == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == str(out / "index.html")
    text = (out / "index.html").read_text("utf-8")
    assert Checked(text).wrong == []
    assert not Checked(text).all("u")
    for name in names:
        assert name in Page(text).words


def test_an_error_is_one_line_that_moves_no_cursor(tmp_path, capsys):
    model = cnn((12, 12, 1), 3, names=["a", "b\x1b[2Jc", "d\ne"])
    model.save(tmp_path / "m.npz")
    words = ["explain", str(tmp_path / "m.npz"), "--data", str(tmp_path / "\x1b[31m\nnone")]
    assert cli.main([*words, "--out", str(tmp_path / "o")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "\x1b" not in said


def test_a_terminal_that_cannot_show_a_name_is_no_crash(tmp_path):
    layers = [nv.Conv2D(2, 3, name="😀שלום"), nv.Flatten(), nv.Dense(2)]
    nv.Sequential(layers, (6, 6, 1)).save(tmp_path / "m.npz")
    done = subprocess.run(
        [sys.executable, "-m", "nnviz", "summary", str(tmp_path / "m.npz")],
        env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"\\U0001f600" in done.stdout
