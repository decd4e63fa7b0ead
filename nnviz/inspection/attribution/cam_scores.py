"""Class activation maps whose weights are read from runs: of pictures seen through the channels,
or of the network with channels taken away.

Masks are made one channel after the other and go through the network as they come, many at a time,
so memory does not grow with the number of channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import tee
from typing import Any

import numpy as np

from ...engine.channels import without_channels
from ...engine.layer import Array
from ...engine.model import Model
from ..results import Attribution
from .baseline import blurred
from .cam import PLACES, AtNode, positive, varies, weighted
from .checks import choice, generator, number, whole_number
from .draws import noisy, without_noise
from .methods import method
from .question import BATCH_BYTES

CAUSE = (
    "no channel of this node answers differently at different places, so no mask can be made of "
    "it; try another node"
)
Points = Callable[[Array], list[Array]]
"""A mask (N, rows, cols, 1) as the pictures (N, rows, cols, channels) that are seen through it."""


@method("cam", reference="Wang et al. 2020, arXiv:1910.01279", needs=PLACES, cost="channels f")
def score_cam(model: Model, x: Any, target: Any = None, *, node: str | None = None) -> Attribution:
    """L = max(Σ_k w_k A_k, 0) with w = softmax over k of S(x · H_k), H_k channel k placed on the
    picture and brought to 0 … 1, H = (A − min A) / (max A − min A).

    A channel weighs what the target keeps when only its places are shown. The score of the black
    picture that the paper subtracts is the same for all k and cancels in the softmax. The mask is
    applied to the network's input: 0 is black, or the mean colour where `Model.input` subtracts
    one. A channel that is the same everywhere can make no mask and is left out of the sum.
    values, at_node, node: as for `grad_cam`. Wang et al. 2020, algorithm 1, arXiv:1910.01279, who
    stretch the channels corner to corner; here they are placed by the receptive fields' centres.
    """
    here = AtNode.of(model, x, target, "score_cam", node)
    maps, scores = here.look()
    return _by_masks(here, maps, scores, lambda mask: [here.question.x * mask])


@method("cam", reference="Wang et al. 2020, arXiv:1910.01279", needs=PLACES, cost="most f")
def fast_score_cam(
    model: Model, x: Any, target: Any = None, *, node: str | None = None, most: int = 10
) -> Attribution:
    """Score-CAM of the `most` channels that vary most over the picture: L = max(Σ_k w_k A_k, 0),
    the sum and the softmax over those channels alone.

    With `most` at the number of channels or above it is `score_cam`. Ties go to the lower channel.
    values, at_node, node: as for `grad_cam`. The choice by variance is that of the "faster"
    Score-CAM of the Keras tools; Wang et al. 2020, arXiv:1910.01279.
    """
    most = whole_number(most, "most", "fast_score_cam")
    here = AtNode.of(model, x, target, "fast_score_cam", node)
    maps, scores = here.look()
    spread = maps.var(axis=(1, 2))
    first = np.argsort(-spread, axis=1, kind="stable")[:, :most]
    maps = np.take_along_axis(maps, first[:, None, None], axis=3)
    settings = {"most": most}
    return _by_masks(here, maps, scores, lambda mask: [here.question.x * mask], settings=settings)


@method("cam", reference="Wang et al. 2020, arXiv:2006.14255", needs=PLACES,
        cost="channels·samples f")  # fmt: skip
def ss_cam(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    node: str | None = None,
    smooth: str = "channels",
    samples: int = 10,
    noise: float = 0.1,
    seed: int = 0,
) -> Attribution:
    """Score-CAM with each score the mean over noisy copies: w = softmax over k of
    (1 / samples) Σ_i S(x · H(A_k + ε_i)), or Σ_i S((x + ε_i) · H(A_k)).

    smooth: "channels" (the paper's first form) or "input" (its second). noise: the standard
    deviation of ε, as a share of the range max − min of the channel (of the picture); the paper's
    fixed 2 means something else in every network. ε depends on the seed alone.
    values, at_node, node: as for `score_cam`. Wang, Naidu, Michael, Kundu 2020,
    arXiv:2006.14255.
    """
    choice(smooth, "smooth", "ss_cam", ("channels", "input"))
    samples, noise = whole_number(samples, "samples", "ss_cam"), number(noise, "noise", "ss_cam")
    rng = generator(seed, "ss_cam")
    here = AtNode.of(model, x, target, "ss_cam", node)
    maps, scores = here.look()
    base = maps if smooth == "channels" else here.question.x
    axes = (1, 2) if smooth == "channels" else (1, 2, 3)
    copies = noisy(base, noise, rng, samples, axes)
    flat = without_noise(base, noise) if smooth == "input" else ()
    settings = {"smooth": smooth, "samples": samples, "noise": noise}
    if smooth == "channels":
        return _by_masks(
            here, maps, scores, lambda mask: [here.question.x * mask], copies, settings, seed
        )
    seen = list(copies)
    return _by_masks(
        here, maps, scores, lambda mask: [c * mask for c in seen], None, settings, seed, flat
    )


@method("cam", reference="Naidu et al. 2020, arXiv:2010.03023", needs=PLACES,
        cost="channels·steps f")  # fmt: skip
def is_cam(
    model: Model, x: Any, target: Any = None, *, node: str | None = None, steps: int = 10
) -> Attribution:
    """Score-CAM with each score integrated from black to the masked picture: w = softmax over k of
    (1 / steps) Σ_{i = 1 … steps} S((i / steps) · x · H_k).

    values, at_node, node: as for `score_cam`. Naidu, Ghosh, Maurya, Nayak, Kundu 2020,
    arXiv:2010.03023. Read as the integral that the paper is named for; adding the scaled pictures
    up, as its sum can also be read, would show pictures several times as bright as x.
    """
    steps = whole_number(steps, "steps", "is_cam")
    here = AtNode.of(model, x, target, "is_cam", node)
    maps, scores = here.look()
    shares = [np.asarray(i / steps, maps.dtype) for i in range(1, steps + 1)]

    def points(mask: Array) -> list[Array]:
        seen = here.question.x * mask
        return [seen * share for share in shares]

    return _by_masks(here, maps, scores, points, settings={"steps": steps})


@method("cam", reference="Zhang et al. 2021, arXiv:2103.13859", needs=PLACES,
        cost="1 b + groups f")  # fmt: skip
def group_cam(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    node: str | None = None,
    groups: int = 32,
    keep: float = 30.0,
    blur: float | None = None,
) -> Attribution:
    """L = max(Σ_j w_j M_j, 0) with w_j = S(x · M_j + x̃ · (1 − M_j)) − S(x̃), x̃ the blurred picture.

    M_j: the mask of group j, max(Σ_{k in j} α_k A_k, 0) with Grad-CAM's α_k, of which the largest
        `keep` percent are kept and the rest set to 0, placed on the picture and brought to 0 … 1.
    groups: how many, of neighbouring channels and equal size (the last may be smaller). blur:
    standard deviation of the Gaussian, in pixels; None for a tenth of the picture's shorter side,
    one pixel at least. A w_j within rounding of 0 is 0.
    values: L itself, at the picture's size. node: as for `grad_cam`. Zhang, Rao, Yang 2021, section
    3, arXiv:2103.13859. S is the target as given (for a class its logit; the authors' program takes
    the probability: `target=Probability(c)`).
    """
    groups = whole_number(groups, "groups", "group_cam")
    keep = number(keep, "keep", "group_cam", most=100, above=True)
    width = None if blur is None else number(blur, "blur", "group_cam", most=1000, above=True)
    here = AtNode.of(model, x, target, "group_cam", node)
    question = here.wide  # the weights are differences, as in `ablation_cam`
    maps, slopes, scores = here.walk()
    shares = maps * slopes.mean(axis=(1, 2), keepdims=True)
    size = -(-maps.shape[-1] // groups)
    starts = np.arange(0, maps.shape[-1], size)
    joined = positive(np.add.reduceat(shares, starts, axis=-1))
    least = np.percentile(joined, 100 - keep, axis=(1, 2), keepdims=True)
    joined *= joined > least if keep < 100 else joined >= least
    sigma = max(min(question.x.shape[1:3]) / 10, 1.0) if width is None else width
    soft = blurred(question.x, sigma, "reflect")
    masks, again = tee(_masks(here, joined))
    seen = (soft + (question.x - soft) * m[..., None] for m in masks)
    (base,) = question.scores([soft])
    map_ = np.zeros_like(question.x[..., 0])
    for mask, score in zip(again, question.scores(seen), strict=True):
        # A mask that changes nothing has a weight of 0, and not of what rounding makes of it.
        sure = np.abs(score - base) > 100 * np.finfo(base.dtype).eps * np.abs(base)
        map_ += (sure * (score - base))[:, None, None] * mask
    settings = {"groups": groups, "keep": keep, "blur": width}
    cause = (
        "no group of channels raises the target above that of the blurred picture; try another "
        "node, or a wider blur"
    )
    return here.question.answer(
        positive(map_), scores=scores, node=here.name, cause=cause, settings=settings
    )


@method("cam", reference="Desai and Ramaswamy 2020, doi:10.1109/WACV45572.2020.9093360",
        needs=PLACES, cost="2 f + channels f after the node")  # fmt: skip
def ablation_cam(
    model: Model, x: Any, target: Any = None, *, node: str | None = None
) -> Attribution:
    """L = max(Σ_k w_k A_k, 0) with w_k = S − S_k, S_k the target with channel k set to 0.

    The pictures are run whole, then for each channel only what that channel changes (see
    `engine.channels`), in float64, since each w_k is a small difference. The paper divides by S,
    which scales each picture's map, and turns its sign where S is negative: left out, so that w_k
    is what the channel adds to the target.
    values, at_node, node: as for `grad_cam`. Desai and Ramaswamy 2020,
    doi:10.1109/WACV45572.2020.9093360.
    """
    here = AtNode.of(model, x, target, "ablation_cam", node)
    maps, scores = here.look()
    return here.answer(positive(weighted(maps, _drops(here))), scores)


# How the weights come about -------------------------------------------------------------------


def _by_masks(
    here: AtNode,
    maps: Array,
    scores: Array,
    points: Points,
    copies: Iterator[Array] | None = None,
    settings: dict[str, Any] | None = None,
    seed: int | None = None,
    warnings: tuple[str, ...] = (),
) -> Attribution:
    """max(Σ_k w_k A_k, 0) with w the softmax of the mean scores of what is seen through the masks.

    copies: variants of the maps to make masks of; None for the maps themselves.
    """
    channels, runs = maps.shape[-1], 0
    total = np.zeros((channels, len(maps)))
    for variant in [maps] if copies is None else copies:
        seen = (p for mask in _masks(here, variant) for p in points(mask[..., None]))
        results = np.stack(list(here.question.scores(seen)))  # (channels · points, N)
        total += results.reshape(channels, -1, len(maps)).sum(axis=1, dtype=np.float64)
        runs += len(results) // channels
    mean = total.T / runs
    there = varies(maps)[:, 0, 0]
    top = np.where(there, mean, -np.inf).max(axis=1, keepdims=True)
    powers = np.exp(mean - np.where(np.isfinite(top), top, 0)) * there
    weights = powers / np.maximum(powers.sum(axis=1, keepdims=True), 1)
    return here.answer(
        positive(weighted(maps, weights)),
        scores,
        cause=CAUSE,
        settings=settings,
        seed=seed,
        warnings=warnings + _alike(mean, there),
    )


def _alike(mean: Array, there: Array) -> tuple[str, ...]:
    """Warnings where all channels weigh the same, so that the target plays no part."""
    found = []
    for i, (row, counts) in enumerate(zip(mean, there, strict=True)):
        if counts.sum() > 1 and np.ptp(row[counts]) <= 1e-6 * np.abs(row).max():
            place = f"picture {i}: " if len(mean) > 1 else ""
            found.append(
                f"{place}every channel scores the same, so the map is the channels' mean and says "
                "nothing of the target; try another node, or another class"
            )
    return tuple(found)


def _masks(here: AtNode, maps: Array) -> Iterator[Array]:
    """For each channel in order: (N, rows, cols), placed on the picture and brought to 0 … 1; all 0
    where it is the same everywhere."""
    n, rows, cols, channels = maps.shape
    there = varies(maps)[:, 0, 0, :, None, None]
    group = max(1, BATCH_BYTES // max(1, here.question.x.nbytes))
    for first in range(0, channels, group):
        some = maps[..., first : first + group].transpose(3, 0, 1, 2)
        placed = here.placed(some.reshape(-1, rows, cols))
        placed -= placed.min(axis=(1, 2), keepdims=True)
        high = placed.max(axis=(1, 2), keepdims=True)
        placed /= np.where(high > 0, high, 1)
        placed = placed.reshape(len(some), n, *placed.shape[1:])
        for k, mask in enumerate(placed, first):
            yield (mask * there[:, k]).astype(here.question.x.dtype, copy=False)


def _drops(here: AtNode) -> Array:
    """(N, channels): how far the target falls without each channel; only what it changes is run
    again, several channels of several pictures at a time."""
    question, model, name = here.question, here.model, here.name
    most = here.wide.most_traces()
    channels = model.shapes[name][-1]
    drops = np.empty((len(question), channels))
    for start in range(0, len(question), most):
        rows = list(range(start, min(len(question), start + most)))
        n = len(rows)
        trace = model.run(question.x[rows].astype(np.float64), prepared=True)
        goal = question.goal.take(rows)
        before = goal.values({node: trace[node].y for node in goal.nodes})
        copies = min(channels, max(1, min(most, 256) // n))
        for first in range(0, channels, copies):
            ks = range(first, min(channels, first + copies))
            found = without_channels(model, trace, name, ks, goal.nodes)
            many = question.goal.take(rows * len(ks))
            values = many.values({node: y.reshape(-1, *y.shape[2:]) for node, y in found.items()})
            drops[rows, first : ks.stop] = (before - values.reshape(len(ks), n)).T
    return drops
