"""One door to all data: a folder, a file, or a name."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import ArgumentError, FileError, unknown
from . import idx
from .dataset import Dataset
from .sample import sample

SPLITS = ("train", "test")
NAMED = {"sample": sample}


def load(where: str | Path, split: str = "test") -> Dataset:
    """A data set: "sample" (the shipped digits), or a folder with a split's MNIST IDX files."""
    if split not in SPLITS:
        raise unknown("split", split, SPLITS, "a data set")
    if str(where) in NAMED:
        return NAMED[str(where)]()
    path = Path(where)
    if path.is_dir():
        return _idx_folder(path, split)
    if not path.exists():
        raise FileError(
            f"there is no data {str(where)!r}: give a folder with IDX files, or 'sample'"
        )
    raise FileError(f"{path} is no folder: give the folder that holds the IDX files, or 'sample'")


def _idx_folder(folder: Path, split: str) -> Dataset:
    files = idx.find(folder, split)
    if files is None:
        wanted = " and ".join(f"{name}[.gz]" for name in idx.NAMES[split])
        raise FileError(f"the folder {folder} has no {split} data: expected {wanted}")
    x, y = idx.read_idx(files[0]), idx.read_idx(files[1])
    if x.ndim != 3 or y.ndim != 1:
        raise FileError(f"{files[0].name} and {files[1].name} are not pictures and their labels")
    if len(x) != len(y):
        raise FileError(f"{files[0]} has {len(x)} pictures, but {files[1]} has {len(y)} labels")
    if not len(x):
        raise ArgumentError(f"{files[0]} holds no pictures")
    labels = y.astype(np.int64)
    names = tuple(str(i) for i in range(max(10, int(labels.max()) + 1)))
    return Dataset(x[..., None], labels, names, f"{folder.name} ({split})", str(folder))
