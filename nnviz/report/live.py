"""Figures while a model trains: callbacks that draw after each epoch.

They only look: no random number is drawn and nothing of the training is written to, so the weights
are the same with them and without.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..draw import chart, picture
from ..draw.png import write_png
from ..engine.layers.conv import Conv2D
from ..errors import ArgumentError
from ..files import make_folder
from ..inspection.anatomy import filters
from ..inspection.attribution import grad_cam
from ..inspection.attribution.goal import as_goal
from ..training.callbacks import Callback
from ..training.trainer import Training


class Curves(Callback):
    """The curves of the training so far as one picture, drawn anew after each epoch.

    path: a `.png`. column: "accuracy" or "loss"; the validation's beside it where it is measured.
    """

    def __init__(self, path: str | Path, *, column: str = "accuracy") -> None:
        if column not in ("accuracy", "loss"):
            raise ArgumentError(f"Curves draws 'accuracy' or 'loss', got {column!r}")
        self.path, self.column = Path(path), column

    def train_begin(self, training: Training) -> None:
        make_folder(self.path.parent)

    def epoch_end(self, training: Training) -> None:
        history = training.history
        columns = {"learnt from": history[self.column]}
        held_out = history[f"val_{self.column}"]
        if None not in held_out:
            columns["held out"] = held_out
        percent = self.column == "accuracy"
        label = "accuracy, %" if percent else "loss"
        write_png(self.path, chart.curves(columns, label, percent=percent))


class Explanations(Callback):
    """Grad-CAM of chosen pictures and the first filters, into a folder, after each epoch.

    folder: gets `epoch-001-grad-cam.png` and `epoch-001-filters.png` and so on. x: the pictures
    (N, …). target: a class, one for each picture, or None for what the network answers then.
    """

    def __init__(self, folder: str | Path, x: Any, target: Any = None) -> None:
        self.folder, self.x, self.target = Path(folder), x, target

    def train_begin(self, training: Training) -> None:
        make_folder(self.folder)
        x = training.model.input.check(self.x)
        as_goal(training.model, self.target, len(x), training.model.predict(x))
        if not any(isinstance(node.layer, Conv2D) for node in training.model.nodes):
            raise ArgumentError("Explanations draws filters and Grad-CAM: it needs a convolution")

    def epoch_end(self, training: Training) -> None:
        x = training.model.input.check(self.x)
        start = self.folder / f"epoch-{len(training.history.epochs):03d}"
        maps = grad_cam(training.model, x, self.target)
        write_png(f"{start}-grad-cam.png", picture(maps, pictures=x))
        write_png(f"{start}-filters.png", picture(filters(training.model)))
