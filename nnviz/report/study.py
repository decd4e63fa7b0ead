"""The study: what every chapter needs to know about the model and the pictures, computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..data import Dataset
from ..draw.image import block_for, coarse, pixels
from ..engine.layer import Array
from ..engine.layers.conv import Conv2D
from ..engine.layers.rectifier import ReLU
from ..engine.model import Model
from ..inspection.anatomy import Health, health
from ..inspection.evaluation import Mistakes, as_classifier, is_classifier, mistakes
from ..inspection.probability import probabilities
from .cache import Cache
from .figure import Cell, Look
from .words import isolated, say

MOST_CLASSES = 10
"""How many classes the matrices show at the most; a larger model's first ones that have
pictures."""
LARGE = 96
"""Pictures with a longer side than this are dear: of what is computed for hours there is less."""
SMALL, DOTS = 120, 48
"""How wide a large picture is drawn beside its maps at the most, in pixels, and a map, in dots."""
FEW_CLASSES = 4
"""How many classes' ideal pictures are made of such a size, where nobody has chosen."""
OPTIONS = ("classes", "layers", "methods", "pick")
"""What the reader may choose of a study, by the names of its fields."""
GREY = 0.5
SURE = 0.95
"""From which probability on an answer counts as sure."""


def sureness(probability: float) -> float:
    """A probability down to a whole tenth of a percent: never 100% by rounding up, and the same
    number wherever the page tells it."""
    return float(np.floor(float(probability) * 1000) / 1000)


@dataclass(frozen=True)
class Study:
    """A model and the pictures it is looked at with.

    seed: of everything random. name: what to call the model. source: where the pictures are from.
    classes, layers: what the reader wants to see of classes (by number) and of layers (a node, and
    its channels or None for the first ones); of methods, and of pictures to be explained (by
    number); empty for what suits the model and the pictures.
    cache: what is computed once, see `once`.
    """

    model: Model
    data: Dataset
    seed: int
    name: str
    model_code: str
    data_code: str
    classes: tuple[int, ...] = ()
    layers: tuple[tuple[str, tuple[int, ...] | None], ...] = ()
    methods: tuple[str, ...] = ()
    pick: tuple[int, ...] = ()
    cache: Cache = field(default_factory=Cache, compare=False)

    def once(
        self, name: str, make: Callable[[], Any], hint: Any = Any, reads: Iterable[str] = OPTIONS
    ) -> Any:
        """What `make` gives, made once and kept under this name for the next report.

        hint: its type; plain data, results, and dataclasses of these. reads: the options that it
        depends on, in truth: what is not named may change without it.
        """
        return self.cache.once(name, make, hint, reads)

    @property
    def probabilities(self) -> Array:
        """(N, classes): how sure the network is of each class, for all pictures."""
        if self.mistakes is not None:
            return self.mistakes.probabilities
        found: Array = self.once(
            "study-probabilities",
            lambda: probabilities(self.judged, self.judged.predict(self.data.x)),
            np.ndarray,
            (),
        )
        return found

    @cached_property
    def predicted(self) -> Array:
        """(N,): the class answered, or 0 where the output means no classes."""
        if not self.is_classifier:
            return np.zeros(len(self.data), np.int64)
        return self.probabilities.argmax(axis=1)

    @property
    def mistakes(self) -> Mistakes | None:
        """Answers beside the truth, or None where the pictures have no labels."""
        y = self.data.y
        if y is None or not self.is_classifier:
            return None
        found: Mistakes = self.once(
            "study-mistakes", lambda: mistakes(self.model, self.data.x, y), Mistakes, ()
        )
        return found

    @property
    def health(self) -> Health:
        """Which parts of the network do no work of their own, over all pictures."""
        found: Health = self.once("health", lambda: health(self.model, self.data.x), Health, ())
        return found

    @property
    def is_labelled(self) -> bool:
        """Whether there are mistakes to be found."""
        return self.data.y is not None and self.is_classifier

    @cached_property
    def is_classifier(self) -> bool:
        """Whether the output means classes: several, or two by a single sigmoid."""
        return is_classifier(self.model)

    @cached_property
    def judged(self) -> Model:
        """The model with one output for each class: for whatever speaks of classes."""
        return as_classifier(self.model) if self.is_classifier else self.model

    @property
    def labels(self) -> Array:
        """(N,): the true classes, or the answers where there are no labels."""
        given = self.data.y
        return given if given is not None and self.is_classifier else self.predicted

    @cached_property
    def picks(self) -> list[int]:
        """The pictures chosen; else the first one of each class, as they come: nobody has chosen
        the pretty ones."""
        if self.pick:
            return list(self.pick)
        found: dict[int, int] = {}
        for i, label in enumerate(self.labels.tolist()):
            found.setdefault(label, i)
        return [found[label] for label in sorted(found)[:MOST_CLASSES]]

    @property
    def is_large(self) -> bool:
        """Whether the pictures are so large that what is slow must be done for fewer of them."""
        return max(self.model.input.shape[:2]) > LARGE

    @cached_property
    def shown_classes(self) -> list[int]:
        """The classes whose ideal pictures are made: those chosen; all where they are few; else
        those that the pictures show."""
        count = self.judged.output_shape[0]
        if self.classes:
            return list(self.classes)
        most = FEW_CLASSES if self.is_large else MOST_CLASSES
        if count <= most:
            return list(range(count))
        seen = [int(self.labels[i]) for i in self.picks]
        return seen[:most] if count > MOST_CLASSES else list(range(most))

    @cached_property
    def deep_layers(self) -> list[tuple[str, tuple[int, ...] | None]]:
        """The layers whose channels are shown after the first convolution: those chosen, else the
        last convolution that is not the answer itself."""
        if self.layers:
            return list(self.layers)
        inner = self.convolutions[1:]
        if len(inner) > 1 and self._answers(inner[-1]):
            inner = inner[:-1]
        return [(inner[-1], None)] if inner else []

    def _answers(self, node: str) -> bool:
        """Whether a convolution has a channel for each class, so that it is the answer."""
        return self.is_classifier and self.model.shapes[node][-1] == self.model.output_shape[0]

    @property
    def has_places(self) -> bool:
        """Whether any node has rows and cols, so that there is a class activation map."""
        shapes = [self.model.shapes[node.name] for node in self.model.nodes]
        return any(len(shape) == 3 and shape[0] * shape[1] > 1 for shape in shapes)

    @property
    def convolutions(self) -> list[str]:
        """The convolutions' names, in order."""
        return [n.name for n in self.model.nodes if isinstance(n.layer, Conv2D)]

    def answer_of(self, node: str) -> str:
        """The node whose output is a convolution's answer: its ReLU where it has one."""
        for other in self.model.nodes:
            if other.inputs == (node,) and isinstance(other.layer, ReLU):
                return other.name
        return node

    def class_name(self, index: int) -> str:
        """What a class is called."""
        if self.judged.classes is None and self.data.classes is not None:
            known = index < len(self.data.classes)
            return isolated(self.data.classes[index]) if known else str(index)
        return isolated(self.judged.class_name(int(index)))

    def shown_as(self, i: int) -> str:
        """What to call picture i: its class, or "picture" where there are no classes."""
        return self.class_name(int(self.labels[i])) if self.is_classifier else say("picture")

    @cached_property
    def block(self) -> int:
        """By the means of how many pixels large pictures are drawn small."""
        rows, cols = self.model.input.shape[:2]
        return block_for(rows, cols, SMALL) if self.is_large else 1

    @cached_property
    def dot(self) -> int:
        """The side of what is drawn as one dot of a map: of large maps single pixels, some high and
        most near zero, would be seen as nothing."""
        rows, cols = self.model.input.shape[:2]
        more = block_for(rows, cols, DOTS * self.block) if self.is_large else 1
        return more * self.block

    def maps(self, values: Array) -> Array:
        """Maps (N, rows, cols) of the pictures as they are drawn: by dots, as large as the pictures
        beside them."""
        if self.dot == 1:
            return values
        drawn, times = coarse(values, self.dot), self.dot // self.block
        rows, cols = (-(-size // self.block) for size in values.shape[1:3])
        return drawn.repeat(times, axis=1).repeat(times, axis=2)[:, :rows, :cols]

    @property
    def dots(self) -> str:
        """What one dot of a map is, for captions; nothing where it is a pixel."""
        return "" if self.dot == 1 else " " + say("block", block=self.dot)

    def told(self, i: int) -> str:
        """Picture i in words, for a reader who cannot see it."""
        return say("alt.picture", i=i, name=self.shown_as(i))

    def original(self, i: int) -> Cell:
        """Picture i as a cell, as large as the maps beside it."""
        x = self.data.x[i : i + 1]
        if self.block > 1:
            scale = np.float32(255) if x.dtype == np.uint8 else np.float32(1)
            x = coarse(x, self.block) / scale
        look = Look(picture=i, block=self.block, again=f"data.x[{i}]")
        return Cell(pixels(x[0]), "", self.told(i), look)

    @cached_property
    def sure_and_right(self) -> float | None:
        """The share of pictures answered rightly with a probability of at least 95 %."""
        if self.mistakes is None:
            return None
        right = self.mistakes.predicted == self.mistakes.labels
        return float(np.mean(right & (self.mistakes.confidence >= SURE)))


def patch_for(study: Study) -> tuple[int, int]:
    """Patch and stride: 4 and 1 for small pictures, about an eighth of larger ones; of large ones,
    where each place costs most, the squares overlap by half."""
    side = min(study.model.input.shape[:2])
    steps = 16 if study.is_large else 24
    return (min(4, side), 1) if side <= 32 else (max(4, side // 8), max(2, side // steps))


def fill_for(study: Study) -> float:
    """The colour of the covering square: that of the paper where the training pictures had one
    (their edges were all but black, or all but white), so that it only takes away; else grey."""
    known = study.model.input.background
    return round(known) if known is not None and abs(known - 0.5) > 0.4 else GREY
