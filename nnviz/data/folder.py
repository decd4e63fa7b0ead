"""Folders of pictures: `class/picture.png` with labels, or plain pictures without.

Class names are the folders', in natural order (`class2` before `class10`). Folders called `train`
and `test` are splits, each with class folders inside. Nothing is passed over in silence: what is no
picture is an error that names the file, except hidden files and what systems strew about.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import ArgumentError, FileError, unknown
from ..files import GIGABYTE, reason
from .dataset import Dataset, class_names
from .picture import read_picture
from .picture import resize as resized

ENDINGS = (
    ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm",
)  # fmt: skip
LITTER = ("thumbs.db", "desktop.ini")
SPLITS = ("train", "test")
ASIDE = ("val", "valid", "validation")
"""Splits that others keep beside these two; they are never read."""
MAX_BYTES = 2 * GIGABYTE


def fits(path: Path) -> bool:
    """A folder with pictures or with folders in it, or one picture."""
    if path.is_file():
        return _is_picture(path)
    folders, files = _inside(path)
    return bool(folders) or any(_is_picture(file) for file in files)


def read(
    path: Path,
    split: str,
    resize: tuple[int, int] | None = None,
    channels: int | None = None,
    classes: Sequence[str] | None = None,
    fit: str = "stretch",
) -> Dataset:
    """A folder of class folders, a folder of pictures, or one picture.

    resize: (rows, cols) for every picture; without it all must have one size. fit: "stretch", or
    "crop" for the largest part in the middle of that shape. channels: 1 for grey,
    3 for colour; None for grey where all files are grey, else colour. classes: the names in the
    order wanted, for a folder that lacks some of them. Raises `FileError` with the file's name for
    a picture that cannot be read or has another size, an empty class, a folder without pictures,
    and a link that leads out of the folder.
    """
    _check(resize, channels)
    if path.is_file():
        x = _pictures([path], path.parent, resize, channels, fit)
        return Dataset(x, None, None, path.name, str(path), (path.name,))
    top = _inside(path)[0]
    found = None
    name = path.name or str(path)
    if _has_splits(top):
        if not (path / split).is_dir():
            raise FileError(f"the folder {path} has no {split} data: it has no folder {split}")
        found, name = split, f"{name} ({split})"
        top = [inner for f in top if f.name in SPLITS for inner in _inside(f)[0]]
    base = path / split if found else path
    known = {_name(folder): None for folder in sorted(top, key=_natural)}
    names = tuple(known) if classes is None else class_names(classes, 0)
    files, labels = _labelled(base, names) if _inside(base)[0] else (_listed(base), None)
    if not files:
        raise FileError(f"the folder {base} holds no picture: expected {', '.join(ENDINGS)}")
    x = _pictures(files, base, resize, channels, fit)
    y = None if labels is None else np.array(labels, np.int64)
    relative = tuple(file.relative_to(base).as_posix() for file in files)
    return Dataset(x, y, None if y is None else names, name, str(path), relative, found)


def _has_splits(folders: list[Path]) -> bool:
    names = {folder.name for folder in folders}
    return bool(names & {*SPLITS}) and names <= {*SPLITS, *ASIDE}


def _check(resize: tuple[int, int] | None, channels: int | None) -> None:
    if channels not in (None, 1, 3):
        raise ArgumentError(f"channels must be 1, 3 or None, got {channels}")
    if resize is None:
        return
    whole = [side for side in resize if isinstance(side, int | np.integer) and side >= 1]
    if len(whole) != 2 or len(resize) != 2:
        raise ArgumentError(f"resize must be (rows, cols), each at least 1, got {resize}")


def _inside(folder: Path) -> tuple[list[Path], list[Path]]:
    """The folders and the files in a folder, in natural order; hidden ones are left out."""
    try:
        every = sorted(folder.iterdir(), key=_natural)
    except OSError as error:
        raise FileError(f"cannot read the folder {folder}: {reason(error)}") from None
    shown = [p for p in every if not p.name.startswith(".") and p.name.lower() not in LITTER]
    return [p for p in shown if p.is_dir()], [p for p in shown if not p.is_dir()]


def _natural(path: Path) -> tuple[list[tuple[int, int | str]], str]:
    """`a2` before `a10`: numbers by their value, the rest by its letters."""
    parts = re.split(r"([0-9]+)", path.name.casefold())
    keys: list[tuple[int, int | str]] = [
        (0, int(part)) if part.isdecimal() and part.isascii() else (1, part) for part in parts
    ]
    return keys, path.name


def _name(path: Path) -> str:
    """A file's name as text, also where its bytes are none."""
    return os.fsencode(path.name).decode("utf-8", "replace")


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS


def _labelled(base: Path, names: tuple[str, ...]) -> tuple[list[Path], list[int]]:
    """All pictures of the class folders, and for each its class number."""
    folders, loose = _inside(base)
    stray = next((file for file in loose if _is_picture(file)), None)
    if stray is not None:
        raise FileError(f"{stray} lies beside the class folders: move it into one of them")
    files: list[Path] = []
    labels: list[int] = []
    for folder in folders:
        if _name(folder) not in names:
            raise unknown("class", _name(folder), names, "the option classes")
        own = _listed(folder)
        if not own:
            raise FileError(f"the class {_name(folder)!r} is empty: no picture in {folder}")
        files += own
        labels += [names.index(_name(folder))] * len(own)
    return files, labels


def _listed(folder: Path) -> list[Path]:
    """The pictures in a folder; an error for anything else in it."""
    folders, files = _inside(folder)
    for other in [*folders, *(file for file in files if not _is_picture(file))]:
        kind = "a folder" if other.is_dir() else "no picture"
        raise FileError(f"{other} is {kind}: expected {', '.join(ENDINGS)} in {folder}")
    return files


def _pictures(
    files: list[Path],
    base: Path,
    resize: tuple[int, int] | None,
    channels: int | None,
    fit: str,
) -> np.ndarray:
    """(N, rows, cols, channels) uint8."""
    root = base.resolve()
    read, total = [], 0
    for file in files:
        _stays(file, root)
        picture = read_picture(file, channels)
        if resize is not None:
            picture = resized(picture, *resize, fit)
        read.append(picture)
        total += picture.nbytes
        if total > MAX_BYTES:
            raise FileError(
                f"the pictures in {base} take more than {MAX_BYTES:,} bytes: "
                "give resize=(rows, cols) to make them smaller"
            )
    sizes = Counter(picture.shape[:2] for picture in read)
    usual = sizes.most_common(1)[0][0]
    for file, picture in zip(files, read, strict=True):
        if picture.shape[:2] != usual:
            rows, cols = picture.shape[:2]
            raise FileError(
                f"{file} has {rows}×{cols} pixels (rows × cols), the others "
                f"{usual[0]}×{usual[1]}: give resize=(rows, cols)"
            )
    depth = max(picture.shape[2] for picture in read)
    out = np.empty((len(read), *usual, depth), np.uint8)
    for place, picture in enumerate(read):
        out[place] = picture  # a grey one fills all three
    return out


def _stays(file: Path, root: Path) -> None:
    """An error where a link, the file's or its folder's, leads out of the folder."""
    try:
        target = file.resolve(strict=True)
    except (OSError, RuntimeError):
        raise FileError(f"{file} is a link that leads nowhere") from None
    if not target.is_relative_to(root):
        raise FileError(f"{file} is a link that leaves {root}: refused")
