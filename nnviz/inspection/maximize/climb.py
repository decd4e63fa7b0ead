"""Activation maximization: starting from noise, change the picture so that a target rises.

Four ideas, a file each: what is to rise (`objective`), what is climbed in (`image`), what the
picture must survive on the way (`transforms`), and what it should look like anyway (`priors`). This
file is the walk itself. The picture that is kept is the best by target of those that were shown to
the network as they are; its contrast is never stretched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np

from ...engine.layer import Array, Shape
from ...engine.model import Model
from ...errors import ArgumentError
from ...training.optimizers import OPTIMIZERS, Optimizer, get_optimizer
from ...training.schedules import CosineDecay, Schedule
from ..probability import probabilities
from ..results import Provenance, Result
from .image import Image, get_image, noise
from .objective import Objective, as_pictures, is_sequence_of
from .priors import Decay, Prior, TotalVariation
from .transforms import Jitter, Rotation, Scaling, Transform
from .walk import Found, Walk, further_tries

SPREAD = 0.1
"""Of the noise at the beginning, in u."""
RATE = 0.25
GENTLE = 0.3
"""The share of their weights that the default priors have in further tries."""


@dataclass(frozen=True)
class Maximized(Result):
    """The pictures that a target likes best.

    values: (N, rows, cols, channels) pixels in 0..1; N = targets · count, those of one target side
        by side. activation: (N,) the target's value for them; start: (N,) for the noise it began
        with. probability: (N,) of the class, where the target is one.
    path: (steps, N), the target while climbing, of the pictures as they were transformed then.
    best, high: (N,), the target's largest value and 99th percentile over real pictures, where some
        were given: a picture of what a target likes best should be above both.
    snapshots: (S, N, rows, cols, channels), the pictures on the way, before the steps (S,)
    snapshot_steps. count: pictures for each target.
    """

    values: Array
    activation: Array
    start: Array
    path: Array
    provenance: Provenance
    probability: Array | None = None
    best: Array | None = None
    high: Array | None = None
    snapshots: Array | None = None
    snapshot_steps: Array | None = None
    attempt: Array | None = None
    count: int = 1
    warnings: tuple[str, ...] = ()

    @property
    def succeeded(self) -> Array | None:
        """(N,) bool: whether the target rose above the start and above every real picture given;
        None where none were given, since then nobody knows."""
        if self.best is None:
            return None
        return (self.activation > self.start) & (self.activation > self.best)


def maximize(
    model: Model,
    target: Any,
    *,
    steps: int = 128,
    image: str | Image = "fourier",
    transforms: Sequence[Transform] | None = None,
    priors: Sequence[Prior] | None = None,
    optimizer: str | Optimizer = "adam",
    rate: float | Schedule | None = None,
    count: int = 1,
    diversity: float = 0.0,
    against: Any = None,
    snapshots: int = 0,
    tries: int = 4,
    seed: int = 0,
) -> Maximized:
    """Maximize S(T x(u)) / s − Σ priors(x(u)) over u, with x in 0..1 and another T at each step.

    s = √size · |∂S/∂x| at the noise where it begins (the Euclidean norm), for each picture: what
    one grey level everywhere is worth to the target. So the priors weigh the same for a logit as
    for a channel of any layer.
    target S: a class, several classes (one picture for each), or a `Target`; of a class its logit:
        a probability is also raised by lowering the other classes.
    image: "fourier", "pixels" or an `Image` says what u is. transforms T: `Jitter`, `Rotation`,
        `Scaling`, `Padding`, `Blur`, one after the other; None for a turn, a scaling and a jitter
        that suit the picture's size, or none where the target is at one place. The last fifth of
        the steps goes without them.
    priors: `TotalVariation`, `LpNorm`, `Decay`; None for `default_priors`. They pull to the model's
        background where it is known, else to the pixels that are 0 to the network.
    optimizer: a name or an instance (which is copied). rate: its rate where it is a name, a number
        or a schedule; None falls from 0.25 to 0 along a cosine. Gradients are scaled so that each
        number of u moves about this far in plain gradient descent's first step.
    count: pictures for each target. diversity: how strongly they are pushed apart, relative to the
        pull of the target and to their likeness (see `likeness`, `apart`); 1 makes them differ
        plainly. The push never points against the target.
    against: real pictures; `best` and `high` then say how far the target rises for them.
    snapshots: how many pictures on the way are kept, for an animation; one a step at the most.
    tries: how often a picture may begin, where it does not rise above its start and above every
        picture of `against`. Further tries begin with stronger noise (from the third on up to
        8 noises a picture, and the best is taken), the default priors have 0.3 of their weight, and
        of the default transforms the jitter is left. Pictures that are to differ have one try.
    Ctrl-C ends the walk early; the result says so in its warnings.

    Erhan et al. 2009; Simonyan et al. 2013, section 2, arXiv:1312.6034; Olah, Mordvintsev, Schubert
    2017, doi:10.23915/distill.00007.
    """
    _check_wholes(
        steps=(steps, 1),
        count=(count, 1),
        snapshots=(snapshots, 0),
        tries=(tries, 1),
        seed=(seed, 0),
    )
    shape = _picture_shape(model)
    pictures = as_pictures(model, against)
    objective = Objective.of(model, target, count, _diversity(diversity, count))
    moves = () if objective.has_place else default_transforms(shape)
    walk = Walk(
        objective=objective,
        begin=noise(shape, count, objective.targets, SPREAD, seed),
        image=get_image(image),
        transforms=_chosen(transforms, moves, Transform),
        priors=_chosen(priors, default_priors(shape), Prior),
        optimizer=_optimizer(optimizer, rate, steps),
        rest=resting_level(model),
        steps=steps,
        seed=seed,
    )
    freer = replace(
        walk,
        transforms=_chosen(transforms, moves[-1:], Transform),
        priors=_chosen(priors, default_priors(shape, GENTLE), Prior),
    )
    keep = set(np.linspace(0, steps - 1, min(snapshots, steps)).round().astype(int).tolist())
    found = walk.run(keep)
    real = None if pictures is None else _reached_by(objective, pictures, found)
    if not found.stopped:
        bar = found.start if real is None else np.maximum(found.start, real.max(axis=1))
        further_tries(freer, found, bar, 0 if diversity else tries - 1, keep)
    return _finish(model, walk, found, real, tries)


def _reached_by(objective: Objective, pictures: Array, found: Found) -> Array | None:
    """(N, M): the target of each picture for the real ones; None where Ctrl-C came meanwhile."""
    try:
        return np.repeat(objective.reached_by(pictures), objective.count, axis=0)
    except KeyboardInterrupt:
        found.stopped = found.stopped or "while the real pictures were read"
        return None


def default_transforms(shape: Shape) -> tuple[Transform, ...]:
    """10°, 10 %, and a fourteenth of the shorter side: 2 pixels for 28×28, 16 for 224×224."""
    return Rotation(10.0), Scaling(0.1), Jitter(max(1, round(min(shape[:2]) / 14)))


def default_priors(shape: Shape, weight: float = 1.0) -> tuple[Prior, ...]:
    """Smooth with edges, and at rest where nothing is needed; weaker for larger pictures, where the
    noise at the beginning, by which the target is scaled, says less of what can be reached."""
    share = weight * min(1.0, 28 / min(shape[:2]))
    return TotalVariation(0.8 * share, 1.5), Decay(0.3 * share)


def resting_level(model: Model) -> Array:
    """One pixel (channels,) that means "nothing here": the background of the training pictures
    where the model knows it, else what is 0 to the network; 0..1."""
    spec, channels = model.input, model.input.shape[2]
    if spec.background is not None:
        level = np.full(channels, spec.background)
    else:
        low, high = spec.value_range
        level = np.broadcast_to((np.array(spec.mean) - low) / (high - low), channels)
        level = level[::-1] if spec.channel_order == "BGR" else level
    return level.clip(0, 1).astype(np.float32)


# The result ---------------------------------------------------------------------------------------


def _finish(model: Model, walk: Walk, found: Found, real: Array | None, tries: int) -> Maximized:
    """What was found, as the model itself sees it, beside what it says of real pictures."""
    objective, values = walk.objective, found.values
    trace = model.run(values, keep=objective.goal.nodes)
    reached = objective.goal.values({node: trace[node].y for node in objective.goal.nodes})
    probability = best = high = None
    classes = objective.goal.classes(len(values))
    weak: dict[int, float] = {}
    if classes is not None:
        every = probabilities(model, trace.output)
        probability = every[np.arange(len(values)), classes]
        if model.head != "none":
            needed = 0.5 if model.head == "sigmoid" else every.max(axis=1)
            weak = {int(i): float(probability[i]) for i in np.flatnonzero(probability < needed)}
    if real is not None:
        best, high = real.max(axis=1), np.percentile(real, 99, axis=1)
    shots = sorted(found.snapshots)
    return Maximized(
        values=values,
        activation=reached,
        start=found.start,
        path=np.array(found.path).reshape(-1, len(values)),
        probability=probability,
        best=best,
        high=high,
        snapshots=np.stack([found.snapshots[s] for s in shots]) if shots else None,
        snapshot_steps=np.array(shots) if shots else None,
        attempt=found.attempt,
        count=objective.count,
        warnings=tuple(_warnings(found, reached, best, weak)),
        provenance=Provenance.of(
            model,
            "maximize",
            target=objective.goal.words,
            settings={**walk.settings(), "tries": tries},
            seed=walk.seed,
        ),
    )


def _warnings(
    found: Found, reached: Array, best: Array | None, weak: Mapping[int, float]
) -> Iterator[str]:
    """weak: the probability of those pictures that the network does not take for their class."""
    if found.stopped:
        yield f"stopped {found.stopped}: the pictures may be unfinished"
    for i, value in enumerate(reached):
        if value <= found.start[i]:
            yield (
                f"picture {i}: the target did not rise above the noise it began with; try more "
                "steps or smaller priors"
            )
        elif best is not None and value <= best[i]:
            yield (
                f"picture {i}: the target reached {value:.4g}, a real picture reaches "
                f"{best[i]:.4g}; try more steps or smaller priors"
            )
        elif i in weak:
            yield (
                f"picture {i}: the network gives its class a probability of only {weak[i]:.2g}; "
                "try more steps or smaller priors"
            )


# Checks -----------------------------------------------------------------------------------------


def _check_wholes(**settings: tuple[Any, int]) -> None:
    """An error for counts that are none, or too small."""
    for name, (value, least) in settings.items():
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or value < least:
            raise ArgumentError(f"{name} must be a whole number of at least {least}, got {value!r}")


def _diversity(diversity: Any, count: int) -> float:
    """An error for a weight that is none, or that a single picture cannot heed."""
    number = isinstance(diversity, Real) and not isinstance(diversity, bool)
    if not number or not 0 <= float(diversity) < np.inf:
        raise ArgumentError(f"diversity must be a number of at least 0, got {diversity!r}")
    if diversity and count < 2:
        raise ArgumentError("diversity is about several pictures of one target: give count as well")
    return float(diversity)


def _picture_shape(model: Model) -> Shape:
    """(rows, cols, channels); an error where the model does not look at pictures."""
    shape = model.input.shape
    if len(shape) != 3:
        raise ArgumentError(f"maximize makes pictures, this model's input has shape {shape}")
    return shape


def _chosen(given: Any, default: tuple[Any, ...], kind: type) -> tuple[Any, ...]:
    """The transforms or priors given, or those that suit."""
    if given is None:
        return default
    if not is_sequence_of(given, kind):
        raise ArgumentError(f"{kind.__name__.lower()}s must be a list of them, got {given!r}")
    return tuple(given)


def _optimizer(optimizer: Any, rate: Any, steps: int) -> Optimizer:
    """The optimizer with its rate."""
    if isinstance(optimizer, Optimizer):
        if rate is not None:
            raise ArgumentError("rate goes with an optimizer's name; an instance has its own")
        return optimizer
    get_optimizer(optimizer)  # an error where there is none of this name
    return OPTIMIZERS[optimizer](CosineDecay(RATE, steps) if rate is None else rate)
