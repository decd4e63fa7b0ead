"""Folders of pictures: classes, splits, sizes, colours; and everything that can be wrong in one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nnviz import data
from nnviz.data import folder
from nnviz.errors import ArgumentError, FileError

GREY = np.random.default_rng(0).integers(0, 256, (5, 7)).astype(np.uint8)
RGB = np.random.default_rng(1).integers(0, 256, (5, 7, 3)).astype(np.uint8)


def put(path, picture=GREY):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
    return path


@pytest.fixture
def pets(tmp_path):
    """Three classes whose natural order is not that of their letters."""
    for name, count in (("cat10", 2), ("cat2", 1), ("Dog", 3)):
        for i in range(count):
            put(tmp_path / name / f"{i + 9}.png", GREY + np.uint8(i))
    return tmp_path


# What is read -----------------------------------------------------------------------------------


def test_class_folders(pets):
    got = data.load(pets)
    assert got.classes == ("cat2", "cat10", "Dog")
    np.testing.assert_array_equal(got.y, [0, 1, 1, 2, 2, 2])
    assert got.x.shape == (6, 5, 7, 1)
    assert got.files == (
        "cat2/9.png", "cat10/9.png", "cat10/10.png", "Dog/9.png", "Dog/10.png", "Dog/11.png",
    )  # fmt: skip
    np.testing.assert_array_equal(got.x[4, ..., 0], GREY + np.uint8(1))
    assert got.split is None
    assert got[1:3].files == got.files[1:3]


def test_plain_pictures_have_no_labels(tmp_path):
    put(tmp_path / "b10.png")
    put(tmp_path / "b9.png")
    got = data.load(tmp_path)
    assert (got.y, got.classes, got.files) == (None, None, ("b9.png", "b10.png"))


def test_one_picture(tmp_path):
    got = data.load(put(tmp_path / "one.PNG", RGB))
    np.testing.assert_array_equal(got.x, RGB[None])
    assert (got.y, got.files, got.name) == (None, ("one.PNG",), "one.PNG")


def test_splits(tmp_path):
    for name in ("a", "b", "c"):
        put(tmp_path / "train" / name / "1.png")
    put(tmp_path / "test" / "c" / "1.png")
    (tmp_path / "val").mkdir()
    train, test = data.load(tmp_path, "train"), data.load(tmp_path)
    assert train.classes == test.classes == ("a", "b", "c")
    np.testing.assert_array_equal(test.y, [2])
    assert (train.split, test.split) == ("train", "test")
    assert test.files == ("c/1.png",)
    assert test.name == f"{tmp_path.name} (test)"


def test_a_split_without_labels_and_one_that_is_missing(tmp_path):
    put(tmp_path / "train" / "a" / "1.png")
    with pytest.raises(FileError, match="has no test data: it has no folder test"):
        data.load(tmp_path)
    put(tmp_path / "test" / "1.png")
    assert data.load(tmp_path).y is None
    assert data.load(tmp_path, "train").classes == ("a",)


def test_grey_only_where_all_are_grey(tmp_path):
    put(tmp_path / "1.png")
    assert data.load(tmp_path).x.shape[3] == 1
    put(tmp_path / "2.png", RGB)
    mixed = data.load(tmp_path).x
    np.testing.assert_array_equal(mixed[0], np.repeat(GREY[..., None], 3, 2))
    np.testing.assert_array_equal(mixed[1], RGB)
    assert data.load(tmp_path, channels=1).x.shape[3] == 1
    (tmp_path / "2.png").unlink()
    assert data.load(tmp_path, channels=3).x.shape[3] == 3


def test_resizing(tmp_path):
    put(tmp_path / "a" / "1.png", np.zeros((4, 8), np.uint8))
    put(tmp_path / "a" / "2.png", np.full((8, 4), 200, np.uint8))
    got = data.load(tmp_path, resize=(3, 5))
    assert got.x.shape == (2, 3, 5, 1)
    np.testing.assert_array_equal(got.x.mean(axis=(1, 2, 3)), [0, 200])


def test_classes_in_the_order_wanted(pets):
    got = data.load(pets, classes=["Dog", "bird", "cat10", "cat2"])
    assert got.classes == ("Dog", "bird", "cat10", "cat2")
    np.testing.assert_array_equal(got.y, [3, 2, 2, 0, 0, 0])


def test_hidden_files_litter_and_files_beside_the_classes_are_left_out(pets):
    for name in (".DS_Store", "Dog/.hidden", "Dog/Thumbs.db", "LICENSE.txt"):
        (pets / name).write_text("x")
    (pets / ".git").mkdir()
    assert len(data.load(pets)) == 6


def test_links_inside_the_folder_are_followed(pets):
    os.symlink(pets / "Dog" / "9.png", pets / "cat2" / "linked.png")
    assert len(data.load(pets)) == 7


# What is refused --------------------------------------------------------------------------------


def test_the_odd_picture_is_named_with_both_sizes(pets):
    put(pets / "cat2" / "1.png", np.zeros((6, 7), np.uint8))  # the first that is read
    with pytest.raises(
        FileError,
        match=r"cat2/1\.png has 6×7 pixels \(rows × cols\), the others 5×7: give resize=",
    ):
        data.load(pets)


def test_an_unreadable_picture(pets):
    (pets / "Dog" / "10.png").write_text("no picture")
    with pytest.raises(FileError, match=r"Dog/10\.png cannot be read as a picture"):
        data.load(pets)
    (pets / "Dog" / "10.png").write_bytes(b"")
    with pytest.raises(FileError, match=r"Dog/10\.png cannot be read as a picture"):
        data.load(pets)


def test_an_empty_class(pets):
    (pets / "fish").mkdir()
    with pytest.raises(FileError, match=r"the class 'fish' is empty: no picture in .*fish"):
        data.load(pets)


def test_no_picture(tmp_path):
    with pytest.raises(FileError, match="is no data that nnviz reads: expected IDX files"):
        data.load(tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(FileError, match=r"train holds no picture: expected \.png, "):
        data.load(tmp_path, "train")


def test_what_is_no_picture_is_not_passed_over(pets):
    (pets / "Dog" / "notes.txt").write_text("x")
    with pytest.raises(FileError, match=r"Dog/notes\.txt is no picture: expected \.png"):
        data.load(pets)
    (pets / "Dog" / "notes.txt").unlink()
    (pets / "Dog" / "more").mkdir()
    with pytest.raises(FileError, match=r"Dog/more is a folder: expected \.png"):
        data.load(pets)


def test_a_picture_beside_the_class_folders(pets):
    put(pets / "stray.png")
    with pytest.raises(FileError, match=r"stray\.png lies beside the class folders: move it"):
        data.load(pets)


@pytest.mark.parametrize("what", ["a picture", "a class"])
def test_a_link_that_leaves_the_folder(pets, tmp_path_factory, what):
    outside = put(tmp_path_factory.mktemp("outside") / "secret.png")
    if what == "a picture":
        os.symlink(outside, pets / "Dog" / "link.png")
    else:
        os.symlink(outside.parent, pets / "link")
    with pytest.raises(FileError, match=r"link.* is a link that leaves .*: refused"):
        data.load(pets)


def test_links_that_lead_nowhere(pets):
    os.symlink(pets / "gone.png", pets / "Dog" / "link.png")
    with pytest.raises(FileError, match=r"Dog/link\.png is a link that leads nowhere"):
        data.load(pets)
    (pets / "Dog" / "link.png").unlink()
    os.symlink(pets / "Dog" / "link.png", pets / "Dog" / "link.png")
    with pytest.raises(FileError, match=r"Dog/link\.png is a link that leads nowhere"):
        data.load(pets)


def test_what_is_no_file_at_all(pets):
    os.mkfifo(pets / "Dog" / "pipe.png")
    with pytest.raises(FileError, match=r"there is no picture .*pipe\.png"):
        data.load(pets)


def test_a_folder_that_cannot_be_read(pets, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(pets), "iterdir", refuse)
    with pytest.raises(FileError, match=r"cannot read the folder .*: Permission denied"):
        data.load(pets)


def test_too_many_bytes(pets, monkeypatch):
    monkeypatch.setattr(folder, "MAX_BYTES", 100)
    with pytest.raises(FileError, match=r"take more than 100 bytes: give resize=\(rows, cols\)"):
        data.load(pets)
    assert len(data.load(pets, resize=(2, 2))) == 6


def test_options_that_do_not_fit(pets):
    for options, message in (
        ({"channels": 2}, "channels must be 1, 3 or None, got 2"),
        ({"resize": (0, 3)}, r"resize must be \(rows, cols\), each at least 1, got \(0, 3\)"),
        ({"resize": (3,)}, r"resize must be \(rows, cols\), each at least 1, got \(3,\)"),
        ({"resize": (3, 2.5)}, "resize must be"),
        ({"rows": 3}, "rows= is not for .*, which takes resize, fit, channels, classes"),
        ({"classes": ["Dog", "cat2"]}, r"no class named 'cat10' \(did you mean 'cat2'\?\)"),
        ({"classes": "Dog"}, "classes must be a number or a sequence of names, got 'Dog'"),
    ):
        with pytest.raises(ArgumentError, match=message):
            data.load(pets, **options)


def test_names_that_are_no_text(tmp_path):
    put(tmp_path / os.fsdecode(b"caf\xe9") / "1.png")
    put(tmp_path / "犬😀" / "1.png")
    assert set(data.load(tmp_path).classes) == {"caf\ufffd", "犬😀"}


@given(st.lists(st.text("a0129 .é", min_size=1, max_size=8), min_size=2, max_size=6), st.data())
def test_the_order_is_natural_and_the_same_from_any_start(names, draw):
    paths = [Path(f"x{name}") for name in names]
    shuffled = draw.draw(st.permutations(paths))
    assert sorted(paths, key=folder._natural) == sorted(shuffled, key=folder._natural)
    numbers = [Path(f"n{i}.png") for i in (10, 9, 100, 1)]
    ordered = [path.stem for path in sorted(numbers, key=folder._natural)]
    assert ordered == ["n1", "n9", "n10", "n100"]
