"""One door to all data: `.npz`, CIFAR-10's binary form, names; and the sheet of a data set."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from nnviz import data, draw
from nnviz.data import Dataset, cifar
from nnviz.data.load import DRAWN, FORMS
from nnviz.draw.samples import spread
from nnviz.errors import ArgumentError, FileError
from nnviz.files import write_npz

rng = np.random.default_rng(0)
X = rng.integers(0, 256, (6, 4, 5, 3)).astype(np.uint8)
Y = np.array([0, 1, 2, 0, 1, 2])
NAMES = np.array(["cat", "dog", "犬"])


# .npz -------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    """Writes an `.npz` and loads it."""

    def save(split="test", options=None, /, **arrays):
        write_npz(tmp_path / "a.npz", arrays)
        return data.load(tmp_path / "a.npz", split, **(options or {}))

    return save


def test_an_npz_with_one_set(saved):
    got = saved(x=X, y=Y, classes=NAMES)
    np.testing.assert_array_equal(got.x, X)
    np.testing.assert_array_equal(got.y, Y)
    assert got.y.dtype == np.int64
    assert (got.classes, got.name, got.split) == (("cat", "dog", "犬"), "a.npz", None)
    assert saved(x=X).y is None
    assert saved(x=X).classes is None


@pytest.mark.parametrize("form", ["{}_x {}_y", "x_{} y_{}"])
def test_an_npz_with_splits(saved, form):
    keys = [form.format(s, s).split() for s in ("train", "test")]
    arrays = dict(zip([*keys[0], *keys[1]], [X, Y, X[:2], Y[:2]], strict=True))
    train, test = saved("train", **arrays), saved("test", **arrays)
    assert (len(train), len(test)) == (6, 2)
    assert train.classes == test.classes == ("0", "1", "2"), "both splits count the classes"
    assert (train.split, test.split) == ("train", "test")
    assert test.name == "a.npz (test)"


def test_other_numbers_for_pictures(saved):
    assert saved(x=X[..., 0]).x.shape == (6, 4, 5, 1)
    whole = saved(x=X.astype(np.int64)).x
    assert whole.dtype == np.uint8
    np.testing.assert_array_equal(whole, X)
    parts = saved(x=X / 255).x
    assert parts.dtype == np.float32
    np.testing.assert_allclose(parts, X / np.float32(255))


def test_classes_of_an_npz_may_be_given(saved):
    assert saved("test", {"classes": 5}, x=X, y=Y).classes == ("0", "1", "2", "3", "4")
    assert saved("test", {"classes": ["xyz"] * 3}, x=X, y=Y).classes == ("xyz",) * 3


NAN = np.where(np.arange(6)[:, None, None] == 2, np.nan, X[..., 0] / 255)
BAD_NPZ = [
    ({"z": X}, "has no test pictures: expected test_x or x_test or x, it holds z"),
    ({}, "has no test pictures: .* it holds nothing"),
    ({"train_x": X}, "has no test pictures: .* it holds train_x"),
    ({"x": X[0, 0]}, r"a\.npz: x has shape \(5, 3\), expected \(N, rows, cols, channels\)"),
    ({"x": X[:0]}, r"x has shape \(0, 4, 5, 3\)"),
    ({"x": X.astype("U3")}, "x holds <U3, expected numbers"),
    ({"x": X > 9}, "x holds bool, expected numbers"),
    ({"x": X * 1.0}, r"x runs from 0\.0 to 255\.0: expected floats in 0\.\.1"),
    ({"x": X / 255 - 1}, r"x runs from -1\.0 to 0\.0: expected floats in 0\.\.1"),
    ({"x": NAN}, r"x runs from nan to nan: expected floats in 0\.\.1"),
    ({"x": X + np.int16(9)}, r"x runs from \d+ to 264: expected whole numbers in 0\.\.255"),
    ({"x": X, "y": Y[:3]}, r"6 pictures but labels of shape \(3,\)"),
    ({"x": X, "y": Y[:, None]}, r"y is int64 \(6, 1\), expected whole numbers \(N,\)"),
    ({"x": X, "y": Y / 2}, r"y is float64 \(6,\), expected whole numbers"),
    ({"x": X, "y": Y - 1}, "y runs from -1 to 1, expected class numbers from 0"),
    ({"x": X, "y": Y + 10**12}, "y runs from 1000000000000 to .* expected class numbers"),
    ({"x": X, "y": Y, "classes": NAMES[:2]}, r"y\[2\] is label 2 of 2"),
    ({"x": X, "y": Y, "classes": Y}, r"classes is int64 \(6,\), expected words \(n,\)"),
]


@pytest.mark.parametrize(("arrays", "message"), BAD_NPZ, ids=[m[:40] for _, m in BAD_NPZ])
def test_a_wrong_npz_is_one_error(saved, arrays, message):
    with pytest.raises(FileError, match=message) as caught:
        saved(**arrays)
    assert "a.npz" in str(caught.value)


def test_a_damaged_npz(tmp_path):
    path = tmp_path / "a.npz"
    write_npz(path, {"x": X, "y": Y})
    whole = path.read_bytes()
    for content in (b"", b"PK\x03\x04", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(FileError, match="is no data set, or it is damaged"):
            data.load(path)
    (tmp_path / "other").write_bytes(whole)
    assert len(data.load(tmp_path / "other")) == 6, "known by its first bytes"


def test_the_small_cifar(shared_data):
    for split, count in (("train", 5000), ("test", 1000)):
        got = data.load(shared_data / "cifar10" / "cifar10_small.npz", split)
        assert got.x.shape == (count, 32, 32, 3)
        np.testing.assert_array_equal(got.counts(), [count // 10] * 10)
        assert got.classes == cifar.CLASSES


# CIFAR-10's binary form -------------------------------------------------------------------------


def batch(pictures, labels):
    """(N, 32, 32, 3) and (N,) as the published records."""
    planes = pictures.transpose(0, 3, 1, 2).reshape(len(pictures), -1)
    return np.concatenate([labels[:, None].astype(np.uint8), planes], axis=1).tobytes()


@pytest.fixture
def batches(tmp_path):
    """A folder of six batches of two pictures each, and what is in them."""
    pictures = rng.integers(0, 256, (12, 32, 32, 3)).astype(np.uint8)
    labels = np.arange(12) % 10
    names = [*cifar.NAMES["train"], *cifar.NAMES["test"]]
    for i, name in enumerate(names):
        part = slice(2 * i, 2 * i + 2)
        (tmp_path / name).write_bytes(batch(pictures[part], labels[part]))
    (tmp_path / cifar.META).write_text("\n".join(cifar.CLASSES) + "\n\n")
    return tmp_path, pictures, labels


def test_cifar_batches(batches):
    folder, pictures, labels = batches
    train, test = data.load(folder, "train"), data.load(folder)
    np.testing.assert_array_equal(train.x, pictures[:10])
    np.testing.assert_array_equal(train.y, labels[:10])
    np.testing.assert_array_equal(test.x, pictures[10:])
    assert train.classes == cifar.CLASSES
    assert (train.split, test.split) == ("train", "test")
    assert test.x.flags.c_contiguous
    (folder / cifar.META).unlink()
    assert data.load(folder).classes == cifar.CLASSES


def test_the_folder_that_the_archive_unpacks_to(batches, tmp_path_factory):
    outer = tmp_path_factory.mktemp("outer")
    batches[0].rename(outer / cifar.INSIDE)
    assert len(data.load(outer, "train")) == 10


BAD_CIFAR = [
    ("data_batch_3.bin", None, "has no train data: data_batch_3.bin is missing"),
    ("data_batch_3.bin", b"", "has 0 bytes, which are no whole records of 3,073"),
    ("data_batch_3.bin", b"\0" * 3072, "has 3,072 bytes, which are no whole .* it is truncated"),
    ("data_batch_3.bin", b"\0" * 3073 + b"\x0c" + b"\0" * 3072, "bin, record 2: label 12 of 10"),
    (cifar.META, b"cat\ndog\n", "names 2 classes, expected 10"),
    (cifar.META, b"\xff\xfe\n", "is no text: expected a class name a line"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD_CIFAR, ids=[b[2] for b in BAD_CIFAR])
def test_wrong_batches_are_one_error(batches, name, content, message):
    (batches[0] / name).unlink()
    if content is not None:
        (batches[0] / name).write_bytes(content)
    with pytest.raises(FileError, match=message) as caught:
        data.load(batches[0], "train")
    assert name in str(caught.value)


def test_batches_that_are_too_large_or_cannot_be_read(batches, monkeypatch):
    monkeypatch.setattr(cifar, "MAX_BYTES", 9000)
    with pytest.raises(FileError, match=r"data_batch_2\.bin has 6,146 bytes, more than 2,854"):
        data.load(batches[0], "train")
    monkeypatch.undo()

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(FileError, match=r"cannot read .*batches\.meta\.txt: Permission denied"):
        data.load(batches[0])
    monkeypatch.undo()
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(FileError, match=r"cannot read .*test_batch\.bin: Permission denied"):
        data.load(batches[0])


def test_the_pickled_form_is_refused(tmp_path):
    (tmp_path / "data_batch_1").write_bytes(b"\x80\x03}")
    with pytest.raises(FileError, match="data_batch_1 is CIFAR-10 pickled for Python, which can"):
        data.load(tmp_path, "train")


# The door ---------------------------------------------------------------------------------------


def test_what_is_no_data_is_told_what_is(tmp_path):
    with pytest.raises(FileError, match=r"no data 'MNIST' \(did you mean 'mnist'\?\): give"):
        data.load("MNIST")
    for where in ("", "a\0b", "x" * 5000):
        with pytest.raises(FileError, match=r"there is no data .*or one of the names sample, mni"):
            data.load(where)
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(FileError, match=r"a\.txt is no data that nnviz reads: expected IDX .*CSV"):
        data.load(tmp_path / "a.txt")
    (tmp_path / "a.gz").write_bytes(b"\x1f\x8b\x08damaged")
    with pytest.raises(FileError, match=r"a\.gz is no data that nnviz reads"):
        data.load(tmp_path / "a.gz")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError, match="there is no data"):
        data.load(tmp_path / "pipe")


def test_options_are_refused_where_they_mean_nothing():
    with pytest.raises(ArgumentError, match="rows= is not for the sample, which takes resize"):
        data.load("sample", rows=3)
    with pytest.raises(ArgumentError, match="classes= is not for mnist, which takes resize"):
        data.load("mnist", classes=3)


def test_every_option_of_load_belongs_to_a_form():
    import inspect

    named = set(inspect.signature(data.load).parameters) - {"where", "split"}
    assert named == {option for form in FORMS for option in form.options} | {*DRAWN}
    assert set(DRAWN) <= set(inspect.signature(data.planted).parameters)
    for form in FORMS:
        assert set(form.options) <= set(inspect.signature(form.read).parameters)


# The sheet --------------------------------------------------------------------------------------


def test_a_sheet_has_a_row_for_each_class_and_no_words():
    sheets = [
        draw.samples(Dataset(X, Y, names), each=2)
        for names in (("a", "b", "c"), ("犬😀" * 50, "<b>", "\n"))
    ]
    np.testing.assert_array_equal(*sheets)
    factor = 64 // 5
    rows, cols = 4 * factor, 5 * factor
    margin = sheets[0].shape[1] - 2 * (cols + 4)
    assert sheets[0].shape == (3 * rows + 2 * 4, margin + 2 * (cols + 4), 4)
    tile = sheets[0][rows + 4 : 2 * rows + 4, margin + 4 :][:, :cols]
    np.testing.assert_array_equal(tile[::factor, ::factor, :3], X[1])
    assert sheets[0][:, :margin, 3].max() > 0, "the class's number is there"


def test_a_sheet_of_odd_data():
    plain = draw.samples(Dataset(X), each=2)
    assert plain.shape == (2 * 48 + 4, 2 * 60 + 4, 4)
    gaps = draw.samples(Dataset(X[:2], np.array([0, 2])), each=3)
    assert gaps.shape[1] < 60 + 4 + 20, "no wider than the fullest class"
    assert not gaps[52:100, 20:].any(), "a class without pictures has an empty row"
    large = Dataset(np.zeros((1, 300, 40, 1), np.uint8))
    assert draw.samples(large).shape == (128, 17, 4)
    floats = Dataset((X / 255).astype(np.float32), Y)
    np.testing.assert_array_equal(draw.samples(floats), draw.samples(Dataset(X, Y)))
    thousand = Dataset(np.zeros((1, 2, 2, 1), np.uint8), np.array([999]), ("a",) * 1000)
    assert draw.samples(thousand).shape[0] < 100 * 70
    for each in (0, 101):
        with pytest.raises(ArgumentError, match=rf"each must lie in 1\.\.100, got {each}"):
            draw.samples(large, each)


def test_samples_are_spread_evenly():
    np.testing.assert_array_equal(spread(np.arange(100), 4), [0, 25, 50, 75])
    np.testing.assert_array_equal(spread(np.arange(3), 4), [0, 1, 2])
    assert len(set(spread(np.arange(11), 10))) == 10


def test_every_form_of_data_can_be_resized(tmp_path):
    assert data.load("sample", resize=(14, 10)).x.shape == (1000, 14, 10, 1)
    x = np.linspace(0, 1, 2 * 4 * 4 * 3).reshape(2, 4, 4, 3).astype(np.float32)
    np.savez(tmp_path / "floats.npz", x=x, y=np.array([0, 1]))
    small = data.load(tmp_path / "floats.npz", resize=(2, 2))
    assert small.x.shape == (2, 2, 2, 3)
    assert small.x.dtype == np.uint8
    np.testing.assert_allclose(small.x[0, 0, 0] / 255, x[0, :2, :2].mean(axis=(0, 1)), atol=0.01)
    with pytest.raises(ArgumentError, match=r"resize must be \(rows, cols\), each at least 1"):
        data.load("sample", resize=(0, 3))
