"""As many random draws as the picture needs: a method that draws goes on until the part of the map
that people look at is settled.

A fixed number of samples is too many for one picture and too few for another. The standard error of
each pixel says which: where the highest pixels stand clear of the rest, more draws change nothing
that anyone would see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...engine.boundary import of_model
from ...engine.layer import Array
from ...engine.model import Model
from ...errors import ArgumentError, unknown
from ..results import Attribution
from .checks import generator, number, whole_number
from .explain import explain
from .goal import as_goal
from .target import Combined


@dataclass(frozen=True)
class Draws:
    """A method whose map is a mean of random draws: the option that counts them, how many to take
    at a time, its own fixed number, and what else it must be told."""

    option: str
    block: int
    fixed: int
    options: Mapping[str, Any]
    each: int = 1


DRAWN: dict[str, Draws] = {
    "smooth_grad": Draws("samples", 10, 50, {}),
    "rise": Draws("samples", 200, 1000, {}),
    "shapley_sampling": Draws("samples", 4, 20, {}, each=2),
    "expected_gradients": Draws("samples", 20, 200, {}),
    "occlusion": Draws("repeats", 2, 8, {"fill": "noise"}),
}
"""By name. each: how many of its samples are one independent draw (orders that come in pairs)."""


REPLICAS = 100
"""How often a map is moved by its errors, to see which share of its region stays."""


@dataclass(frozen=True)
class Steady(Attribution):
    """A mean over as many draws as each picture needed.

    error: the standard error of each value. samples: (N,), how many were drawn. firm: (N,), the
    share of the highest region that is expected to be found again; settled: (N,) bool, whether it
    reached the confidence asked for.
    """

    samples: Array | None = None
    firm: Array | None = None
    settled: Array | None = None


@of_model
def until_steady(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    method: str = "smooth_grad",
    confidence: float = 0.8,
    region: float = 0.05,
    most: int | None = None,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Steady:
    """A random method's map, drawn until its highest region is settled, for each picture by itself.

    After each block of draws the region T is the k = ⌈region · P⌉ pixels u with the highest means
    v(u), and e(u) are their standard errors. Each pixel is moved by its error, v(u) + e(u) ε with
    normal ε, a hundred times, and the share of T that is among the k highest then is counted: what
    is expected to be found again by other draws. (To compare each pixel with a threshold that stays
    would leave out those that noise lifts from below, and promise too much.) The map is settled as
    soon as the mean share is `confidence` or more, after two blocks at the earliest.

    method: of `DRAWN`: smooth_grad, rise, shapley_sampling, expected_gradients, occlusion (with
    fill="noise"). most: draws after which it stops anyway, with a warning; None is four times the
    method's fixed number. options: the method's others. seed: block b has the seed of `seed` and b.

    Blocks are put together by their counts, means and squared errors (Chan, Golub, LeVeque 1983,
    eq. 2.1), which gives what one run of all the draws would; for RISE, whose map is a ratio of
    means, up to a bias of the order of 1 / block. Ours, a parametric bootstrap (Efron 1979) in the
    manner of sequential stopping (Chow and Robbins 1965), whose warning holds: looking after every
    block makes stopping a little early more likely, for which the second block is asked.
    """
    if method not in DRAWN:
        raise unknown("method", method, DRAWN, "until_steady")
    drawn = DRAWN[method]
    confidence = number(confidence, "confidence", "until_steady", most=1, above=True, below=True)
    region = number(region, "region", "until_steady", most=1, above=True, below=True)
    limit = 4 * drawn.fixed if most is None else whole_number(
        most, "most", "until_steady", least=2 * drawn.block, most=10_000_000
    )  # fmt: skip
    generator(seed, "until_steady")
    chosen = {**drawn.options, **(options or {})}
    for name in (drawn.option, "seed"):
        if name in chosen:
            raise ArgumentError(f"until_steady sets {name} of {method} itself")
    pixels = model.input.check(x)
    if target is None:
        target = tuple(model.predict(pixels).reshape(len(pixels), -1).argmax(axis=1).tolist())
    goal = as_goal(model, target, len(pixels))
    done = []
    for i in range(len(pixels)):
        own = Combined(tuple((weight, part) for weight, _, part in goal.take([i]).terms))
        picture = pixels[i : i + 1]
        done.append(_one(model, picture, own, method, chosen, confidence, region, limit, seed))
    settings = {"confidence": confidence, "region": region}
    return _joined(done, goal.words, drawn.option, settings, seed)


def _one(
    model: Model,
    x: Array,
    target: Any,
    method: str,
    options: Mapping[str, Any],
    confidence: float,
    region: float,
    limit: int,
    seed: int,
) -> Steady:
    """One picture's."""
    drawn = DRAWN[method]
    total = _Pool()
    result = None
    lasting: dict[str, None] = {}
    while total.samples < limit:
        block = int(np.random.SeedSequence([seed, total.blocks]).generate_state(1)[0])
        own = {drawn.option: drawn.block, "seed": block}
        result = explain(model, x, target, method=method, **own, **options)
        assert result.error is not None
        # What the draws brought about goes with them; what is said of every block stays.
        said = result.warnings
        lasting = dict.fromkeys(said if not total.blocks else (w for w in lasting if w in said))
        total.add(result.values, result.error, drawn.block, drawn.block // drawn.each)
        firm = firmness(total.mean[0], total.error[0], region)
        if total.blocks > 1 and firm >= confidence:
            break
    assert result is not None
    settled = firm >= confidence
    words = () if settled else (
        f"the highest {region:.0%} of the map is not settled after {total.samples} draws: "
        f"{firm:.0%} of it would be found again by others; allow more by most=",
    )  # fmt: skip
    dtype = result.values.dtype
    return Steady(
        values=total.mean.astype(dtype),
        scores=result.scores,
        provenance=result.provenance,
        error=total.error.astype(dtype),
        warnings=(*lasting, *words),
        signed=result.signed,
        samples=np.array([total.samples]),
        firm=np.array([firm]),
        settled=np.array([settled]),
    )


class _Pool:
    """Blocks put together: the mean of all draws, and the squares of their deviations."""

    def __init__(self) -> None:
        self.samples = self.draws = self.blocks = 0
        self.mean: Array = np.zeros(0)
        self.squares: Array = np.zeros(0)

    def add(self, mean: Array, error: Array, samples: int, draws: int) -> None:
        """One block of `samples` that are `draws` independent draws."""
        mean = mean.astype(np.float64)
        squares = np.square(error.astype(np.float64)) * draws * (draws - 1)
        if self.blocks:
            apart, both = mean - self.mean, self.draws + draws
            squares = self.squares + squares + apart**2 * self.draws * draws / both
            mean = self.mean + apart * draws / both
        self.mean, self.squares = mean, squares
        self.samples, self.draws, self.blocks = (
            self.samples + samples, self.draws + draws, self.blocks + 1,
        )  # fmt: skip

    @property
    def error(self) -> Array:
        """The standard error of the mean."""
        found: Array = np.sqrt(self.squares / (self.draws * (self.draws - 1)))
        return found


def firmness(values: Array, error: Array, region: float) -> float:
    """How firmly the highest region of a map (rows, cols) stands: the share of it that is expected
    to be found again; see `until_steady`. Equal values are in it together or not at all; 0 for a
    map that is the same everywhere."""
    flat, spread = values.ravel().astype(np.float64), error.ravel()
    count = min(flat.size - 1, max(1, int(np.ceil(region * flat.size))))
    if count < 1:
        return 1.0
    inside = flat >= np.partition(flat, flat.size - count)[flat.size - count]
    least = flat.size - int(inside.sum())
    if not least:
        return 0.0
    rng, again = np.random.default_rng(0), 0
    for _ in range(REPLICAS):
        other = flat + spread * rng.standard_normal(flat.size)
        again += int((other[inside] >= np.partition(other, least)[least]).sum())
    return again / (REPLICAS * int(inside.sum()))


def _joined(
    done: list[Steady], words: str, option: str, settings: Mapping[str, Any], seed: int
) -> Steady:
    """All pictures' results as one."""
    first, many = done[0], len(done) > 1

    def all_of(name: str) -> Array:
        return np.concatenate([getattr(one, name) for one in done])

    warnings = [
        f"picture {i}: {said}" if many else said
        for i, one in enumerate(done)
        for said in one.warnings
    ]
    kept = {k: v for k, v in first.provenance.settings.items() if k != option}
    made = replace(first.provenance, target=words, settings={**kept, **settings}, seed=int(seed))
    return Steady(
        values=all_of("values"),
        scores=all_of("scores"),
        provenance=made,
        error=all_of("error"),
        warnings=tuple(warnings),
        signed=first.signed,
        samples=all_of("samples"),
        firm=all_of("firm"),
        settled=all_of("settled"),
    )
