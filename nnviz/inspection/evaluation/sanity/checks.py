"""Does a method's map show the network, or the picture?

What the network has learnt is destroyed, layer by layer, and the method is asked again. A map that
stays as it was has not shown what was learnt: it would have looked so with any network. (Edges of
the picture look like reasons, whoever draws them.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ....data import Dataset
from ....engine.boundary import of_model
from ....engine.layer import Array
from ....engine.model import Model
from ....errors import ArgumentError
from ...attribution.checks import generator, whole_number
from ...attribution.explain import explain
from ...attribution.goal import as_goal
from ...attribution.methods import options_of
from ...results import Attribution, Provenance, Result
from ..intervals import Interval, crossed, mean_there, student
from ..scores.measures import evidence, picture_seed
from .randomize import forgotten, learnt
from .similarity import rank_correlation, ssim

SURVIVES = 0.5
"""A map whose rank correlation with itself on a destroyed network is this or more has survived."""
DEAF = 0.9
"""The same for another class: such a map does not hear which class is asked for."""
PICTURE = "shows the picture rather than the network"
ANY_CLASS = "looks the same whichever class is asked for"
MOSTLY = 0.5
"""Where this share of the maps or more is blank, the rest says too little."""
BLANK = "is blank once the network is destroyed: not judged"
EMPTY = "is blank: nothing to judge"
ENDS = (-1.0, 1.0)
"""Between these every rank correlation lies."""


@dataclass(frozen=True)
class Sanity(Result):
    """How alike a method's maps stay, for N pictures; arrays are (2, …), [0] the rank correlation
    and [1] the SSIM, means over `repeats` destructions. A map that is blank (NaN, or the same
    everywhere) is like nothing and unlike nothing: it is left out of the means, which are NaN where
    nothing else is left.

    nodes: (L,), from the output down. cascading: (2, L, N), with the layers from the top down to
    each node destroyed. independent: (2, L, N), with that layer alone destroyed, or None. logit:
    (2, N), against the map of another class drawn at random, or None where the target is no class.
    labels: (2, N), against the same network trained on labels in a random order, or None.
    learnt: that network's accuracy on these labels, or None. each: (R, N), the rank correlation
    with all layers destroyed, of each of the R destructions by itself, NaN for blank maps. shown:
    (N,), whether the whole network's map shows anything.
    """

    nodes: tuple[str, ...]
    cascading: Array
    provenance: Provenance
    independent: Array | None = None
    logit: Array | None = None
    labels: Array | None = None
    learnt: float | None = None
    each: Array | None = None
    shown: Array | None = None

    @property
    def survival(self) -> tuple[float, Interval | None]:
        """The mean rank correlation with all layers destroyed, and its 95 % interval: for other
        pictures and other destructions, which differ among themselves more than pictures do; None
        where there was one destruction. NaN where all maps are blank."""
        if self.each is None:
            return float(mean_there(self.cascading[0, -1])), None
        return crossed(self.each, ENDS)

    @property
    def other_class(self) -> tuple[float, Interval | None] | None:
        """The mean rank correlation with another class's map, and its 95 % interval."""
        return None if self.logit is None else student(self.logit[0], ENDS)

    @property
    def blank(self) -> float:
        """The share of the maps that went blank with all layers destroyed, of those that showed
        something before."""
        if self.each is None:
            return float(np.isnan(self.cascading[0, -1]).mean())
        kept = self.each if self.shown is None else self.each[:, self.shown]
        return float(np.isnan(kept).mean()) if kept.size else 0.0

    @property
    def marks(self) -> tuple[str, ...]:
        """What these maps fail, or why that cannot be said: nothing where they pass."""
        if self.shown is not None and self.shown.mean() <= 1 - MOSTLY:
            return (EMPTY,)
        other = self.other_class
        said = {
            PICTURE: self.survival[0] >= SURVIVES,
            BLANK: self.blank >= MOSTLY,
            ANY_CLASS: other is not None and other[0] >= DEAF,
        }
        return tuple(mark for mark, so in said.items() if so)

    @property
    def passes(self) -> bool:
        """Whether nothing is marked."""
        return not self.marks

    def __str__(self) -> str:
        lines = ["destroyed from the top down to    rank   ssim"]
        for name, pair in zip(self.nodes, mean_there(self.cascading, 2).T, strict=True):
            lines.append(f"{name:30} {pair[0]:7.2f} {pair[1]:6.2f}")
        for words, found in (("another class", self.logit), ("shuffled labels", self.labels)):
            if found is not None:
                lines.append("{:30} {:7.2f} {:6.2f}".format(words, *mean_there(found, 1)))
        if self.blank:
            lines.append(f"{self.blank:.0%} of the maps are blank once all is destroyed: left out")
        lines.append(f"{self.provenance.method}: {'; '.join(self.marks) or 'passes'}")
        return "\n".join(lines)


@of_model
def sanity(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    method: str = "grad_cam",
    options: Mapping[str, Any] | None = None,
    stages: int = 8,
    independent: bool = True,
    repeats: int = 2,
    trained_on: Dataset | None = None,
    epochs: int = 3,
    seed: int = 0,
) -> Sanity:
    """A method's maps before and after the network has forgotten what it knew.

    x: (N, rows, cols, channels). target, method, options: as for `explain`; target None is the
    class that the whole network predicts. stages: at how many layers the cascade stops, evenly
    among those with parameters; the last one is the whole network. independent: destroy each of
    them alone, too. repeats: destructions with other random numbers, averaged. trained_on: pictures
    with labels; the network, destroyed, is then trained on them with the labels in a random order.

    Destroying a layer puts the numbers of each of its parameters in a random order. Rank
    correlation is of what speaks for the target (`scores.evidence`: of slopes their size), SSIM of
    the same; for the other class, drawn for each picture, both are of the values as they are.
    Marked are maps whose rank correlation with all layers destroyed is `SURVIVES` or more, and
    those with one of `DEAF` or more for the other class. Blank maps cannot be compared: where
    half or more are blank, they are marked for it.

    Adebayo, Gilmer, Muelly, Goodfellow, Hardt, Kim 2018, arXiv:1810.03292: cascading, independent
    and label randomization; they draw new weights where here the learnt ones change places. The
    other class: Sixt, Granz, Landgraf 2020, section 5, arXiv:1912.09818.
    Raises `ArgumentError` for bad options, and where no layer has parameters.
    """
    count = whole_number(stages, "stages", "sanity", most=1000)
    repeats = whole_number(repeats, "repeats", "sanity", most=1000)
    generator(seed, "sanity")
    chosen, pixels = options_of(method, options, "sanity"), model.input.check(x)
    if target is None:
        target = tuple(model.predict(pixels).reshape(len(pixels), -1).argmax(axis=1).tolist())
    homes = learnt(model)
    if not homes:
        raise ArgumentError("this model has no parameters: there is nothing to destroy")
    count, first = min(count, len(homes)), explain(model, pixels, target, method=method, **chosen)
    asked = _Asked(pixels, target, method, chosen, first)
    ends = [-(-k * len(homes) // count) - 1 for k in range(1, count + 1)]
    own, seeds = [homes[end] for end in ends], [seed * 1_000_003 + k for k in range(repeats)]
    labels, accuracy = asked.shuffled(forgotten(model, homes, seed), trained_on, epochs, seed)
    cascading = asked.without(model, [homes[: end + 1] for end in ends], seeds)
    return Sanity(
        nodes=tuple(own),
        cascading=mean_there(cascading, 0),
        independent=asked.alone(model, own, seeds) if independent else None,
        logit=_another_class(model, pixels, target, first, method, chosen, seed),
        labels=labels,
        learnt=accuracy,
        each=cascading[:, 0, -1],
        shown=asked.shown,
        provenance=_made(first, chosen, repeats, seed),
    )


def _made(first: Attribution, options: Mapping[str, Any], repeats: int, seed: int) -> Provenance:
    settings = {**options, "repeats": repeats}
    return replace(first.provenance, node=None, settings=settings, seed=int(seed))


def noticed(
    model: Model,
    x: Array,
    target: Any,
    first: Attribution,
    ruins: Sequence[Model],
    *,
    options: Mapping[str, Any],
    seed: int = 0,
) -> Sanity:
    """The short check of one method among many: its maps of `model`, which are there already,
    beside those of `ruins`, the same network with everything destroyed (`forgotten`).

    x: (N, …), the first N of the pictures that `first` explains. target: one class for each of
    them. See `sanity`.
    """
    method = first.provenance.method
    own = replace(first, values=first.values[: len(x)])
    asked = _Asked(x, target, method, options, own)
    found = np.stack([asked.alike(ruin) for ruin in ruins])
    return Sanity(
        nodes=learnt(model)[-1:],
        cascading=mean_there(found, 0)[:, None],
        each=found[:, 0],
        shown=asked.shown,
        logit=_another_class(model, x, target, own, method, options, seed),
        provenance=_made(first, options, len(ruins), seed),
    )


@dataclass(frozen=True)
class _Asked:
    """What is asked again of destroyed networks, and the maps of the whole one."""

    pixels: Array
    target: Any
    method: str
    options: Mapping[str, Any]
    first: Attribution

    @property
    def shown(self) -> Array:
        """(N,): whether the whole network's map shows anything."""
        found: Array = np.ptp(evidence(self.first), axis=(1, 2)) > 0
        return found

    def alike(self, other: Model) -> Array:
        """(2, N): how alike another network's maps are."""
        with np.errstate(over="ignore", invalid="ignore"):
            again = explain(other, self.pixels, self.target, method=self.method, **self.options)
        return similarities(evidence(self.first), evidence(again), self.first.signed)

    def shuffled(
        self, blank: Model, data: Dataset | None, epochs: int, seed: int
    ) -> tuple[Array | None, float | None]:
        """(2, N) against the blank network trained on shuffled labels, and its accuracy on them."""
        if data is None:
            return None, None
        other, accuracy = on_shuffled_labels(blank, data, epochs, seed)
        return self.alike(other), accuracy

    def without(
        self, model: Model, parts: Sequence[tuple[str, ...]], seeds: Sequence[int]
    ) -> Array:
        """(seeds, 2, parts, N): with each part destroyed, by each seed."""
        found = [[self.alike(forgotten(model, part, seed)) for part in parts] for seed in seeds]
        return np.moveaxis(np.array(found), 1, 2)

    def alone(self, model: Model, homes: Sequence[str], seeds: Sequence[int]) -> Array:
        """(2, L, N): with each layer destroyed by itself, the means over the seeds."""
        return mean_there(self.without(model, [(home,) for home in homes], seeds), 0)


def similarities(one: Array, other: Array, signed: bool) -> Array:
    """(2, N): rank correlation and SSIM; NaN where a map is the same everywhere."""
    found = np.stack([rank_correlation(one, other), ssim(one, other, signed)])
    return np.where(np.isnan(found).any(axis=0), np.nan, found)


def _another_class(
    model: Model,
    pixels: Array,
    target: Any,
    first: Attribution,
    method: str,
    options: Mapping[str, Any],
    seed: int,
) -> Array | None:
    """(2, N): against the maps of other classes."""
    classes = as_goal(model, target, len(pixels)).classes(len(pixels))
    count = model.output_shape[-1]
    if classes is None or count < 2:
        return None
    steps = [
        int(np.random.default_rng((*picture_seed(one, seed), 2)).integers(1, count))
        for one in pixels
    ]
    others = tuple(((classes + steps) % count).tolist())
    again = explain(model, pixels, others, method=method, **options)
    one, other = (np.nan_to_num(result.values.astype(np.float64)) for result in (first, again))
    return similarities(one, other, first.signed)


def on_shuffled_labels(model: Model, data: Dataset, epochs: int, seed: int) -> tuple[Model, float]:
    """The model trained on these pictures with their labels in a random order, and its accuracy on
    them: of a network that has learnt them by heart it says that there was much to learn."""
    epochs = whole_number(epochs, "epochs", "sanity", most=10_000)
    if not isinstance(data, Dataset):
        raise ArgumentError(f"trained_on must be a Dataset, got a {type(data).__name__}")
    if data.y is None:
        raise ArgumentError(f"{data.name} has no labels to shuffle")
    y = np.random.default_rng((seed, 3)).permutation(data.y)
    # Training writes into layers: into copies, not into those of the model that is judged.
    model = model.astype(next(iter(model.parameters().values())).dtype)
    head = "binary_crossentropy" if model.head == "sigmoid" else "categorical_crossentropy"
    model.fit(data.x, y, epochs=epochs, batch_size=64, loss=head, seed=seed, verbose=False)
    return model, model.evaluate(data.x, y).accuracy
