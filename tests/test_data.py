"""Reading data: IDX files, pictures and data sets, good and hostile; the sample; the real MNIST."""

from __future__ import annotations

import gzip
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from nnviz import data
from nnviz.data import Dataset, idx, picture, read_idx, read_picture, sample
from nnviz.data.picture import resize
from nnviz.data.sample.make import make
from nnviz.errors import ArgumentError, FileError

DIGITS = np.random.default_rng(0).integers(0, 256, (12, 4, 3)).astype(np.uint8)
LABELS = (np.arange(12) % 10).astype(np.uint8)


def encoded(array):
    """An IDX file of unsigned bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def folder(tmp_path):
    """A folder with both splits as published, the test split gzipped."""
    (tmp_path / "train-images-idx3-ubyte").write_bytes(encoded(DIGITS))
    (tmp_path / "train-labels.idx1-ubyte").write_bytes(encoded(LABELS))
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(encoded(DIGITS[:5])))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(encoded(LABELS[:5])))
    return tmp_path


# IDX ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_idx_pictures_and_labels(tmp_path, pack):
    for array in (DIGITS, LABELS, DIGITS[:0]):
        path = tmp_path / "file"
        path.write_bytes(pack(encoded(array)))
        np.testing.assert_array_equal(read_idx(path), array)


WHOLE = encoded(DIGITS)
BAD_IDX = [
    (b"", "is no IDX file of pictures or labels: it begins with 0, expected 2051 or 2049"),
    (b"\0\0\x08", "is no IDX file of pictures or labels: it begins with 8"),
    (
        struct.pack(">I", 2052) + WHOLE[4:],
        "is no IDX file of pictures or labels: it begins with 2052,",
    ),
    (b"PK\x03\x04" + WHOLE, "is no IDX file of pictures or labels: it begins with 1347093252"),
    (WHOLE[:9], "is too short: its header ends after 9 bytes"),
    (WHOLE[:20], "is too short: 12×4×3 needs 144 bytes, got 4"),
    (WHOLE[:-1], "is too short: 12×4×3 needs 144 bytes, got 143"),
    (WHOLE + b"\0", "is longer than its header says: expected 144 values"),
    (
        struct.pack(">4I", 2051, 1 << 31, 1 << 31, 9),
        r"claims 41,505,174,165,846,491,136 bytes, more",
    ),
]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
@pytest.mark.parametrize(("content", "message"), BAD_IDX, ids=[m[:34] for _, m in BAD_IDX])
def test_what_is_no_good_idx_file_is_refused(tmp_path, content, message, pack):
    path = tmp_path / "file"
    path.write_bytes(pack(content))
    with pytest.raises(FileError, match=message):
        read_idx(path)


def test_damaged_gzip_files_are_refused(tmp_path):
    path, whole = tmp_path / "file.gz", gzip.compress(WHOLE)
    for end in range(2, len(whole), 5):
        path.write_bytes(whole[:end])
        with pytest.raises(FileError, match=r"file\.gz (is|claims)"):
            read_idx(path)
    crc = bytearray(whole)
    crc[-8] ^= 1
    path.write_bytes(crc)
    with pytest.raises(FileError, match=r"is damaged: CRC check failed"):
        read_idx(path)


def test_a_false_header_takes_no_memory(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(struct.pack(">4I", 2051, 1000, 1000, 1000) + b"\0" * 50)
    with pytest.raises(FileError, match="1000×1000×1000 needs 1,000,000,000 bytes, got 50"):
        read_idx(path)
    monkeypatch.setattr(idx, "MAX_BYTES", 100)
    path.write_bytes(WHOLE)
    with pytest.raises(FileError, match="claims 144 bytes, more than 100: refused"):
        read_idx(path)


def test_an_idx_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(FileError, match=r"cannot read .*gone: No such file"):
        read_idx(tmp_path / "gone")
    with pytest.raises(FileError, match=r"cannot read .*: Is a directory"):
        read_idx(tmp_path)


# Folders and names ----------------------------------------------------------------------------


def test_a_folder_of_idx_files(folder):
    train, test = data.load(folder, "train"), data.load(str(folder))
    assert train.x.shape == (12, 4, 3, 1)
    np.testing.assert_array_equal(train.y, LABELS)
    np.testing.assert_array_equal(test.x[..., 0], DIGITS[:5])
    assert train.classes == tuple("0123456789")
    assert train.name == f"{folder.name} (train)"
    assert len(test) == 5


BAD_FOLDERS = [
    (
        "train-images-idx3-ubyte",
        None,
        r"has no train data: expected train-images-idx3-ubyte\[.gz\]",
    ),
    ("train-labels.idx1-ubyte", encoded(DIGITS), "are not pictures and their labels"),
    ("train-images-idx3-ubyte", encoded(LABELS), "-ubyte are not pictures and their labels"),
    ("train-labels.idx1-ubyte", encoded(LABELS[:5]), r"has 12 pictures, but .* has 5 labels"),
]


@pytest.mark.parametrize(
    ("name", "content", "message"), BAD_FOLDERS, ids=[b[2][:30] for b in BAD_FOLDERS]
)
def test_a_folder_that_does_not_fit_together(folder, name, content, message):
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(FileError, match=message):
        data.load(folder, "train")


def test_one_file_of_idx_pictures_with_and_without_the_labels_beside_it(folder, tmp_path):
    (tmp_path / "kana-images-idx3-ubyte").write_bytes(encoded(DIGITS))
    bare = data.load(folder / "kana-images-idx3-ubyte")
    assert bare.y is None
    assert bare.classes is None
    (tmp_path / "kana-labels-idx1-ubyte").write_bytes(encoded(LABELS + 20))
    whole = data.load(folder / "kana-images-idx3-ubyte", "train")
    np.testing.assert_array_equal(whole.x[..., 0], DIGITS)
    np.testing.assert_array_equal(whole.y, LABELS + 20)
    assert len(whole.classes) == 30
    assert whole.split is None, "one file has no splits"
    with pytest.raises(FileError, match="kana-labels-idx1-ubyte holds labels: give the file of"):
        data.load(folder / "kana-labels-idx1-ubyte")


def test_a_folder_without_a_picture(folder):
    (folder / "train-images-idx3-ubyte").write_bytes(encoded(DIGITS[:0]))
    (folder / "train-labels.idx1-ubyte").write_bytes(encoded(LABELS[:0]))
    with pytest.raises(ArgumentError, match="train-images-idx3-ubyte holds no pictures"):
        data.load(folder, "train")


def test_what_is_no_data(folder):
    with pytest.raises(FileError, match="there is no data 'nowhere': give"):
        data.load("nowhere")
    with pytest.raises(
        ArgumentError, match=r"no split named 'tset' \(did you mean 'test'\?\); a data"
    ):
        data.load(folder, "tset")


# The sample -----------------------------------------------------------------------------------


def test_the_sample_has_a_hundred_of_each_digit():
    digits = sample()
    assert digits.x.shape == (1000, 28, 28, 1)
    assert digits.x.dtype == np.uint8
    np.testing.assert_array_equal(np.bincount(digits.y), [100] * 10)
    assert digits.classes == tuple("0123456789")
    assert "CC BY-SA" in digits.source
    np.testing.assert_array_equal(data.load("sample").x, digits.x)


def test_how_the_sample_was_made(tmp_path, monkeypatch, shared_data):
    monkeypatch.setitem(make.__globals__, "FILE", tmp_path / "sample.npz")
    make(str(shared_data / "mnist"))
    assert (tmp_path / "sample.npz").exists()
    with np.load(tmp_path / "sample.npz") as made:
        np.testing.assert_array_equal(made["x"][..., None], sample().x)
        np.testing.assert_array_equal(made["y"], sample().y)
    with pytest.raises(SystemExit, match="no MNIST test files in"):
        make(str(tmp_path))


@pytest.mark.slow
def test_the_real_mnist(shared_data):
    train = data.load(shared_data / "mnist", "train")
    assert train.x.shape == (60_000, 28, 28, 1)
    counts = np.bincount(train.x.ravel(), minlength=256) / train.x.size
    values = np.arange(256) / 255
    mean = float((counts * values).sum())
    assert mean == pytest.approx(0.13066, abs=5e-6)
    assert float((counts * (values - mean) ** 2).sum()) ** 0.5 == pytest.approx(0.30811, abs=5e-6)
    test = data.load(shared_data / "mnist", "test")
    assert test.x.shape == (10_000, 28, 28, 1)
    np.testing.assert_array_equal(np.unique(test.y), np.arange(10))


# Data sets ------------------------------------------------------------------------------------


def test_parts_of_a_data_set():
    whole = Dataset(DIGITS[..., None], LABELS, tuple("0123456789"), "digits", "here")
    part = whole[3:5]
    np.testing.assert_array_equal(part.x, whole.x[3:5])
    np.testing.assert_array_equal(part.y, [3, 4])
    assert (part.name, part.source, part.classes) == ("digits", "here", whole.classes)
    np.testing.assert_array_equal(whole[[5, 1]].y, [5, 1])
    assert Dataset(DIGITS[..., None])[:2].y is None


def test_parts_keep_the_files_and_the_split():
    names = tuple(f"{i}.png" for i in range(12))
    whole = Dataset(DIGITS[..., None], LABELS, files=names, split="train")
    assert whole[[5, 1]].files == ("5.png", "1.png")
    assert whole[LABELS == 1].files == ("1.png", "11.png")
    assert whole[-2:].files == names[-2:]
    assert whole[:3].split == "train"


def test_counting_the_classes():
    whole = Dataset(DIGITS[..., None], LABELS, tuple("0123456789ab"))
    np.testing.assert_array_equal(whole.counts(), [2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0])
    with pytest.raises(ArgumentError, match="pictures has no labels: nothing to count"):
        Dataset(DIGITS[..., None]).counts()


BAD_SETS = [
    (
        (DIGITS,),
        r"pictures: expected pictures \(N, rows, cols, channels\) .*, got shape \(12, 4, 3\)",
    ),
    ((DIGITS[:0, ..., None],), "with N of at least 1"),
    ((DIGITS[..., None], LABELS[:3]), r"pictures: 12 pictures but labels of shape \(3,\)"),
    ((DIGITS[:, :0, :, None],), r"with N of at least 1, got shape \(12, 0, 3, 1\)"),
    ((DIGITS[..., None], None, None, "a", "", ("1.png",)), "a: 12 pictures but 1 files"),
    ((DIGITS[..., None], LABELS, ("a", "b")), "labels run from 0 to 9, outside its 2 classes"),
]


@pytest.mark.parametrize(("fields", "message"), BAD_SETS, ids=[m[:30] for _, m in BAD_SETS])
def test_a_data_set_that_does_not_fit_together(fields, message):
    with pytest.raises(ArgumentError, match=message):
        Dataset(*fields)


# Pictures -------------------------------------------------------------------------------------

RGB = np.random.default_rng(1).integers(0, 256, (5, 7, 3)).astype(np.uint8)


@pytest.mark.parametrize("ending", ["png", "bmp", "tiff", "ppm"])
def test_a_picture_is_read_with_its_rows_and_cols(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    Image.fromarray(RGB).save(path)
    np.testing.assert_array_equal(read_picture(path, 3), RGB)
    grey = read_picture(path, 1)
    assert grey.shape == (5, 7, 1)
    assert np.abs(grey[..., 0] - RGB @ [0.299, 0.587, 0.114]).max() <= 1


def test_grey_transparent_deep_and_turned_pictures(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(RGB[..., 0]).save(path)
    np.testing.assert_array_equal(read_picture(path, 3), np.repeat(RGB[..., :1], 3, 2))
    Image.fromarray(np.dstack([RGB, np.zeros((5, 7), np.uint8)])).save(path)
    assert (read_picture(path, 3) == 255).all(), "what is transparent lies on white"
    Image.fromarray(np.full((2, 3), 65535, np.uint16)).save(path)
    assert (read_picture(path, 1) == 255).all()
    Image.fromarray(np.full((2, 3), 100.0, np.float32)).save(tmp_path / "a.tiff")
    assert (read_picture(tmp_path / "a.tiff", 1) == 100).all()
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by 90°
    Image.fromarray(RGB).save(path, exif=exif)
    np.testing.assert_array_equal(read_picture(path, 3), np.rot90(RGB, -1))


def png_header(rows, cols):
    """The beginning of a PNG that claims this size."""
    body = b"IHDR" + struct.pack(">2I5B", cols, rows, 8, 2, 0, 0, 0)
    pixels = struct.pack(">2I4s", zlib.crc32(body), 9, b"IDAT")
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + pixels


def test_picture_bombs_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "bomb.png"
    for rows, message in (
        (9000, "has 9000×9000 pixels, more than 64,000,000"),
        (50_000, "exceeds limit"),
    ):
        path.write_bytes(png_header(rows, rows))
        with pytest.raises(FileError, match=message):
            read_picture(path, 3)
    Image.fromarray(RGB).save(path)
    monkeypatch.setattr(picture, "MAX_PIXELS", 34)
    with pytest.raises(FileError, match="has 7×5 pixels, more than 34: make it smaller first"):
        read_picture(path, 3)


def test_what_is_no_picture_is_refused(tmp_path):
    path = tmp_path / "a.png"
    with pytest.raises(FileError, match=r"there is no picture .*a\.png: check the path"):
        read_picture(path, 3)
    for content in (
        b"",
        b"hello",
        b"%PDF-1.4",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    ):
        path.write_bytes(content)
        with pytest.raises(FileError, match="cannot be read as a picture: cannot identify"):
            read_picture(path, 3)
    with pytest.raises(ArgumentError, match="with 1 or 3 channels, the model has 4"):
        read_picture(path, 4)


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp"])
def test_a_picture_cut_anywhere_is_one_clear_error(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    Image.fromarray(np.kron(RGB, np.ones((8, 8, 1), np.uint8))).save(path)
    whole = path.read_bytes()
    for end in range(0, len(whole) * 3 // 4, max(1, len(whole) // 20)):
        path.write_bytes(whole[:end])
        with pytest.raises(FileError, match=r"cannot be read as a picture: ."):
            read_picture(path, 3)


def test_the_background_is_the_brightness_of_the_edges():
    framed = np.full((2, 6, 5, 1), 200, np.uint8)
    framed[:, 1:-1, 1:-1] = 7
    assert picture.background(framed) == picture.background(framed[0]) == pytest.approx(200 / 255)
    assert picture.background(framed / 255) == pytest.approx(200 / 255)
    assert picture.background(sample().x) < 0.01


def test_resizing_keeps_rows_and_cols_apart():
    steps = np.kron(np.array([[0, 100], [200, 40]], np.uint8), np.ones((4, 6), np.uint8))[..., None]
    np.testing.assert_array_equal(resize(steps, 2, 2)[..., 0], [[0, 100], [200, 40]])
    assert resize(RGB, 3, 11).shape == (3, 11, 3)
    assert resize(RGB[..., :1], 20, 9).shape == (20, 9, 1)
    np.testing.assert_array_equal(resize(RGB, 5, 7), RGB)
