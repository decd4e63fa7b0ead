"""Two models, or two epochs of one, on the same pictures: what is different, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...engine.boundary import of_model
from ...engine.layer import Array
from ...engine.model import Model
from ...errors import ArgumentError
from ..probability import probabilities
from ..results import Attribution, Provenance, Result
from .answers import ClassChange, class_changes
from .classifier import as_classifier, class_labels, class_names, labels_of
from .explaining import explained
from .weights import Reshaped, WeightDifference, array_differences


@dataclass(frozen=True)
class Comparison(Result):
    """Model a and model b on the same N pictures; every difference is b's value minus a's.

    identical: whether both have the same fingerprint; then every difference is exactly zero.
    weights: the arrays that both have, the one that changed most (relatively) first; only_a,
    only_b: names that one model has alone; reshaped: names that both have, of two shapes.
    probabilities_a, probabilities_b: (N, classes). labels: (N,) or None.
    total: all classes together. classes: each of them, the one that changed most first.
    shown: (K,), the pictures whose maps there are; targets: (K,), the class that is explained, the
    true one, or without labels the answer of a. maps_a, maps_b: (K, rows, cols), never rescaled.
    provenance: of a; model_b, node_b: b's fingerprint, and the node of its maps.
    """

    identical: bool
    weights: tuple[WeightDifference, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    reshaped: tuple[Reshaped, ...]
    probabilities_a: Array
    probabilities_b: Array
    total: ClassChange
    classes: tuple[ClassChange, ...]
    shown: Array
    targets: Array
    maps_a: Array
    maps_b: Array
    signed: bool
    provenance: Provenance
    model_b: str
    node_b: str | None = None
    labels: Array | None = None
    warnings: tuple[str, ...] = ()

    @property
    def predicted_a(self) -> Array:
        """(N,): the answers of a."""
        return self.probabilities_a.argmax(axis=1)

    @property
    def predicted_b(self) -> Array:
        """(N,): the answers of b."""
        return self.probabilities_b.argmax(axis=1)

    @property
    def changed(self) -> Array:
        """The numbers of the pictures that the two answer differently."""
        return np.flatnonzero(self.predicted_a != self.predicted_b)

    @property
    def broken(self) -> Array:
        """The numbers of the pictures that a answers rightly and b wrongly; none without labels."""
        return self._turned(self.predicted_a, self.predicted_b)

    @property
    def mended(self) -> Array:
        """The numbers of the pictures that a answers wrongly and b rightly; none without labels."""
        return self._turned(self.predicted_b, self.predicted_a)

    def _turned(self, right: Array, wrong: Array) -> Array:
        if self.labels is None:
            return np.zeros(0, np.int64)
        return np.flatnonzero((right == self.labels) & (wrong != self.labels))

    @property
    def map_difference(self) -> Array:
        """(K, rows, cols): maps_b − maps_a."""
        return self.maps_b - self.maps_a

    @property
    def scale(self) -> float:
        """The largest size of any value in the maps and their differences: one scale for all."""
        both = (self.maps_a, self.maps_b, self.map_difference)
        return max(float(np.abs(values).max(initial=0.0)) for values in both)


@of_model
def compare(
    model_a: Model,
    model_b: Model,
    x: Any,
    labels: Any = None,
    *,
    method: str = "grad_cam",
    options: Mapping[str, Any] | None = None,
    maps: int = 6,
) -> Comparison:
    """Hold two models against each other on the same pictures.

    x: (N, *input shape), pixels, or a `Dataset`, whose labels are taken where none are given; each
    model prepares them as it wants them. labels: (N,) class numbers, or None. method, options: of
    the maps, as `explain` takes them. maps: how many pictures are explained, at most: first those
    that turned from right to wrong, then from wrong to right, then those whose probabilities moved
    most; 0 for none, as for models that read no pictures.

    Classes come by size of change: the mean of |p_b − p_a| of the class over all pictures. Where
    the leading ones are within a tenth of each other (a class that is now taken for another moves
    both), the one whose accuracy changed more comes first.

    Models of different architecture are compared in their answers and maps, and in the arrays that
    share name and shape; the others are named. Raises `ArgumentError` for models of different
    inputs or classes, for labels that are no classes, and for an unknown method or option.
    """
    a, b = _pair(model_a, model_b)
    _check_maps(maps)
    pictures = a.input.check(x)
    sure_a, sure_b = (probabilities(m, m.predict(pictures)) for m in (a, b))
    given = labels_of(x, labels)
    truth = None if given is None else class_labels(given, len(pictures), sure_a.shape[1])
    identical = model_a.fingerprint() == model_b.fingerprint()
    targets = sure_a.argmax(axis=1) if truth is None else truth
    shown = _shown(sure_a, sure_b, truth)[: maps if len(a.input.shape) == 3 else 0]
    map_a, map_b = (explained(m, pictures[shown], targets[shown], method, options) for m in (a, b))
    names = class_names(b if a.classes is None else a)
    total, classes = class_changes(sure_a, sure_b, truth, names, identical)
    settings = {**(options or {}), "method": method, "maps": maps}
    return Comparison(
        identical=identical,
        **vars(array_differences(model_a, model_b)),
        probabilities_a=sure_a,
        probabilities_b=sure_b,
        total=total,
        classes=classes,
        shown=shown,
        targets=targets[shown],
        maps_a=map_a.values,
        maps_b=map_b.values,
        signed=map_a.signed,
        provenance=Provenance.of(model_a, "compare", node=map_a.provenance.node, settings=settings),
        model_b=model_b.fingerprint(),
        node_b=map_b.provenance.node,
        labels=truth,
        warnings=_warnings(map_a, map_b),
    )


def _warnings(map_a: Attribution, map_b: Attribution) -> tuple[str, ...]:
    """What is degenerate in the maps, and of which model."""
    both = (("a", map_a), ("b", map_b))
    return tuple(f"model {which}: {said}" for which, made in both for said in made.warnings)


def _check_maps(maps: Any) -> None:
    if isinstance(maps, bool) or not isinstance(maps, int | np.integer) or maps < 0:
        raise ArgumentError(f"maps must be a whole number of at least 0, got {maps!r}")


def _pair(model_a: Model, model_b: Model) -> tuple[Model, Model]:
    """Both as classifiers, after a check that they answer the same question."""
    if model_a.input.shape != model_b.input.shape:
        raise ArgumentError(
            f"the models read different inputs, {model_a.input.shape} and {model_b.input.shape}: "
            "only models for the same pictures can be compared"
        )
    a, b = as_classifier(model_a), as_classifier(model_b)
    if a.output_shape != b.output_shape:
        raise ArgumentError(
            f"the models tell {a.output_shape[0]} and {b.output_shape[0]} classes apart: only "
            "models of the same classes can be compared"
        )
    if a.classes and b.classes and a.classes != b.classes and {*a.classes} == {*b.classes}:
        raise ArgumentError(
            f"the models have the same classes in another order, {', '.join(a.classes[:4])} … and "
            f"{', '.join(b.classes[:4])} …: bring them into one order first"
        )
    return a, b


def _shown(sure_a: Array, sure_b: Array, truth: Array | None) -> Array:
    """All pictures' numbers, those first that tell most about the difference."""
    a, b = sure_a.argmax(axis=1), sure_b.argmax(axis=1)
    rank = np.where(a != b, 2, 3)
    if truth is not None:
        rank[(a != truth) & (b == truth)] = 1
        rank[(a == truth) & (b != truth)] = 0
    moved = np.abs(sure_b - sure_a).sum(axis=1)
    return np.lexsort((np.arange(len(a)), -moved, rank))
