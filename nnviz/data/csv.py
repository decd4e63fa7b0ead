"""The digit-recognizer CSV: a header `label,pixel0,…,pixel783`, then a picture a line.

The header says which column is which, in any order; a test file has no `label`. The file is read in
pieces. A piece that holds nothing but short whole numbers is taken apart as one array of bytes; any
other goes line by line, which is slow and finds out what is wrong, and where.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from ..errors import ArgumentError, FileError
from ..files import GIGABYTE
from .dataset import Dataset, class_names
from .unzip import head, unzipped

MAX_BYTES = 2 * GIGABYTE
PIECE, LONGEST = 1 << 22, 1 << 24
"""Bytes read at a time, and the longest line."""
BOM = b"\xef\xbb\xbf"
COMMA, NEWLINE, ZERO = b",\n0"
START = re.compile(rb'"?(label|pixel\d+)"?\s*[,\r\n]')
DIGITS = 10
"""Classes unless told otherwise: the form's own."""


@dataclass(frozen=True)
class Columns:
    """Where the header puts what: the label's column or None, and the pixels' in order."""

    label: int | None
    pixels: np.ndarray
    count: int


def fits(path: Path) -> bool:
    """A file that begins like this form or is called `.csv`, or a folder with `train.csv`."""
    if path.is_dir():
        return any(_split_file(path, split) for split in ("train", "test"))
    return bool(_is_named(path) or START.match(head(path).removeprefix(BOM)))


def _is_named(path: Path) -> bool:
    return path.name.lower().endswith((".csv", ".csv.gz"))


def _split_file(folder: Path, split: str) -> Path | None:
    paths = (folder / f"{split}.csv{ending}" for ending in ("", ".gz"))
    return next((path for path in paths if path.is_file()), None)


def read(
    path: Path,
    split: str,
    rows: int | None = None,
    cols: int | None = None,
    classes: int | Sequence[str] | None = None,
) -> Dataset:
    """One file, gzipped or not, or `train.csv` or `test.csv` of a folder.

    rows, cols: the pictures' size, where they are not square; one of them is enough. classes: how
    many there are, or their names; ten digits unless told otherwise. Raises `FileError`, with file
    and line, for a missing column, a ragged row, a pixel that is no whole number in 0..255, a label
    outside the classes, and a file without pictures.
    """
    found = None
    name = path.name
    if path.is_dir():
        file = _split_file(path, split)
        if file is None:
            raise FileError(f"the folder {path} has no {split} data: expected {split}.csv[.gz]")
        path, found, name = file, split, f"{path.name} ({split})"
    names = class_names(classes, DIGITS)
    with unzipped(path) as opened:
        columns = _header(opened, path)
        size = _size(len(columns.pixels), rows, cols, path)
        x, y = _body(opened, columns, len(names), path)
    x = x.reshape(-1, *size, 1)
    return Dataset(x, y, None if y is None else names, name, str(path), None, found)


def _header(file: IO[bytes], path: Path) -> Columns:
    line = file.readline(LONGEST)
    if not line.strip():
        raise FileError(f"{path} is empty: expected a header label,pixel0,pixel1,…")
    names = [name.strip() for name in _cells(line.removeprefix(BOM), f"{path}, line 1")]
    label, numbers = None, {}
    for place, name in enumerate(names):
        pixel = re.fullmatch(r"pixel([0-9]{1,9})", name)
        if name == "label" and label is None:
            label = place
        elif pixel and int(pixel[1]) not in numbers:
            numbers[int(pixel[1])] = place
        else:
            what = "a second" if pixel or name == "label" else "an unknown"
            raise FileError(
                f"{path}, line 1: {what} column {_shown(name)}: expected label (or none), "
                "pixel0, pixel1, …"
            )
    if not numbers:
        raise FileError(f"{path}, line 1: no pixel columns: expected label,pixel0,pixel1,…")
    first = min(min(numbers), 1)  # some writers count from one
    for number in range(first, first + len(numbers)):
        if number not in numbers:
            raise FileError(f"{path}, line 1: the column pixel{number} is missing")
    order = np.array([numbers[number] for number in sorted(numbers)])
    return Columns(label, order, len(names))


def _size(pixels: int, rows: int | None, cols: int | None, path: Path) -> tuple[int, int]:
    """(rows, cols) for so many pixels: as given, or square."""
    for name, value in (("rows", rows), ("cols", cols)):
        if value is not None and value < 1:
            raise ArgumentError(f"{name} must be at least 1, got {value}")
    side = math.isqrt(pixels)
    if rows is None and cols is None:
        if side * side != pixels:
            raise FileError(
                f"{path}, line 1: {pixels} pixel columns make no square picture: "
                "is one missing? Otherwise give rows= and cols="
            )
        return side, side
    down = rows if rows is not None else pixels // (cols or 1)
    along = cols if cols is not None else pixels // down
    if down * along != pixels:
        given = f"{rows or '?'}×{cols or '?'}"
        raise FileError(f"{path}, line 1: {pixels} pixel columns do not fit {given} pixels")
    return down, along


def _body(
    file: IO[bytes], columns: Columns, classes: int, path: Path
) -> tuple[np.ndarray, np.ndarray | None]:
    """Pictures (N, pixels) uint8 and labels (N,) or None."""
    pictures, labels, total = [], [], 0
    for number, piece in _pieces(file, path):
        table = _table(piece, columns.count)
        if table is None or not _is_sound(table, columns, classes):
            table = _by_line(piece, number, columns, classes, path)
        pictures.append(table[:, columns.pixels].astype(np.uint8))
        if columns.label is not None:
            labels.append(table[:, columns.label].astype(np.int64))
        total += pictures[-1].nbytes
        if total > MAX_BYTES:
            raise FileError(f"{path} holds more than {MAX_BYTES:,} bytes of pictures: refused")
    if not total:
        raise FileError(f"{path} holds no pictures: there is nothing below its header")
    return np.concatenate(pictures), np.concatenate(labels) if labels else None


def _pieces(file: IO[bytes], path: Path) -> Iterator[tuple[int, bytes]]:
    """Whole lines, some megabytes at a time, with the number of the first line."""
    number = 2
    while piece := file.read(PIECE):
        rest = b"" if piece.endswith(b"\n") else file.readline(LONGEST)
        if len(rest) == LONGEST:
            raise FileError(f"{path}: a line is longer than {LONGEST:,} bytes: this is no CSV")
        piece = (piece + rest).replace(b"\r\n", b"\n")
        yield number, piece
        number += piece.count(b"\n")


def _table(piece: bytes, count: int) -> np.ndarray | None:
    """(rows, count) int32 from text of whole numbers below 1,000, or None for any other text."""
    text = np.frombuffer(piece if piece.endswith(b"\n") else piece + b"\n", np.uint8)
    ends = np.flatnonzero((text == COMMA) | (text == NEWLINE))
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts
    digits = text - np.uint8(ZERO)  # what is below "0" wraps round, to more than 9
    if len(ends) % count or not 1 <= lengths.min() <= lengths.max() <= 3:
        return None
    if np.count_nonzero(digits > 9) != len(ends):
        return None
    newline = (text[ends] == NEWLINE).reshape(-1, count)
    if newline[:, :-1].any() or not newline[:, -1].all():
        return None
    values = digits[ends - 1].astype(np.int32)
    for place, worth in ((2, 10), (3, 100)):
        longer = lengths >= place
        values[longer] += np.int32(worth) * digits[ends[longer] - place]
    return values.reshape(-1, count)


def _is_sound(table: np.ndarray, columns: Columns, classes: int) -> bool:
    label = columns.label
    highest = np.delete(table, label, axis=1).max() if label is not None else table.max()
    return bool(highest <= 255 and (label is None or table[:, label].max() < classes))


def _by_line(piece: bytes, number: int, columns: Columns, classes: int, path: Path) -> np.ndarray:
    """The same table, cell by cell; blank lines are passed over."""
    table = []
    lines = piece.split(b"\n")
    for at, line in enumerate(lines, start=number):
        if not line.strip():
            continue
        place = f"{path}, line {at}"
        cells = _cells(line, place)
        if len(cells) != columns.count:
            raise FileError(f"{place}: {len(cells)} values, the header has {columns.count}")
        for pixel, column in enumerate(columns.pixels):
            if not _is_number(cells[column]) or int(cells[column]) > 255:
                raise FileError(
                    f"{place}: pixel {pixel} is {_shown(cells[column])}, "
                    "expected a whole number in 0..255"
                )
        if columns.label is not None:
            label = cells[columns.label]
            if not _is_number(label):
                raise FileError(f"{place}: label {_shown(label)}, expected a whole number")
            if int(label) >= classes:
                raise FileError(
                    f"{place}: label {int(label)} of {classes}: give classes= if there are more"
                )
        table.append([int(cell) for cell in cells])
    return np.array(table, np.int32).reshape(-1, columns.count)


def _cells(line: bytes, place: str) -> list[str]:
    try:
        return next(csv.reader([line.decode("utf-8", "replace").strip()]))
    except csv.Error as error:
        raise FileError(f"{place} is no line of a CSV: {error}") from None


def _is_number(cell: str) -> bool:
    """A whole number in plain digits, small enough for any picture and any label."""
    cell = cell.strip()
    return cell.isascii() and cell.isdigit() and len(cell) <= 9


def _shown(cell: str) -> str:
    return repr(cell if len(cell) <= 24 else f"{cell[:24]}…")
