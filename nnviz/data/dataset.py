"""What a data set is: pictures, labels, class names, and a word on where they come from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import ArgumentError

Array = np.ndarray


@dataclass(frozen=True)
class Dataset:
    """Pictures with labels.

    x: (N, rows, cols, channels), uint8 or floats in 0..1. y: (N,) class numbers, or None.
    classes: their names, or None. name: how to speak of it. source: where it comes from, its
    licence.
    """

    x: Array
    y: Array | None = None
    classes: tuple[str, ...] | None = None
    name: str = "pictures"
    source: str = ""

    def __post_init__(self) -> None:
        if self.x.ndim != 4 or len(self.x) == 0:
            raise ArgumentError(
                f"{self.name}: expected pictures (N, rows, cols, channels) with N of at least 1, "
                f"got shape {self.x.shape}"
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
        """A part of the pictures, with their labels."""
        y = None if self.y is None else self.y[rows]
        return Dataset(self.x[rows], y, self.classes, self.name, self.source)
