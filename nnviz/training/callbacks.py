"""What may happen between epochs.

None of these remembers anything of its own: what they need is in the history, so a resumed training
goes on as if it had never stopped.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ArgumentError, unknown
from ..files import make_folder, write_bytes
from .checkpoint import write
from .history import COLUMNS

if TYPE_CHECKING:
    from .trainer import Training


class Callback:
    """Base of all callbacks; each method does nothing unless a subclass says otherwise."""

    def train_begin(self, training: Training) -> None:
        """Before the first epoch, or the first one after a resumption."""

    def epoch_end(self, training: Training) -> None:
        """After each epoch; `training.history.epochs[-1]` has its figures."""


def check_column(column: str) -> str:
    """The name of a column that a history has."""
    if column not in COLUMNS:
        raise unknown("column", column, COLUMNS, "a history")
    return column


class Checkpoint(Callback):
    """After each epoch the whole state of the training into `path`, from which `fit(resume=path)`
    goes on; and with `best`, the model of the best epoch so far (by `monitor`) into that file.

    Both are written atomically, and both can be loaded as models.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        best: str | Path | None = None,
        monitor: str = "val_accuracy",
    ) -> None:
        self.path, self.best = Path(path), None if best is None else Path(best)
        if self.path == self.best:
            raise ArgumentError(f"Checkpoint writes two files, but both are {self.path}")
        self.monitor = check_column(monitor)

    def train_begin(self, training: Training) -> None:
        for path in (self.path, self.best):
            if path is not None:
                make_folder(path.parent)

    def epoch_end(self, training: Training) -> None:
        if self.best is not None:
            found = training.history.best(self.monitor)
            if found is None:
                raise ArgumentError(
                    f"Checkpoint watches {self.monitor}, which this training does not measure: "
                    "give validation_data to fit, or another monitor"
                )
            if found == len(training.history.epochs) - 1:
                training.model.save(self.best)
        write(training, self.path)


class EarlyStopping(Callback):
    """Stop when `monitor` has not become better by more than `min_delta` for `patience` epochs."""

    def __init__(
        self, monitor: str = "val_loss", *, patience: int = 3, min_delta: float = 0.0
    ) -> None:
        self.monitor = check_column(monitor)
        if isinstance(patience, bool) or not isinstance(patience, int) or patience < 1:
            raise ArgumentError(f"patience must be a whole number of at least 1, got {patience!r}")
        number = isinstance(min_delta, int | float) and not isinstance(min_delta, bool)
        if not number or not 0 <= min_delta < float("inf"):
            raise ArgumentError(f"min_delta must be a number of at least 0, got {min_delta!r}")
        self.patience, self.min_delta = patience, float(min_delta)

    def train_begin(self, training: Training) -> None:
        self.epoch_end(training)  # a resumed training may have come to its end before

    def epoch_end(self, training: Training) -> None:
        values = training.history[self.monitor]
        if None in values:
            raise ArgumentError(
                f"EarlyStopping watches {self.monitor}, which this training does not measure: give "
                "validation_data to fit, or another monitor"
            )
        sign = 1 if self.monitor.endswith("loss") else -1
        best, since = float("inf"), 0
        for value in values:
            better = sign * value < best - self.min_delta
            best, since = (sign * value, 0) if better else (best, since + 1)
        training.stop = training.stop or since >= self.patience


class CSVLog(Callback):
    """The history as a CSV file, one row an epoch, written anew (atomically) after each."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def train_begin(self, training: Training) -> None:
        make_folder(self.path.parent)

    def epoch_end(self, training: Training) -> None:
        out = io.StringIO()
        table = csv.DictWriter(out, ["epoch", *COLUMNS], lineterminator="\n")
        table.writeheader()
        for number, row in enumerate(training.history.as_rows(), 1):
            table.writerow({"epoch": number, **row})
        write_bytes(self.path, out.getvalue().encode())
