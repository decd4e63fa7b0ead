"""`visualize_activation`: the picture that makes a filter answer most, by keras-vis's own loss."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...engine.layer import Array
from ...engine.model import Model
from ...errors import ArgumentError
from ...inspection.attribution.checks import LARGEST, generator, is_number, number, whole_number
from ...inspection.attribution.question import Question
from ...inspection.attribution.rules import rule_set
from ...inspection.maximize import LpNorm, Prior, TotalVariation, Transform
from ...inspection.maximize.objective import is_sequence_of
from ...inspection.maximize.transforms import Jitter as Move
from ...inspection.maximize.transforms import Linear, Size, drawn
from ...training.optimizers import RMSProp
from .maps import backprop_rule
from .modifiers import grad_modifier as gradient_of
from .modifiers import one_picture, refuse_tensor
from .view import ModelView, view

OWNER = "visualize_activation"
DEFAULT_RANGE = (0, 255)


@dataclass(frozen=True)
class Jitter(Transform):
    """Move by up to `jitter` pixels, or that share of the picture where it is below 1, and back."""

    jitter: float = 0.05

    def __post_init__(self) -> None:
        number(self.jitter, "jitter", "Jitter", most=4096)

    def draw(self, rng: np.random.Generator, size: Size) -> Linear:
        most = self.jitter * max(size) if self.jitter < 1 else self.jitter
        return Move(round(most)).draw(rng, size)


def visualize_activation(
    model: Model | ModelView,
    layer_idx: int,
    filter_indices: Any = None,
    wrt_tensor: Any = None,
    seed_input: Any = None,
    input_range: Sequence[float] = (0, 255),
    backprop_modifier: str | None = None,
    grad_modifier: Any = None,
    act_max_weight: float = 1,
    lp_norm_weight: float = 10,
    tv_weight: float = 10,
    max_iter: int = 200,
    input_modifiers: Sequence[Transform] | None = (),
    callbacks: Any = (),
    verbose: bool = False,
    *,
    seed: int = 0,
) -> Array:
    """The picture (rows, cols, channels), in `input_range`, of the least

        L = − act · Σ mean activation + lp · (Σ |x|⁶)^(1/6) / size + tv · Σ (d² + a²) / size

    that RMSProp (decay 0.95) finds in `max_iter` steps along the gradient of Euclidean length 1.

    It begins with `seed_input`, or with noise around the middle of the range, 5 % of it wide; the
    ends of the range are what the network knows as pixels 0 and 1. d, a: the steps to the pixels
    below and beside. filter_indices: one or several; None for all. input_modifiers: such as
    `Jitter(16)`. callbacks: functions (or objects with a `callback`) of (step, [(name, loss)], L,
    gradient, picture). verbose: print the losses.
    """
    if _is_pair(seed_input):  # the release has no wrt_tensor: all that follows came too early
        backprop_modifier, grad_modifier = _of_the_release(
            input_range, backprop_modifier, grad_modifier
        )
        seed_input, input_range = None, seed_input
    if wrt_tensor is not None and seed_input is None and not isinstance(wrt_tensor, str):
        wrt_tensor, seed_input = None, wrt_tensor
    refuse_tensor(wrt_tensor)
    seen = view(model)
    low, high = _range(input_range)
    steps = whole_number(max_iter, "max_iter", OWNER)
    moves, calls = _modifiers(input_modifiers), _callbacks(callbacks)
    shape, rng = seen.model.input.shape, generator(seed, OWNER)
    x = (low + high) / 2 + 0.05 * (high - low) * rng.standard_normal((1, *shape))
    x = x if seed_input is None else one_picture(seen.model, seed_input)
    x = x.astype(np.float32).clip(low, high)
    act = number(act_max_weight, "act_max_weight", OWNER, least=-LARGEST)
    loss = _Loss.of(seen, layer_idx, filter_indices, x, (low, high), backprop_modifier)
    loss = replace(loss, act=act, priors=_priors(lp_norm_weight, tv_weight))
    shown = [*calls, _say] if verbose else calls
    return _descent(loss, x, rng, moves, gradient_of(grad_modifier), steps, shown)


def _descent(
    loss: _Loss,
    x: Array,
    rng: np.random.Generator,
    moves: tuple[Transform, ...],
    modify: Callable[[Array], Array],
    steps: int,
    callbacks: list[Any],
) -> Array:
    """RMSProp on the loss, in place on x (1, rows, cols, channels); the best picture of it."""
    low, high = loss.ends
    optimizer = RMSProp((high - low) / 255, rho=0.95)
    best, least = x.copy(), np.inf
    for step in range(steps):
        maps = drawn(moves, rng, (x.shape[1], x.shape[2]))
        losses, gradient = loss(x, maps)
        total = sum(value for _, value in losses)
        gradient = modify(gradient)
        if total < least:
            best, least = x.copy(), total
        for callback in callbacks:
            callback(step, losses, total, gradient[0], x[0].copy())
        optimizer.apply({"picture": x}, {"picture": gradient})
        np.clip(x, low, high, out=x)
    return best[0]


def _say(step: int, losses: list[tuple[str, float]], *_: Any) -> None:
    """What `verbose` prints."""
    print(f"step {step + 1}: {', '.join(f'{name} {value:.4g}' for name, value in losses)}")


@dataclass(frozen=True)
class _Loss:
    """keras-vis's loss with its gradient, for a picture in `input_range`."""

    question: Question
    rule_for: Any
    ends: tuple[float, float]
    act: float = 1.0
    priors: tuple[Prior, ...] = ()

    @classmethod
    def of(
        cls, model: ModelView, layer_idx: int, filters: Any, x: Array, ends: Any, rule: Any
    ) -> _Loss:
        target = model.target(layer_idx, filters)
        question = Question.of(model.model, x, target, "visualize_activation")
        rule_for, told = rule_set(model.model, backprop_rule(rule))
        for warning in told:
            warnings.warn(warning, stacklevel=3)
        return cls(question, rule_for, ends)

    def __call__(self, x: Array, maps: list[Linear]) -> tuple[list[tuple[str, float]], Array]:
        """The named losses, and the gradient of their sum, of length 1."""
        spec, (low, high) = self.question.model.input, self.ends
        shown = (x - low) / (high - low)
        for map_ in maps:
            shown = map_.forward(shown)
        points = spec.prepare(shown.astype(np.float32, copy=False))
        walk = next(self.question.walks([points], rule_for=self.rule_for))
        slope = -self.act * spec.pixel_gradient(walk.gradient) / (high - low)
        for map_ in reversed(maps):
            slope = map_.backward(slope)
        losses = [("ActivationMax Loss", -self.act * float(walk.scores[0]))]
        for prior in self.priors:
            value, gradient = prior(x, np.zeros(x.shape[3], x.dtype))
            losses.append((type(prior).__name__, float(value[0])))
            slope = slope + gradient
        length = np.sqrt(np.square(slope, dtype=np.float64).sum())
        return losses, (slope / max(float(length), 1e-12)).astype(np.float32, copy=False)


def _priors(lp: float, tv: float) -> tuple[Prior, ...]:
    """Those that have a weight."""
    return tuple(p for p in (LpNorm(lp, 6.0), TotalVariation(tv, 2.0)) if p.weight)


def _is_pair(values: Any) -> bool:
    """Whether it is a range and no picture: two numbers."""
    pair = isinstance(values, Sequence | np.ndarray) and not isinstance(values, str)
    return pair and len(values) == 2 and all(is_number(end) for end in values)


def _of_the_release(second: Any, third: Any, fourth: Any) -> tuple[Any, Any]:
    """(backprop_modifier, grad_modifier), of what stands in the places of `input_range` and these
    two in a call of the release, in which all of them are one place further left.

    What was given by name, or not at all, is where it belongs.
    """
    if _is_pair(second) and tuple(second) == DEFAULT_RANGE:
        return third, fourth
    if not isinstance(second, str | None) or is_number(fourth) or None not in (third, fourth):
        raise ArgumentError(
            "this call could mean two things here and in keras-vis 0.4.1: give by name what "
            "follows the input_range"
        )
    return second, fourth if third is None else third


def _range(input_range: Any) -> tuple[float, float]:
    """(low, high), rising."""
    if not _is_pair(input_range):
        raise ArgumentError(f"input_range must be (low, high), got {input_range!r}")
    low, high = (number(end, "input_range", OWNER, least=-LARGEST) for end in input_range)
    if not low < high:
        raise ArgumentError(f"input_range must rise from low to high, got {input_range!r}")
    return low, high


def _modifiers(given: Any) -> tuple[Transform, ...]:
    """The transforms of the picture; None is none."""
    if given is not None and not is_sequence_of(given, Transform):
        raise ArgumentError(
            f"input_modifiers must be a list of transforms such as [Jitter(16)], got {given!r}"
        )
    return tuple(given or ())


def _callbacks(given: Any) -> list[Any]:
    """The functions to call at each step; None is none."""
    several = given if isinstance(given, Sequence) else [] if given is None else [given]
    calls = [getattr(c, "callback", c) for c in several]
    if not all(callable(c) for c in calls):
        raise ArgumentError(
            f"callbacks must be functions, or objects with a callback, got {given!r}"
        )
    return calls
