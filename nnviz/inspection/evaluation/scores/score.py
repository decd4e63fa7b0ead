"""A map put to the test: what the network says of it, what a known truth says of it, and whether
maps that know nothing of the network do as well."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ....engine.boundary import of_model
from ....engine.layer import Array
from ....engine.model import Model
from ....errors import ArgumentError
from ...attribution.baseline import baselines, described
from ...attribution.checks import choice, generator, whole_number
from ...attribution.question import Question
from ...results import Attribution, Provenance
from .controls import CONTROLS
from .curves import Asker, area, curves, ends_of, infidelity, squares
from .measures import (
    MEASURES,
    against_mask,
    chance_of,
    entropy,
    evidence,
    gini,
    order,
    picture_seed,
)
from .result import Scores

STEPS = 49


@of_model
def score(
    model: Model,
    x: Any,
    result: Attribution,
    target: Any = None,
    *,
    masks: Any = None,
    controls: Sequence[str] = tuple(CONTROLS),
    steps: int = STEPS,
    fill: Any = 0.0,
    draws: int = 50,
    seed: int = 0,
) -> Scores:
    """How good a map is, by every score of `MEASURES`, beside maps that know nothing.

    x: the pictures that were explained, (N, rows, cols, channels), or a `Dataset`, whose masks are
    taken where `masks` is None. result: their maps. target: what the maps explain, as it was given
    to the method; None is each picture's predicted class. masks: (N, rows, cols) bool, where the
    truth lies, if it is known. controls: of `CONTROLS`; see there.
    steps: K, of the deletion and insertion curves. fill: what a pixel that is taken away shows, as
    for `feature_ablation`, one for all. draws: D, squares for the infidelity, each a quarter of
    the shorter side. seed: of the random control, of the squares, and of the order of pixels whose
    values are equal; all are the same for a picture wherever in a batch it stands.

    The curves are of the probability p of the class explained (of the target itself where it is no
    class). With the pixels in the order of `evidence`, the highest first, and x_k the picture with
    the first ⌈k P / K⌉-th part of its P pixels filled (x'_k: of which only these show):
    deletion = ∫ p(x_k), insertion = ∫ p(x'_k) over the shares 0 … 1, by trapezia; pixel_flipping =
    1 / (K + 1) Σ_{k=0}^{K} S(x_0) − S(x_k) with S the target (Samek et al. take the mean over
    pictures of this); average_drop = max(0, p − p∘) / p and average_increase = [p∘ > p] with p∘ for
    the picture seen through the map, its positive values brought to 0..1. For the others see
    `gini`, `entropy`, `against_mask` and `infidelity`; completeness_gap is the size of
    `Attribution.gap`.

    Returns `Scores`, whose intervals are over the pictures.
    Raises `ArgumentError` for maps of other pictures, of another model or of another target, for
    masks of another shape, and for bad options.
    """
    judge = Judge.of(
        model, x, target, masks=masks, controls=controls, steps=steps, fill=fill, draws=draws,
        seed=seed,
    )  # fmt: skip
    return judge.scores(result)


@dataclass(frozen=True)
class Judge:
    """Pictures, a target and controls, ready for any number of maps; `score` says what each is.

    fills: (N, …), network input. extremes: see `ends_of`. falls: (N, D), of the target under
    `squares` (D, rows, cols). truth: (N, rows, cols) bool, or None. told: the controls' scores,
    each (C, N), by name, and `curves`, their curves.
    """

    question: Question
    asker: Asker
    fills: Array
    extremes: Array
    squares: Array
    falls: Array
    truth: Array | None
    controls: tuple[str, ...]
    told: Mapping[str, Array]
    curves: tuple[Array, Array]
    steps: int
    settings: Mapping[str, Any]
    seed: int
    print_: str

    @classmethod
    def of(
        cls,
        model: Model,
        x: Any,
        target: Any = None,
        *,
        masks: Any = None,
        controls: Sequence[str] = tuple(CONTROLS),
        steps: int = STEPS,
        fill: Any = 0.0,
        draws: int = 50,
        seed: int = 0,
    ) -> Judge:
        """See `score`."""
        question = Question.of(model, x, target, "score")
        names, ready = _controls(controls), question.x
        steps = whole_number(steps, "steps", "score", least=2, most=10_000)
        draws = whole_number(draws, "draws", "score", least=1)
        generator(seed, "score")
        truth = _masks(x if masks is None else masks, ready.shape[:3], masks is not None)
        asker, fills = Asker.of(question), fills_of(question, fill)
        rows, cols = ready.shape[1:3]
        side = max(1, min(rows, cols) // 4)
        rng = np.random.default_rng((seed, 2))
        covers = np.stack(list(squares((rows, cols), draws, side, rng)))
        extremes = ends_of(asker, ready, fills)
        lost = _falls(asker, ready, fills, covers, extremes[0, :, 0])
        made = cls(
            question, asker, fills, extremes, covers, lost, truth, names, {}, (fills, fills), steps,
            {"steps": steps, "fill": described(fill), "draws": draws}, int(seed),
            model.fingerprint(),
        )  # fmt: skip
        told, both = made.ask(np.stack([CONTROLS[name](ready, seed) for name in names]))
        return replace(made, told=told, curves=both)

    def ask(self, maps: Array) -> tuple[dict[str, Array], tuple[Array, Array]]:
        """The scores of maps (M, N, rows, cols), each (M, N), and their probability curves, each
        (M, N, K + 1)."""
        x = self.question.x
        orders = np.stack([
            [order(one[i], np.random.default_rng((*picture_seed(x[i], self.seed), 1)))
             for i in range(len(x))] for one in maps
        ])  # fmt: skip
        found = curves(self.asker, x, self.fills, maps, orders, self.steps, self.extremes)
        values = {
            **_from_curves(found.deletion, found.insertion, found.blended),
            "infidelity": np.stack([
                infidelity(maps[:, i], self.falls[i], self.squares) for i in range(len(x))
            ], axis=1),
            "gini": np.stack([gini(one) for one in maps]),
            "entropy": np.stack([entropy(one) for one in maps]),
        }  # fmt: skip
        if self.truth is not None:
            each = [against_mask(one, o, self.truth) for one, o in zip(maps, orders, strict=True)]
            values |= {name: np.stack([part[name] for part in each]) for name in each[0]}
        return values, (found.deletion[1], found.insertion[1])

    def scores(self, result: Attribution) -> Scores:
        """A result's scores beside the controls'."""
        self._check(result)
        mine, (deletion, insertion) = self.ask(evidence(result)[None])
        values = {name: np.concatenate([mine[name], self.told[name]]) for name in mine}
        if result.gap is not None:
            none = np.full((len(self.controls), len(self.question)), np.nan)
            values["completeness_gap"] = np.concatenate([np.abs(result.gap)[None], none])
        chosen = [name for name in MEASURES if name in values]
        return Scores(
            names=tuple(chosen),
            controls=self.controls,
            values=np.stack([values[name] for name in chosen], axis=1),
            shares=np.linspace(0, 1, self.steps + 1),
            deletion=np.concatenate([deletion, self.curves[0]]),
            insertion=np.concatenate([insertion, self.curves[1]]),
            covered=None if self.truth is None else chance_of(self.truth),
            ends=np.array([self.ends(name) for name in chosen], np.float64),
            provenance=Provenance(
                self.print_,
                result.provenance.method,
                target=self.question.goal.words,
                settings=self.settings,
                seed=self.seed,
            ),
        )

    def ends(self, name: str) -> tuple[float, float]:
        """Between which numbers a score of these pictures lies."""
        measure, question = MEASURES[name], self.question
        if name == "entropy":
            return 0.0, math.log(math.prod(question.x.shape[1:3]))
        likely = question.goal.classes(len(question)) is not None and (
            question.model.head in ("softmax", "sigmoid", "logits")
        )
        asked = measure.of == "network" and name != "infidelity"
        return measure.ends if likely or not asked else (-math.inf, math.inf)

    def _check(self, result: Any) -> None:
        """An error where the maps are of something else."""
        if not isinstance(result, Attribution):
            raise ArgumentError(f"score judges an Attribution, got a {type(result).__name__}")
        made, shape = result.provenance, self.question.x.shape[:3]
        if result.values.shape != shape:
            raise ArgumentError(
                f"the maps have shape {result.values.shape}, the pictures {shape}: give the "
                "pictures that were explained"
            )
        words = self.question.goal.words
        if made.target is not None and made.target != words:
            raise ArgumentError(
                f"the maps explain the {made.target}, but the target given is the {words}: give "
                "score the target that the method had"
            )
        if made.model != self.print_:
            raise ArgumentError(
                "the maps are of another model: explain with the model that is given"
            )


@of_model
def scored(
    model: Model, x: Any, result: Attribution, target: Any = None, **options: Any
) -> Attribution:
    """The attribution with its scores: `scored(…).quality`; options as for `score`."""
    return replace(result, quality=score(model, x, result, target, **options))


def _controls(names: Any) -> tuple[str, ...]:
    given = tuple(names) if isinstance(names, Sequence) and not isinstance(names, str) else ()
    if not given:
        raise ArgumentError(
            f"controls must name at least one of {', '.join(CONTROLS)}, got {names!r}"
        )
    for name in given:
        choice(name, "control", "score", CONTROLS)
    return tuple(dict.fromkeys(given))


def _masks(given: Any, shape: tuple[int, ...], asked: bool) -> Array | None:
    """Masks (N, rows, cols), or those of a data set, or None."""
    masks = given if asked else getattr(given, "masks", None)
    if masks is None:
        return None
    masks = np.asarray(masks)
    if masks.shape != shape or masks.dtype != bool:
        raise ArgumentError(
            f"masks must be truth values {shape}, one for each pixel, got {masks.dtype} "
            f"{masks.shape}"
        )
    return masks


def fills_of(question: Question, fill: Any) -> Array:
    """What pixels that are taken away show, (N, rows, cols, channels)."""
    given = baselines(question, fill, "fill")
    if len(given) > 1:
        raise ArgumentError("fill of score is one for all: a number, a colour, a picture or a name")
    return np.broadcast_to(given[0], question.x.shape)


def _from_curves(deletion: Array, insertion: Array, blended: Array) -> dict[str, Array]:
    """The scores of the network by name, each (M, N)."""
    away, coming = area(deletion[1]), area(insertion[1])
    before = deletion[1, :, :, 0]
    there = np.where(before > 0, before, 1)
    return {
        "deletion": away,
        "insertion": coming,
        "insertion_minus_deletion": coming - away,
        "pixel_flipping": (deletion[0, :, :, :1] - deletion[0]).mean(axis=-1),
        "average_drop": np.maximum(0, before - blended) / there,
        "average_increase": (blended > before).astype(np.float64),
    }


def _falls(asker: Asker, x: Array, fills: Array, covers: Array, before: Array) -> Array:
    """(N, D): by how much the target falls from `before` (N,) under each square."""
    found = np.empty((len(x), len(covers)))
    for i in range(len(x)):
        points = np.where(covers[..., None], fills[i], x[i])
        found[i] = before[i] - asker.ask(points, np.full(len(points), i))[0]
    return found
