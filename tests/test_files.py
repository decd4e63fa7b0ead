"""Writing whole or not at all; reading archives that may be anything."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import zipfile

import numpy as np
import pytest

from nnviz import files
from nnviz.errors import FileError
from nnviz.files import atomic, make_folder, npz_bytes, read_npz, write_bytes, write_npz

ARRAYS = {
    "a": np.arange(6.0).reshape(2, 3),
    "node/weight": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    "scalar": np.float64(3.5),
    "empty": np.zeros((0, 4)),
    "text": np.array(["é", "abc"]),
    "flags": np.array([True, False]),
}


# Writing --------------------------------------------------------------------------------------


def test_a_file_appears_whole_and_with_the_usual_rights(tmp_path):
    path = tmp_path / "a.bin"
    write_bytes(path, b"one")
    write_bytes(path, b"two")
    assert path.read_bytes() == b"two"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]
    mask = os.umask(0o022)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_after_an_error_the_old_file_is_there_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")

    def interrupted():
        with atomic(path) as file:
            file.write(b"half")
            raise error("in the middle")

    with pytest.raises(FileError if error is OSError else error, match="in the middle"):
        interrupted()
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_where_nothing_can_be_written_there_is_one_clear_error(tmp_path):
    with pytest.raises(FileError, match=r"cannot write .*a\.bin: No such file"):
        write_bytes(tmp_path / "nowhere" / "a.bin", b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileError, match=r"cannot write .*folder: Is a directory"):
        write_bytes(tmp_path / "folder", b"")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_folders_are_made(tmp_path, monkeypatch):
    assert make_folder(tmp_path / "a" / "b").is_dir()
    assert make_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileError, match=r"cannot make the folder .*file: "):
        make_folder(tmp_path / "file")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(FileError, match=r"cannot write into the folder .*: permission denied"):
        make_folder(tmp_path / "a")


# Archives -------------------------------------------------------------------------------------


@pytest.mark.parametrize("compress", [False, True])
def test_arrays_come_back_and_the_bytes_are_the_same_every_time(tmp_path, compress):
    path = tmp_path / "a.npz"
    write_npz(path, ARRAYS, compress=compress)
    assert path.read_bytes() == npz_bytes(ARRAYS, compress=compress)
    got = read_npz(path, "test file")
    assert list(got) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert got[name].dtype == array.dtype
        np.testing.assert_array_equal(got[name], array)
        assert got[name].flags.writeable
    with np.load(path, allow_pickle=False) as numpys:
        np.testing.assert_array_equal(numpys["node/weight"], ARRAYS["node/weight"])


def test_a_blank_picture_that_packs_well_is_no_bomb(tmp_path):
    write_npz(tmp_path / "blank.npz", {"x": np.zeros(1_000_000)}, compress=True)
    assert read_npz(tmp_path / "blank.npz", "result")["x"].size == 1_000_000


def test_bombs_are_refused_before_they_are_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "bomb.npz"
    write_npz(path, {"x": np.zeros(1_000_000)}, compress=True)
    monkeypatch.setattr(files, "SMALL", 1000)
    with pytest.raises(FileError, match=r"is no result: it would unpack to 8,000,128 bytes, which"):
        read_npz(path, "result")
    write_npz(path, {"x": np.arange(1000)})
    with pytest.raises(FileError, match="it would unpack to 8,128 bytes"):
        read_npz(path, "result", limit=8000)


def test_a_file_cut_anywhere_is_one_clear_error(tmp_path):
    whole, path = npz_bytes(ARRAYS, compress=True), tmp_path / "cut.npz"
    for end in [*range(0, len(whole), 37), len(whole) - 1]:
        path.write_bytes(whole[:end])
        with pytest.raises(FileError, match=r"cut\.npz is no test file, or it is damaged: ."):
            read_npz(path, "test file")


def test_a_file_with_a_flipped_byte_is_an_error_or_the_same(tmp_path):
    whole, path = bytearray(npz_bytes(ARRAYS, compress=True)), tmp_path / "flipped.npz"
    rng = np.random.default_rng(0)
    for at in rng.integers(0, len(whole), 60):
        damaged = whole.copy()
        damaged[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with contextlib.suppress(FileError):
            assert list(read_npz(path, "test file")) == list(ARRAYS)


def archive(path, name, data):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(name, data)


def header(shape, dtype="<f8", version=b"\x01\x00"):
    text = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text


FALSE = [
    (header((10**12,)), "an array claims 8,000,000,000,000 bytes, but"),
    (header((3,)) + b"\0" * 8, "an array has another length than its header says"),
    (header((3,)) + b"\0" * 25, "an array has another length than its header says"),
    (header((3,), "|O") + b"\0" * 24, "an array holds Python objects, which are never read"),
    (header((3,), version=b"\x03\x00"), r"an array is in .npy version \(3, 0\), which is not read"),
    (header((-1,)), "another length than its header says"),
    (header((0, 10**30)), "damaged: "),
    (b"no numbers", "damaged: "),
    (b"", "damaged: "),
]


@pytest.mark.parametrize(("data", "message"), FALSE, ids=[m[:30] for _, m in FALSE])
def test_an_array_that_is_not_what_it_says_is_refused(tmp_path, data, message):
    archive(tmp_path / "a.npz", "x.npy", data)
    with pytest.raises(FileError, match=message):
        read_npz(tmp_path / "a.npz", "test file")


def test_pickles_are_never_opened(tmp_path):
    class _Bang:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was opened",))

    out = io.BytesIO()
    np.savez(out, x=np.array([_Bang()], dtype=object))
    (tmp_path / "a.npz").write_bytes(out.getvalue())
    with pytest.raises(FileError, match="Python objects, which are never read"):
        read_npz(tmp_path / "a.npz", "test file")


def test_what_cannot_be_opened(tmp_path):
    with pytest.raises(FileError, match=r"cannot read .*gone\.npz: No such file"):
        read_npz(tmp_path / "gone.npz", "test file")
    with pytest.raises(FileError, match=r"cannot read .*: Is a directory"):
        read_npz(tmp_path, "test file")
