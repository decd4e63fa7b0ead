"""Reading and writing files safely; it stands beside `errors`, left of everything else.

Writing is atomic: a temporary file beside the target, then a replace, so that after a kill at any
moment the old file or the new one is there whole. Reading an `.npz` trusts nothing: no pickle, and
every array's claimed size is held against the file before memory is taken.
"""

from __future__ import annotations

import io
import math
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from .errors import FileError

GIGABYTE = 1 << 30
SMALL = 1 << 26
MAX_RATIO = 300
"""Above `SMALL` bytes, an archive may unpack to so many times its own size: else it is a bomb."""


def reason(error: OSError) -> str:
    """What the system says of an error, without number and path."""
    return error.strerror or str(error)


@contextmanager
def atomic(path: str | Path, *, by_way_of: Path | None = None) -> Iterator[IO[bytes]]:
    """A binary file that takes the place of `path` when the block ends well, else vanishes.

    by_way_of: the folder, on the same disk, in which it comes to be, and stays when the process is
    killed meanwhile; the file's own where nothing is said.
    """
    path = Path(path)
    folder = path.parent if by_way_of is None else by_way_of
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=folder)
    except OSError as error:
        raise FileError(f"cannot write {path}: {reason(error)}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise FileError(f"cannot write {path}: {reason(error)}") from None
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def write_bytes(path: str | Path, data: bytes, *, by_way_of: Path | None = None) -> None:
    """All of `data` as the file, or an error and the old file untouched."""
    with atomic(path, by_way_of=by_way_of) as file:
        file.write(data)


def make_folder(path: str | Path) -> Path:
    """The folder, made where it is missing; an error where it cannot be written to."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot make the folder {folder}: {reason(error)}") from None
    if not os.access(folder, os.W_OK):
        raise FileError(f"cannot write into the folder {folder}: permission denied")
    return folder


def npz_bytes(arrays: Mapping[str, Any], *, compress: bool) -> bytes:
    """Arrays as the bytes of an `.npz`; the same arrays give the same bytes (no dates inside)."""
    out = io.BytesIO()
    how = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, array in arrays.items():
            part = io.BytesIO()
            np.lib.format.write_array(part, np.asarray(array), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            info.compress_type = how
            archive.writestr(info, part.getvalue())
    return out.getvalue()


def write_npz(path: str | Path, arrays: Mapping[str, Any], *, compress: bool = False) -> None:
    """Arrays as an `.npz`, atomically."""
    write_bytes(path, npz_bytes(arrays, compress=compress))


def read_npz(path: str | Path, what: str, limit: int = 2 * GIGABYTE) -> dict[str, np.ndarray]:
    """All arrays of an `.npz`, by name. `what` names the kind of file for messages.

    Refused: what is no archive, is truncated, holds objects, claims more than it has, unpacks to
    more than `limit` bytes, or (above 64 MB) to more than 300 times its own size.
    """
    path = Path(path)
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            total = sum(m.file_size for m in members)
            if total > min(limit, max(SMALL, MAX_RATIO * path.stat().st_size)):
                raise FileError(
                    f"{path} is no {what}: it would unpack to {total:,} bytes, which is refused"
                )
            for member in members:
                name = member.filename.removesuffix(".npy")
                with archive.open(member) as file:
                    arrays[name] = _read_array(file, member.file_size)
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"cannot read {path}: {reason(error)}") from None
    # zipfile and NumPy raise many kinds of error on damaged files; each means the same to a user.
    except Exception as error:
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FileError(
            f"{path} is no {what}, or it is damaged: {detail}; make or fetch it again"
        ) from None
    return arrays


def _read_array(file: IO[bytes], size: int) -> np.ndarray:
    """One `.npy`, after its header's claim was held against the bytes that are there."""
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in read:
        raise ValueError(f"an array is in .npy version {version}, which is not read")
    shape, fortran, dtype = read[version](file)
    if dtype.hasobject:
        raise ValueError("an array holds Python objects, which are never read")
    claimed = math.prod(shape) * dtype.itemsize
    if claimed > size:
        raise ValueError(f"an array claims {claimed:,} bytes, but {size:,} are there")
    data = file.read(claimed)
    if len(data) != claimed or file.read(1):
        raise ValueError("an array has another length than its header says")
    array = np.frombuffer(data, dtype).copy()
    return array.reshape(shape, order="F" if fortran else "C")


def with_suffix(path: str, ending: str) -> Path:
    """The path with this ending, added where it is missing."""
    return Path(path) if path.endswith(ending) else Path(path + ending)
