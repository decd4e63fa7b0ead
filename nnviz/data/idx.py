"""The IDX format in which MNIST is published, gzipped or not.

Two zero bytes, a type byte, the number of dimensions, each dimension as a big-endian 32-bit number,
then the values row by row. Pictures have magic 2051 (unsigned bytes, three dimensions), labels
2049.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import IO, cast

import numpy as np

from ..errors import FileError
from ..files import GIGABYTE, reason

PICTURES, LABELS = 2051, 2049
MAX_BYTES = 2 * GIGABYTE
NAMES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
"""The published names of a split's two files (some copies have a dot for the second hyphen)."""


def read_idx(path: str | Path) -> np.ndarray:
    """The array in an IDX file of unsigned bytes: pictures (N, rows, cols) or labels (N,)."""
    path = Path(path)
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path) if zipped else path.open("rb") as file:
            return _read(cast(IO[bytes], file), path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileError(f"{path} is damaged: {error}") from None
    except OSError as error:
        raise FileError(f"cannot read {path}: {reason(error)}") from None


def _read(file: IO[bytes], path: Path) -> np.ndarray:
    head = file.read(4)
    magic = int.from_bytes(head, "big")
    if len(head) < 4 or magic not in (PICTURES, LABELS):
        raise FileError(
            f"{path} is no IDX file of pictures or labels: it begins with {magic}, "
            f"expected {PICTURES} or {LABELS}"
        )
    count = magic % 256
    sizes = file.read(4 * count)
    if len(sizes) < 4 * count:
        raise FileError(f"{path} is too short: its header ends after {4 + len(sizes)} bytes")
    shape = struct.unpack(f">{count}I", sizes)
    expected = math.prod(shape)
    if expected > MAX_BYTES:
        raise FileError(f"{path} claims {expected:,} bytes, more than {MAX_BYTES:,}: refused")
    parts, have = [], 0
    while have < expected:  # in pieces, so that a false header cannot claim memory
        part = file.read(min(expected - have, 1 << 24))
        if not part:
            sizes_text = "×".join(map(str, shape))
            raise FileError(
                f"{path} is too short: {sizes_text} needs {expected:,} bytes, got {have:,}"
            )
        parts.append(part)
        have += len(part)
    if file.read(1):
        raise FileError(f"{path} is longer than its header says: expected {expected:,} values")
    return np.frombuffer(b"".join(parts), np.uint8).reshape(shape)


def find(folder: Path, split: str) -> tuple[Path, Path] | None:
    """The pictures' and the labels' file of a split in a folder, or None."""
    found = []
    for name in NAMES[split]:
        spellings = {name, name.replace("-idx", ".idx")}
        paths = [folder / f"{s}{ending}" for s in sorted(spellings) for ending in ("", ".gz")]
        there = [p for p in paths if p.is_file()]
        if not there:
            return None
        found.append(there[0])
    return found[0], found[1]
