"""What a data set is: pictures, labels, class names, and a word on where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import ArgumentError, listing

Array = np.ndarray


@dataclass(frozen=True)
class Dataset:
    """Pictures with labels.

    x: (N, rows, cols, channels), uint8 or floats in 0..1. y: (N,) class numbers, or None.
    classes: their names, or None. name: how to speak of it. source: where it comes from, its
    licence. files: for each picture the file that it was read from, or None. split: "train" or
    "test"; None where the source has one set alone, so that nobody tests on what was learnt.
    masks: (N, rows, cols) bool, true where the label hangs on the picture; decoys: the same for
    what only looks like a reason; None where nobody knows.
    """

    x: Array
    y: Array | None = None
    classes: tuple[str, ...] | None = None
    name: str = "pictures"
    source: str = ""
    files: tuple[str, ...] | None = None
    split: str | None = None
    masks: Array | None = None
    decoys: Array | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.x, np.ndarray):
            raise ArgumentError(
                f"{self.name}: expected one array of pictures that are all of one size, got a "
                f"{type(self.x).__name__}; np.stack joins pictures, nnviz.data.resize brings them "
                "to one size"
            )
        if self.x.ndim != 4 or 0 in self.x.shape:
            raise ArgumentError(
                f"{self.name}: expected pictures (N, rows, cols, channels) with N of at least 1, "
                f"got shape {self.x.shape}"
            )
        if self.files is not None and len(self.files) != len(self.x):
            raise ArgumentError(f"{self.name}: {len(self.x)} pictures but {len(self.files)} files")
        for name, masks in (("masks", self.masks), ("decoys", self.decoys)):
            if masks is not None and (masks.dtype != bool or masks.shape != self.x.shape[:3]):
                raise ArgumentError(
                    f"{self.name}: {name} must be truth values {self.x.shape[:3]}, got "
                    f"{masks.dtype} {masks.shape}"
                )
        if self.y is None:
            return
        if self.y.shape != (len(self.x),):
            raise ArgumentError(
                f"{self.name}: {len(self.x)} pictures but labels of shape {self.y.shape}"
            )
        if self.classes is not None and not 0 <= self.y.min() <= self.y.max() < len(self.classes):
            raise ArgumentError(
                f"{self.name}: labels run from {self.y.min()} to {self.y.max()}, outside its "
                f"{len(self.classes)} classes"
            )

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: slice | Array | list[int]) -> Dataset:
        """A part of the pictures, with all that belongs to them."""
        chosen = np.arange(len(self))[rows]
        return replace(
            self,
            x=self.x[rows],
            y=None if self.y is None else self.y[rows],
            files=None if self.files is None else tuple(self.files[i] for i in chosen),
            masks=None if self.masks is None else self.masks[rows],
            decoys=None if self.decoys is None else self.decoys[rows],
        )

    def counts(self) -> Array:
        """How many pictures each class has: (classes,) whole numbers; refused without labels."""
        if self.y is None:
            raise ArgumentError(f"{self.name} has no labels: nothing to count")
        return np.bincount(self.y, minlength=len(self.classes or ()))

    def in_order(self, names: Sequence[str]) -> Dataset:
        """The same pictures, their labels counted in this order of the class names.

        Raises `ArgumentError` without labels or names, and for a class that has pictures but is not
        among the names.
        """
        if self.y is None or self.classes is None:
            raise ArgumentError(f"{self.name} has no class names to put in order")
        places = {name: place for place, name in enumerate(names)}
        new = np.array([places.get(name, -1) for name in self.classes], np.int64)
        y = new[self.y]
        if y.min() < 0:
            lost = self.classes[int(self.y[y.argmin()])]
            raise ArgumentError(
                f"{self.name} has pictures of {lost!r}, which is not among the classes "
                f"{listing(names)}"
            )
        return replace(self, y=y, classes=tuple(names))


def class_names(classes: int | Sequence[str] | None, least: int) -> tuple[str, ...]:
    """Names for the option `classes`: as given, or the numbers 0, 1, …; None means `least`."""
    if isinstance(classes, str):
        raise ArgumentError(f"classes must be a number or a sequence of names, got {classes!r}")
    if classes is not None and not isinstance(classes, int | np.integer):
        return tuple(str(name) for name in classes)
    count = least if classes is None else int(classes)
    if not 1 <= count <= 1_000_000:
        raise ArgumentError(f"classes must be at least 1 and at most a million, got {count}")
    return tuple(str(i) for i in range(count))
