"""Which method to trust on this network and these pictures? All are asked, timed and judged alike,
beside maps that know nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...engine.boundary import of_model
from ...engine.layer import Array
from ...engine.model import Model
from ...errors import ArgumentError, NnvizError
from ..attribution.checks import choice, generator
from ..attribution.explain import explain
from ..attribution.methods import METHODS, names_of, options_of
from ..results import Part, Provenance, Result
from .intervals import Interval, mean_there, student
from .sanity import sanity
from .scores.result import Scores
from .scores.score import Judge
from .scores.sensitivity import sensitivity
from .selftest import distinct

RANKED = (
    "gradient", "input_x_gradient", "guided_backprop", "deconvnet", "smooth_grad",
    "integrated_gradients", "expected_gradients", "deep_lift", "lrp", "grad_cam",
    "grad_cam_plus_plus", "hires_cam", "layer_cam", "score_cam", "guided_grad_cam", "full_grad",
    "feature_ablation", "occlusion", "rise", "shapley_sampling", "lime",
)  # fmt: skip
"""What is compared where nothing is said: the best known of each family."""
CHECKED = 5
"""Pictures that the sanity check and the sensitivity are measured on, at the most."""
QUALITY = "insertion_minus_deletion"
"""What methods are ranked by."""


@dataclass(frozen=True)
class Ranked(Part):
    """One method: its quality, the 95 % interval, and by how much the best one leads on the same
    pictures (None for the best itself); the controls that it does not surely beat; the other scores
    by name; seconds a picture; the sanity check's survival, with its 95 % interval for other
    pictures and other destructions, and its marks; the sensitivity."""

    method: str
    quality: float
    interval: Interval | None
    behind: float | None
    behind_interval: Interval | None
    unbeaten: tuple[str, ...]
    scores: Mapping[str, float]
    seconds: float
    survival: float | None
    marks: tuple[str, ...]
    sensitivity: float | None
    survival_interval: Interval | None = None

    @property
    def as_good(self) -> bool:
        """Whether it is not surely behind the best."""
        return self.behind_interval is None or self.behind_interval[0] <= 0


@dataclass(frozen=True)
class MethodRanking(Result):
    """Methods in the order of their quality; controls: (name, quality) of each; failed: (method,
    reason). quality: (methods, N), each picture's. pictures: how many were explained."""

    rows: tuple[Ranked, ...]
    controls: tuple[tuple[str, float], ...]
    failed: tuple[tuple[str, str], ...]
    quality: Array
    pictures: int
    provenance: Provenance

    def __getitem__(self, method: str) -> Ranked:
        """A method's row."""
        names = [row.method for row in self.rows]
        return self.rows[names.index(choice(method, "method", "this ranking", names))]


@of_model
def compare_methods(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    methods: Sequence[str] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    masks: Any = None,
    fill: Any = 0.0,
    checks: bool = True,
    seed: int = 0,
    tell: Callable[[str], None] = lambda words: None,
) -> MethodRanking:
    """Every method's maps of the same pictures, scored beside the controls, timed, and checked.

    x: (N, rows, cols, channels), or a `Dataset`. target: as for `explain`; None is the network's
    answer. methods: by name, or ("all",); None is `RANKED`. options: {method: its options}; where a
    method has an option `fill` or `baseline` and nothing is said, it gets `fill`, so that all count
    from the same empty picture. masks, fill, seed: as for `score`. checks: whether to run the
    sanity check (network destroyed, twice) and the sensitivity (3 draws), on the first five
    pictures. tell: called with each method's name.

    Ranked by insertion minus deletion (see `score`). Times are of one call for all pictures,
    divided by their number, and depend on the machine; everything else is the same every time.
    Raises `ArgumentError` for an unknown method; one that cannot explain this model is in `failed`.
    """
    given = _options(options, names := _names(methods))
    generator(seed, "compare_methods")
    judge = Judge.of(model, x, target, masks=masks, fill=fill, seed=seed)
    pixels = model.input.check(x)
    if target is None:
        target = tuple(model.predict(pixels).reshape(len(pixels), -1).argmax(axis=1).tolist())
    scores, rows, failed = list[Scores](), [], []
    for name in names:
        tell(name)
        own = settings_of(name, fill, given.get(name, {}))
        start = time.perf_counter()
        try:
            result = explain(model, pixels, target, method=name, **own)
        except NnvizError as error:
            failed.append((name, str(error)))
            continue
        seconds = (time.perf_counter() - start) / len(pixels)
        scores.append(judge.scores(result))
        row = _row(name, scores[-1], seconds)
        rows.append(_checked(row, model, pixels, target, own, seed) if checks else row)
    order, quality = _ordered(rows, scores)
    low, high = judge.ends(QUALITY)
    controls = tuple((name, float(judge.told[QUALITY][i].mean()))
                     for i, name in enumerate(judge.controls))  # fmt: skip
    return MethodRanking(
        rows=tuple(_behind(rows[i], quality[0] - mine, k, (low - high, high - low))
                   for k, (i, mine) in enumerate(zip(order, quality, strict=True))),
        controls=controls,
        failed=tuple(failed),
        quality=quality,
        pictures=len(pixels),
        provenance=Provenance(judge.print_, "compare_methods", judge.question.goal.words,
                              settings=judge.settings, seed=int(seed)),
    )  # fmt: skip


def _ordered(rows: Sequence[Ranked], scores: Sequence[Scores]) -> tuple[list[int], Array]:
    """The rows' order, the best first, and each picture's quality in this order."""
    order = sorted(range(len(rows)), key=lambda i: -rows[i].quality)
    return order, np.stack([scores[i].of(QUALITY) for i in order]) if order else np.zeros((0, 0))


def _names(methods: Sequence[str] | None) -> tuple[str, ...]:
    if methods is None:
        return RANKED
    if isinstance(methods, Sequence) and tuple(methods) == ("all",):
        return tuple(method.name for method in distinct())
    return names_of(methods, "compare_methods")


def _options(options: Any, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Each method's options; what is meant for a method that is not compared is refused."""
    if not isinstance(options, Mapping | None):
        raise ArgumentError(
            "options of compare_methods must be a dict such as {'rise': {'samples': 100}}, got "
            f"{options!r}"
        )
    return {
        choice(name, "method", "compare_methods", names): options_of(name, own, "compare_methods")
        for name, own in (options or {}).items()
    }


def settings_of(name: str, fill: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """A method's options: those given, and the same empty picture for all that count from one."""
    known = METHODS[name].options
    return {option: fill for option in ("fill", "baseline") if option in known} | dict(given)


def _row(name: str, scores: Scores, seconds: float) -> Ranked:
    quality = scores[QUALITY]
    return Ranked(
        name,
        quality.mean,
        quality.interval,
        None,
        None,
        tuple(one.control for one in quality.controls if not one.beaten),
        {other: scores[other].mean for other in scores.names},
        seconds,
        None,
        (),
        None,
    )


def _checked(
    row: Ranked, model: Model, pixels: Array, target: Any, options: Mapping[str, Any], seed: int
) -> Ranked:
    """The row with what the sanity check and the sensitivity say."""
    few = pixels[:CHECKED]
    each = isinstance(target, tuple | list | np.ndarray)
    own = target[:CHECKED] if each else target
    try:
        found = sanity(
            model, few, own, method=row.method, options=options, stages=1, independent=False,
            seed=seed,
        )  # fmt: skip
        moved = sensitivity(model, few, own, method=row.method, options=options, draws=3, seed=seed)
    except NnvizError:
        return row
    mean, interval = found.survival
    return replace(
        row, survival=mean, survival_interval=interval, marks=found.marks,
        sensitivity=float(mean_there(moved)),
    )  # fmt: skip


def _behind(row: Ranked, lead: Array, place: int, ends: Interval) -> Ranked:
    if place == 0:
        return row
    mean, interval = student(lead, ends)
    return replace(row, behind=mean, behind_interval=interval)
