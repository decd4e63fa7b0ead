"""Writing a gallery: repeatable, tidy, and never half-done when something goes wrong."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from networks import SEEN
from pages import Page, cnn, contents, dataset, hurried, write_case

import nnviz as nv
from nnviz.data import Dataset
from nnviz.errors import ArgumentError, FileError
from nnviz.report import build, write_report

OLD, SMALL = "no softmax", "a plain number"


def small():
    return cnn((12, 12, 1), 3)


@pytest.fixture
def old(galleries, tmp_path):
    """A copy of a gallery written before."""
    return Path(copytree(galleries(OLD)[0], tmp_path / "old"))


def test_the_same_seed_gives_the_same_gallery(old, tmp_path):
    write_case(OLD, tmp_path / "new")
    one, two = contents(old), contents(tmp_path / "new")
    assert set(one) == set(two)
    differing = {name for name in one if one[name] != two[name]}
    assert differing <= {"manifest.json"}
    a, b = (json.loads(c["manifest.json"]) for c in (one, two))
    changed = {key for key in a if a[key] != b[key]}
    assert changed <= {"written", "seconds"}


def test_an_older_gallerys_files_go_and_foreign_ones_stay(old):
    (old / "mine.png").write_bytes(b"my own")
    (old / "notes.txt").write_text("mine")
    assert (old / "cam.png").exists()
    paths = write_case(SMALL, old)
    assert not (old / "cam.png").exists()
    assert not (old / "cam.npz").exists()
    assert (old / "mine.png").read_bytes() == b"my own"
    here = set(contents(old))
    assert here == {path.name for path in paths} | {"mine.png", "notes.txt"}


@pytest.mark.parametrize(
    "names",
    [["../outside.png"], ["/etc/passwd"], ["sub/a.png"], ["a.txt"], [3, None], ["folder.png"]],
    ids=str,
)
def test_an_edited_manifest_removes_nothing_of_others(tmp_path, names):
    folder = tmp_path / "gallery"
    (folder / "sub").mkdir(parents=True)
    (folder / "folder.png").mkdir()
    for path in (tmp_path / "outside.png", folder / "sub" / "a.png", folder / "a.txt"):
        path.write_text("mine")
    files = {str(name): "0" for name in names} if None not in names else names
    (folder / "manifest.json").write_text(json.dumps({"figures": [{"files": files}]}))
    assert build._stale(folder, keep=set()) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"figures": 3}', '{"figures": [[]]}', "[" * 9999])
def test_a_manifest_that_is_none_of_ours_is_no_gallery(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    assert build._stale(tmp_path, keep=set()) == []


BAD = {
    "labels": (lambda m: dataset(m, classes=9), ArgumentError, "label . is outside the model's 3"),
    "size": (lambda m: dataset(cnn((11, 12, 1), 3)), ArgumentError, "expected N×12×12×1"),
    "channels": (lambda m: dataset(cnn((12, 12, 3), 3)), ArgumentError, "expected N×12×12×1"),
    "nan": (
        lambda m: Dataset(np.full((3, 12, 12, 1), [0.1], np.float32) * np.array(
            [1, 1, np.nan], np.float32)[:, None, None, None]),
        ArgumentError,
        r"144 value\(s\) that are NaN",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_bad_pictures_leave_the_old_gallery_alone(tmp_path, kind):
    make, error, message = BAD[kind]
    model = small()
    (tmp_path / "index.html").write_text("old")
    with pytest.raises(error, match=message):
        write_report(model, make(model), tmp_path, verbose=False)
    assert contents(tmp_path) == {"index.html": b"old"}
    with pytest.raises(error, match=message):
        write_report(model, make(model), tmp_path / "new", verbose=False)
    assert not (tmp_path / "new").exists()


def test_pictures_of_mixed_sizes_are_one_clear_error():
    mixed = [np.zeros((12, 12, 1), np.uint8), np.zeros((9, 12, 1), np.uint8)]
    with pytest.raises(ArgumentError, match="pictures that are all of one size, got a list"):
        Dataset(mixed)


def test_a_folder_that_cannot_be_written(tmp_path):
    model = SEEN["wide"]()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileError, match=r"cannot make the folder .*file: File exists"):
        write_report(model, dataset(model), tmp_path / "file", verbose=False)
    with pytest.raises(FileError, match=r"cannot make the folder .*file/in: Not a directory"):
        write_report(model, dataset(model), tmp_path / "file" / "in", verbose=False)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_model_for_no_pictures(tmp_path):
    model = nv.Sequential([nv.Dense(2)], (3,))
    with pytest.raises(
        ArgumentError, match=r"a report needs a model for pictures, .* input is \(3"
    ):
        write_report(model, dataset(SEEN["wide"]()), tmp_path / "out", verbose=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("after", [0, 5])
def test_a_disk_that_fills_up_leaves_the_old_page(old, monkeypatch, after):
    before, count, write = contents(old), [0], build.write_bytes

    def full(path, data, **way):
        count[0] += 1
        if count[0] > after:
            raise FileError(f"cannot write {path}: No space left on device")
        write(path, data, **way)

    monkeypatch.setattr(build, "write_bytes", full)
    with pytest.raises(FileError, match="No space left"):
        write_case(SMALL, old)
    now = contents(old)
    assert now["index.html"] == before["index.html"]
    assert set(before) <= set(now), "nothing of the old page's files is gone"


def test_a_figure_that_fails_says_why_in_its_place(tmp_path, monkeypatch):
    def broken(*args, **kwargs):
        raise ArgumentError("no <such> luck")

    model = small()
    with hurried(), monkeypatch.context() as patched:
        patched.setattr("nnviz.report.works.maximize", broken)
        patched.setattr("nnviz.report.excited.maximize", broken)
        write_report(model, dataset(model), tmp_path, verbose=False)
    page = Page((tmp_path / "index.html").read_text("utf-8"))
    assert page.words.count("not shown: no <such> luck") == 2
    assert "This figure could not be made" in page.words


def test_a_warning_stands_on_the_page(tmp_path):
    model = small()
    model.parameters()["dense_1/weight"][...] = 0
    with hurried():
        write_report(model, dataset(model), tmp_path, verbose=False)
    manifest = json.loads((tmp_path / "manifest.json").read_text("utf-8"))
    warned = {figure["id"] for figure in manifest["figures"] if figure["warnings"]}
    assert {"ideal-classes", "occlusion", "cam", "saliency"} <= warned
    assert "the map is zero everywhere" in Page((tmp_path / "index.html").read_text("utf-8")).words
