"""The IDX format in which MNIST is published, gzipped or not.

Two zero bytes, a type byte, the number of dimensions, each dimension as a big-endian 32-bit number,
then the values row by row. Pictures have magic 2051 (unsigned bytes, three dimensions), labels
2049. Pictures and labels lie in two files that belong together by their names.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import IO

import numpy as np

from ..errors import ArgumentError, FileError
from ..files import GIGABYTE
from .dataset import Dataset, class_names
from .unzip import head, unzipped

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
    with unzipped(path) as file:
        return _read(file, path)


def _read(file: IO[bytes], path: Path) -> np.ndarray:
    start = file.read(4)
    magic = int.from_bytes(start, "big")
    if len(start) < 4 or magic not in (PICTURES, LABELS):
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


def there(folder: Path, name: str) -> Path | None:
    """The file of this published name in a folder, in any of its spellings, or None."""
    spellings = sorted({name, name.replace("-idx", ".idx")})
    paths = [folder / f"{spelling}{ending}" for spelling in spellings for ending in ("", ".gz")]
    return next((path for path in paths if path.is_file()), None)


def find(folder: Path, split: str) -> tuple[Path, Path] | None:
    """The pictures' and the labels' file of a split in a folder, or None."""
    pictures, labels = (there(folder, name) for name in NAMES[split])
    return (pictures, labels) if pictures and labels else None


def fits(path: Path) -> bool:
    """A folder with at least one of the published files, or one IDX file."""
    if path.is_dir():
        return any(there(path, name) for pair in NAMES.values() for name in pair)
    return int.from_bytes(head(path, 4), "big") in (PICTURES, LABELS)


def read(path: Path, split: str) -> Dataset:
    """A split of a folder, or one file of pictures with the labels that lie beside it.

    Labels beside `…-images-idx3-…` are `…-labels-idx1-…`; without such a file there are none.
    """
    if path.is_dir():
        files = find(path, split)
        if files is None:
            wanted = " and ".join(f"{name}[.gz]" for name in NAMES[split])
            raise FileError(f"the folder {path} has no {split} data: expected {wanted}")
        return _together(files[0], files[1], f"{path.name} ({split})", str(path), split)
    beside = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    labels = beside if beside != path and beside.is_file() else None
    return _together(path, labels, path.name, str(path), None)


def _together(
    pictures: Path, labels: Path | None, name: str, source: str, split: str | None
) -> Dataset:
    x = read_idx(pictures)
    y = None if labels is None else read_idx(labels)
    if x.ndim != 3 and labels is None:
        raise FileError(f"{pictures} holds labels: give the file of pictures, or their folder")
    if labels is not None and y is not None and (x.ndim != 3 or y.ndim != 1):
        raise FileError(f"{pictures.name} and {labels.name} are not pictures and their labels")
    if not x.size:
        raise ArgumentError(f"{pictures} holds no pictures")
    if y is None:
        return Dataset(x[..., None], None, None, name, source, None, split)
    if len(x) != len(y):
        raise FileError(f"{pictures} has {len(x)} pictures, but {labels} has {len(y)} labels")
    names = class_names(None, max(10, int(y.max()) + 1))
    return Dataset(x[..., None], y.astype(np.int64), names, name, source, None, split)
