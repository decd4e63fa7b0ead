"""CIFAR-10 as its authors publish it for programs in C.

Six files of records; a record is one byte of label and 3,072 bytes of picture: the red plane, the
green one, the blue one, each 32×32, row by row. `batches.meta.txt` holds a class name a line.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import FileError
from ..files import GIGABYTE, reason
from .dataset import Dataset

SIZE, CHANNELS = 32, 3
RECORD = 1 + CHANNELS * SIZE * SIZE
NAMES = {
    "train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
    "test": ("test_batch.bin",),
}
META = "batches.meta.txt"
INSIDE = "cifar-10-batches-bin"
"""The folder that the published archive unpacks to."""
CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
MAX_BYTES = 2 * GIGABYTE


def home(path: Path) -> Path:
    """The folder with the batches: this one, or the one that the archive unpacks to inside it."""
    return path / INSIDE if (path / INSIDE).is_dir() else path


def fits(path: Path) -> bool:
    """A folder with at least one of the batches, in the binary form or (to refuse it) pickled."""
    names = [name for names in NAMES.values() for name in names]
    endings = [*names, *(name.removesuffix(".bin") for name in names)]
    return path.is_dir() and any((home(path) / name).is_file() for name in endings)


def read(path: Path, split: str) -> Dataset:
    """A split of the folder: the five training batches one after the other, or the test batch."""
    folder = home(path)
    classes = _classes(folder / META)
    parts, total = [], 0
    for name in NAMES[split]:
        if not (folder / name).is_file():
            raise FileError(_missing(folder, name, split))
        parts.append(_records(folder / name, len(classes), MAX_BYTES - total))
        total += parts[-1].nbytes
    records = np.concatenate(parts)
    planes = records[:, 1:].reshape(-1, CHANNELS, SIZE, SIZE)
    x = np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
    y = records[:, 0].astype(np.int64)
    return Dataset(x, y, classes, f"{path.name} ({split})", str(path), None, split)


def _missing(folder: Path, name: str, split: str) -> str:
    if (folder / name.removesuffix(".bin")).is_file():
        return (
            f"{folder / name.removesuffix('.bin')} is CIFAR-10 pickled for Python, which can run "
            "code and is never read: get the binary version"
        )
    return f"the folder {folder} has no {split} data: {name} is missing"


def _records(path: Path, classes: int, room: int) -> np.ndarray:
    """(N, 3073) uint8, every label held against the number of classes."""
    try:
        size = path.stat().st_size
        if size > room:
            raise FileError(f"{path} has {size:,} bytes, more than {room:,}: refused")
        data = path.read_bytes()
    except OSError as error:
        raise FileError(f"cannot read {path}: {reason(error)}") from None
    if not data or len(data) % RECORD:
        raise FileError(
            f"{path} has {len(data):,} bytes, which are no whole records of {RECORD:,}: "
            "it is truncated, or another kind of file"
        )
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD)
    wrong = np.flatnonzero(records[:, 0] >= classes)
    if len(wrong):
        first = wrong[0]
        raise FileError(f"{path}, record {first + 1}: label {records[first, 0]} of {classes}")
    return records


def _classes(meta: Path) -> tuple[str, ...]:
    """The names in the meta file; the published ones where it is missing."""
    if not meta.is_file():
        return CLASSES
    try:
        with meta.open("rb") as file:
            lines = file.read(1 << 16).decode("utf-8").splitlines()
    except OSError as error:
        raise FileError(f"cannot read {meta}: {reason(error)}") from None
    except UnicodeDecodeError:
        raise FileError(f"{meta} is no text: expected a class name a line") from None
    names = tuple(line.strip() for line in lines if line.strip())
    if len(names) != len(CLASSES):
        raise FileError(f"{meta} names {len(names)} classes, expected {len(CLASSES)}")
    return names
