"""One door to all data: a folder, a file, or a name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import ArgumentError, FileError, unknown
from . import cifar, csv, folder, idx, npz
from .catalogue import CATALOGUE
from .dataset import Dataset
from .download import fetch
from .picture import resize as shrink
from .planted import PLANTED, planted
from .sample import sample

SPLITS = ("train", "test")
ALL = ("resize", "fit", "channels")
"""The options that every form of data has."""
DRAWN = ("n", "seed", "size", "channels")
"""The options of planted pictures."""
Options = Mapping[str, object]


@dataclass(frozen=True)
class Form:
    """One form of data: how it is recognised, how it is read, and the options it has."""

    what: str
    fits: Callable[[Path], bool]
    read: Callable[..., Dataset]
    options: tuple[str, ...] = ()


FORMS = (
    Form("IDX files, as MNIST is published", idx.fits, idx.read),
    Form("CIFAR-10's binary batches", cifar.fits, cifar.read),
    Form("an .npz with x and y", npz.fits, npz.read, ("classes",)),
    Form("a digit-recognizer CSV", csv.fits, csv.read, ("rows", "cols", "classes")),
    Form("pictures", folder.fits, folder.read, ("resize", "channels", "classes", "fit")),
)
"""Asked in this order; the first that fits reads."""


def load(
    where: str | Path,
    split: str = "test",
    *,
    resize: tuple[int, int] | None = None,
    channels: int | None = None,
    rows: int | None = None,
    cols: int | None = None,
    classes: int | Sequence[str] | None = None,
    fit: str | None = None,
    n: int | None = None,
    seed: int | None = None,
    size: tuple[int, int] | None = None,
) -> Dataset:
    """A data set from wherever it is; what it is is found by looking. Names:

        load("sample")                       the 1,000 digits that ship with nnviz
        load("mnist", "train")               downloaded once, then read from the cache;
        load("fashion-mnist")                NNVIZ_DATA names another folder for the cache
        load("cifar-10")
        load("planted-glyph", n=500)         drawn by program, with the truth: see `planted`

    Folders:

        load("mnist/", "train")              IDX files by their published names, gzipped or not
        load("cifar-10-batches-bin/")        CIFAR-10's binary version
        load("digit-recognizer/")            train.csv and test.csv
        load("pets/")                        class/picture.png, or train/class/picture.png
        load("photos/", resize=(64, 64))     plain pictures: without labels

    Files:

        load("train.csv")                    a digit-recognizer CSV, gzipped or not
        load("faces.csv", cols=48, classes=7)
        load("my.npz", "train")              train_x, train_y (or x_train …), or x and y
        load("kana-images-idx3-ubyte.gz")    IDX pictures, and the labels that lie beside them
        load("cat.png")                      one picture

    A name wins over a folder that is called the same: write `./mnist` for the folder.

    split: "train" or "test"; where there is one set alone it comes, and `Dataset.split` is None.
    resize: (rows, cols) that every picture is brought to. fit: "stretch" (the default) bends it,
    "crop" takes the largest part in its middle that has the new shape. channels: 1 for grey, 3 for
    colour; None: a folder is grey where all its pictures are. rows, cols: of a CSV's pictures,
    where they are not square. classes: how many, or the names in order, for a CSV (else ten), an
    `.npz` without names, or a folder that lacks some of its classes. n, seed, size: how many
    planted pictures (1,000), from which random numbers, and (rows, cols) of each (28, 28).

    Returns a `Dataset`: pictures (N, rows, cols, channels), uint8 or floats in 0..1; labels (N,)
    and class names where there are any; `files` where each picture has its own.

    Raises `ArgumentError` for a split or an option that does not belong to this data, `FileError`
    for what is missing, damaged, too large or not as it should be, with the file and the line.
    """
    given: Options = {
        "resize": resize, "channels": channels, "rows": rows, "cols": cols, "classes": classes,
        "fit": fit, "n": n, "seed": seed, "size": size,
    }  # fmt: skip
    options = {name: value for name, value in given.items() if value is not None}
    return _coloured(_resized(_open(where, split, options), resize, fit), channels)


def _resized(dataset: Dataset, size: tuple[int, int] | None, fit: str | None) -> Dataset:
    """The data set with every picture in this size (rows, cols); floats become uint8 on the way."""
    if fit is not None and size is None:
        raise ArgumentError(f"fit={fit!r} says how to resize: give resize=(rows, cols) as well")
    if size is None or dataset.x.shape[1:3] == tuple(size):
        return dataset
    rows, cols = pair(size)
    x = dataset.x
    if x.dtype != np.uint8:
        x = (x.clip(0, 1) * 255).round().astype(np.uint8)
    return replace(
        dataset, x=np.stack([shrink(picture, rows, cols, fit or "stretch") for picture in x])
    )


def _coloured(dataset: Dataset, channels: int | None) -> Dataset:
    """The data set in grey or in colour; of colours the grey is 0.299 R + 0.587 G + 0.114 B."""
    x = dataset.x
    if channels is None or x.shape[3] == channels:
        return dataset
    if {channels, x.shape[3]} != {1, 3}:
        raise ArgumentError(f"pictures of {x.shape[3]} channels cannot be given {channels}")
    if channels == 3:
        return replace(dataset, x=np.repeat(x, 3, axis=3))
    grey = (x @ np.array([[0.299], [0.587], [0.114]], np.float32)).astype(np.float32)
    return replace(dataset, x=grey.round().astype(np.uint8) if x.dtype == np.uint8 else grey)


def pair(size: object) -> tuple[int, int]:
    """Two whole numbers of at least 1."""
    both = tuple(size) if isinstance(size, Sequence) else ()
    if len(both) != 2 or not all(isinstance(v, int) and v > 0 for v in both):
        raise ArgumentError(f"resize must be (rows, cols), each at least 1, got {size!r}")
    return both[0], both[1]


def _open(where: str | Path, split: str, options: Options) -> Dataset:
    if split not in SPLITS:
        raise unknown("split", split, SPLITS, "a data set")
    if isinstance(where, str) and where == "sample":
        _refuse(options, ALL, "the sample")
        return sample()
    if isinstance(where, str) and where in CATALOGUE:
        _refuse(options, ALL, where)
        return _named(where, split)
    if isinstance(where, str) and where in PLANTED:
        _refuse(options, DRAWN, where)
        return planted(where, split, **options)  # type: ignore[arg-type]
    path = _existing(where)
    form = next((form for form in FORMS if form.fits(path)), None)
    if form is None:
        known = "; ".join(form.what for form in FORMS)
        raise FileError(f"{path} is no data that nnviz reads: expected {known}")
    _refuse(options, options_of(path), str(path))
    taken = {name: value for name, value in options.items() if name in form.options}
    return form.read(path, split, **taken)


def options_of(where: str | Path) -> tuple[str, ...]:
    """The options that `load` has for the data there."""
    if isinstance(where, str) and where in PLANTED:
        return DRAWN
    named = isinstance(where, str) and (where == "sample" or where in CATALOGUE)
    path = None if named else _existing(where)
    form = next((form for form in FORMS if path is not None and form.fits(path)), None)
    return tuple(dict.fromkeys((*ALL, *(form.options if form else ()))))


def _existing(where: str | Path) -> Path:
    path = Path(where)
    try:
        if str(where) and (path.is_dir() or path.is_file()):
            return path
    except (OSError, ValueError):  # a name too long for the system, or with a null byte
        pass
    names = ("sample", *CATALOGUE, *PLANTED)
    close = difflib.get_close_matches(str(where).lower(), names, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise FileError(
        f"there is no data {str(where)!r}{hint}: give a folder, a file, or one of the names "
        f"{', '.join(names)}"
    )


def _refuse(options: Options, known: tuple[str, ...], owner: str) -> None:
    for name in options:
        if name not in known:
            takes = f"takes {', '.join(known)}" if known else "takes no options"
            raise ArgumentError(f"{name}= is not for {owner}, which {takes}")


def _named(name: str, split: str) -> Dataset:
    entry, path = CATALOGUE[name], fetch(name)
    form = next(form for form in FORMS if form.fits(path))
    data = form.read(path, split)
    return replace(
        data,
        classes=entry.classes or data.classes,
        source=f"{entry.source}; licence: {entry.licence}",
    )
