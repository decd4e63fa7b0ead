"""Activation maximization: starting from noise, change the picture so that a target rises.

Four ideas, a file each: what is to rise (`objective`), what is climbed in (`image`), what the
picture must survive on the way (`transforms`), and what it should look like anyway (`priors`). This
file puts them together for the climb (`walk`) and its `result`. The picture that is kept is the
best by target of those that were shown to the network as they are; its contrast is never stretched.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np

from ...engine.boundary import of_model
from ...engine.layer import Array, Shape
from ...engine.model import Model
from ...errors import ArgumentError
from ...training.optimizers import OPTIMIZERS, Optimizer, get_optimizer
from ...training.schedules import CosineDecay, Schedule
from ..attribution.checks import LARGEST, number, whole_number
from ..probability import probabilities
from ..results import Provenance
from .image import Image, get_image, noise
from .objective import Objective, as_pictures, is_sequence_of
from .priors import Decay, Prior, TotalVariation
from .result import Maximized, told
from .transforms import Jitter, Rotation, Scaling, Transform
from .walk import Found, Walk, further_tries

SPREAD = 0.1
"""Of the noise at the beginning, in u."""
RATE = 0.25
OWNER = "maximize"
SEEDS = 2**63 - 1
ROOM = 4 << 30
"""Bytes that pictures and snapshots may take."""
GENTLE = 0.3
"""The share of their weights that the default priors have in further tries."""


@of_model
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
    ways = _Ways(
        steps, image, transforms, priors, optimizer, rate, count, diversity, snapshots, tries, seed
    )
    return ways.climb(model, target, against)


@dataclass(frozen=True)
class _Ways:
    """The options of `maximize`, as given."""

    steps: int
    image: Any
    transforms: Any
    priors: Any
    optimizer: Any
    rate: Any
    count: int
    diversity: float
    snapshots: int
    tries: int
    seed: int

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("count", 1), ("snapshots", 0), ("tries", 1)):
            whole_number(getattr(self, name), name, OWNER, least=least)
        whole_number(self.seed, "seed", OWNER, least=0, most=SEEDS)
        if number(self.diversity, "diversity", OWNER) and self.count < 2:
            raise ArgumentError(
                "diversity is about several pictures of one target: give count as well"
            )

    def climb(self, model: Model, target: Any, against: Any) -> Maximized:
        """The first try, what real pictures reach, and further tries where they are needed."""
        shape = _picture_shape(model)
        pictures = as_pictures(model, against)
        objective = Objective.of(model, target, self.count, float(self.diversity))
        shots = min(self.snapshots, self.steps)
        _check_room(shape, len(objective), shots)
        walk, freer = self._walks(objective, shape)
        keep = set(np.linspace(0, self.steps - 1, shots).round().astype(int).tolist())
        found = walk.run(keep)
        real = None if pictures is None else _reached_by(objective, pictures, found)
        if not found.stopped:
            bar = found.start if real is None else np.maximum(found.start, real.max(axis=1))
            further_tries(freer, found, bar, 0 if self.diversity else self.tries - 1, keep)
        return _finish(model, walk, found, real, self.tries)

    def _walks(self, objective: Objective, shape: Shape) -> tuple[Walk, Walk]:
        """The walk of the first try, and the freer one of those after it: only defaults differ."""
        moves = () if objective.has_place else default_transforms(shape)
        walk = Walk(
            objective=objective,
            begin=noise(shape, self.count, objective.targets, SPREAD, self.seed),
            image=get_image(self.image),
            transforms=_chosen(self.transforms, moves, Transform),
            priors=_chosen(self.priors, default_priors(shape), Prior),
            optimizer=_optimizer(self.optimizer, self.rate, self.steps),
            rest=resting_level(objective.model),
            steps=self.steps,
            seed=self.seed,
        )
        transforms = _chosen(self.transforms, moves[-1:], Transform)
        priors = _chosen(self.priors, default_priors(shape, GENTLE), Prior)
        return walk, replace(walk, transforms=transforms, priors=priors)


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
        warnings=tuple(told(found, reached, best, weak)),
        provenance=Provenance.of(
            model,
            OWNER,
            target=objective.goal.words,
            settings={**walk.settings(), "tries": tries},
            seed=walk.seed,
        ),
    )


# Checks -----------------------------------------------------------------------------------------


def _check_room(shape: Shape, pictures: int, snapshots: int) -> None:
    """An error for more pictures than fit into memory."""
    needed = 4 * math.prod(shape) * pictures * (1 + snapshots)
    if needed > ROOM:
        raise ArgumentError(
            f"{pictures} pictures and {snapshots} snapshots of each would take "
            f"{needed / 2**30:.0f} GB: ask for fewer"
        )


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
        rate = optimizer.learning_rate
    if isinstance(rate, Real) and float(rate) > LARGEST:
        raise ArgumentError(f"the rate must be at most {LARGEST:g}, got {rate!r}")
    if isinstance(optimizer, Optimizer):
        return optimizer
    get_optimizer(optimizer)  # an error where there is none of this name
    return OPTIMIZERS[optimizer](CosineDecay(RATE, steps) if rate is None else rate)
