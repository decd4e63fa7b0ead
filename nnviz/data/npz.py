"""Data sets as NumPy archives: pictures, labels and class names as arrays by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..errors import ArgumentError, FileError, listing
from ..files import read_npz
from .dataset import Dataset, class_names
from .unzip import head

SPELLINGS = (("{}_x", "{}_y"), ("x_{}", "y_{}"))
"""How a split's pictures and labels are called; the second is Keras's way."""
PLAIN = ("x", "y")
"""How they are called in a file with one set alone."""


def fits(path: Path) -> bool:
    """A zip archive, by its first bytes or its name."""
    return path.is_file() and (path.suffix == ".npz" or head(path, 4) == b"PK\x03\x04")


def read(path: Path, split: str, classes: int | Sequence[str] | None = None) -> Dataset:
    """The split of an `.npz`, or its only set; labels and the array `classes` may be missing.

    Pictures are (N, rows, cols[, channels]): uint8, other whole numbers in 0..255, or floats in
    0..1. Labels are (N,) class numbers.
    """
    arrays = read_npz(path, "data set")
    pictures, labels, found = _keys(arrays, split, path)
    x = _pictures(arrays[pictures], f"{path}: {pictures}")
    y = _labels(arrays[labels], f"{path}: {labels}") if labels in arrays else None
    name = path.name if found is None else f"{path.name} ({found})"
    names = None if y is None else _names(arrays, classes, path)
    if y is not None and names is not None and int(y.max()) >= len(names):
        where = int((y >= len(names)).argmax())
        raise FileError(f"{path}: {labels}[{where}] is label {y[where]} of {len(names)}")
    try:
        return Dataset(x, y, names, name, str(path), None, found)
    except ArgumentError as error:
        raise FileError(str(error)) from None


def _keys(arrays: Mapping[str, np.ndarray], split: str, path: Path) -> tuple[str, str, str | None]:
    """The names of the pictures and the labels, and the split, None in a file without splits."""
    for pictures, labels in SPELLINGS:
        if pictures.format(split) in arrays:
            return pictures.format(split), labels.format(split), split
    if PLAIN[0] in arrays:
        return *PLAIN, None
    wanted = " or ".join([*(pictures.format(split) for pictures, _ in SPELLINGS), PLAIN[0]])
    held = listing(arrays) or "nothing"
    raise FileError(f"{path} has no {split} pictures: expected {wanted}, it holds {held}")


def _pictures(x: np.ndarray, place: str) -> np.ndarray:
    if x.ndim == 3:
        x = x[..., None]
    if x.ndim != 4 or not x.size:
        raise FileError(f"{place} has shape {x.shape}, expected (N, rows, cols, channels)")
    if x.dtype == np.uint8:
        return x
    if x.dtype.kind not in "iuf":
        raise FileError(f"{place} holds {x.dtype}, expected numbers")
    top = 1 if x.dtype.kind == "f" else 255
    low, high = x.min(), x.max()
    if not (low >= 0 and high <= top):  # so that NaN is refused as well
        kind = "floats" if top == 1 else "whole numbers"
        raise FileError(f"{place} runs from {low} to {high}: expected {kind} in 0..{top}")
    return x.astype(np.float32 if top == 1 else np.uint8)


def _labels(y: np.ndarray, place: str) -> np.ndarray:
    if y.ndim != 1 or y.dtype.kind not in "iu" or not y.size:
        raise FileError(f"{place} is {y.dtype} {y.shape}, expected whole numbers (N,)")
    if y.min() < 0 or y.max() >= 1_000_000:
        raise FileError(f"{place} runs from {y.min()} to {y.max()}, expected class numbers from 0")
    return y.astype(np.int64)


def _names(
    arrays: Mapping[str, np.ndarray], classes: int | Sequence[str] | None, path: Path
) -> tuple[str, ...]:
    """Class names: those asked for, the file's, or numbers up to the highest label of any split."""
    if classes is None and "classes" in arrays:
        held = arrays["classes"]
        if held.ndim != 1 or held.dtype.kind != "U":
            raise FileError(f"{path}: classes is {held.dtype} {held.shape}, expected words (n,)")
        return tuple(str(name) for name in held)
    keys = [PLAIN[1], *(labels.format(s) for _, labels in SPELLINGS for s in ("train", "test"))]
    highest = max(int(_labels(arrays[k], f"{path}: {k}").max()) for k in keys if k in arrays)
    return class_names(classes, highest + 1)
