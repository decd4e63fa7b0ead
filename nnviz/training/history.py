"""What training leaves behind: figures by epoch, and the figures of an evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ..errors import unknown


@dataclass(frozen=True)
class Epoch:
    """One epoch's figures; the validation's are None where there was none."""

    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    learning_rate: float
    seconds: float
    pictures_per_second: float


COLUMNS = tuple(item.name for item in fields(Epoch))


@dataclass
class History:
    """What `fit` returns: `history.epochs` in order, or one column of it by `history["loss"]`."""

    epochs: list[Epoch] = field(default_factory=list)

    def __getitem__(self, column: str) -> list[Any]:
        if column not in COLUMNS:
            raise unknown("column", column, COLUMNS, "a history")
        return [getattr(epoch, column) for epoch in self.epochs]

    def best(self, column: str) -> int | None:
        """The number (0, 1, …) of the first epoch with the best value: the lowest of a loss, the
        highest of an accuracy; None where the column has no values. NaN is worst."""
        values = [(v, i) for i, v in enumerate(self[column]) if v is not None]
        if not values:
            return None
        sign = 1 if column.endswith("loss") else -1
        return min(values, key=lambda pair: (math.isnan(pair[0]), sign * pair[0], pair[1]))[1]

    def as_rows(self) -> list[dict[str, Any]]:
        """The epochs as plain data (`asdict` copies deeply, which takes longer than an epoch)."""
        return [dict(vars(epoch)) for epoch in self.epochs]

    @classmethod
    def from_rows(cls, rows: list[Mapping[str, Any]]) -> History:
        """The history from plain data."""
        for row in rows:
            for name, value in row.items():
                if not isinstance(value, int | float | None):
                    raise TypeError(f"{name} of an epoch is {value!r}")
        return cls([Epoch(**row) for row in rows])


@dataclass(frozen=True)
class Evaluation:
    """Loss and accuracy over `pictures` pictures."""

    loss: float
    accuracy: float
    pictures: int
