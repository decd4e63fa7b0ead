"""FullGrad: the target shared out over the picture and over every bias on the way.

A network of straight pieces is affine around the picture: S = ⟨∂S/∂x, x⟩ + Σ ⟨∂S/∂b, b⟩ over all
biases b, written or not (a batch normalization's shift, the offset of a curved activation's
tangent). What a bias adds has a place, since its node has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...engine.graph import INPUT, Node
from ...engine.layer import Array, Call
from ...engine.layers.activation import Linear
from ...engine.layers.blocks import DepthToSpace, SpaceToDepth
from ...engine.layers.conv import Conv2D
from ...engine.layers.dense import Dense
from ...engine.layers.dropout import Dropout, SpatialDropout2D
from ...engine.layers.merge import Add, Concatenate
from ...engine.layers.norm import BatchNormalization
from ...engine.layers.pool import AveragePooling2D, GlobalAveragePooling2D, MaxPooling2D
from ...engine.layers.rectifier import LeakyReLU, PReLU, ReLU
from ...engine.layers.reduction import GlobalMaxPooling2D
from ...engine.layers.reshape import BroadcastTo, Flatten, Permute, Reshape
from ...engine.layers.select import Gather, Slice
from ...engine.model import Model
from ...engine.trace import Trace
from ..anatomy.receptive import has_places, place_on_picture, receptive_field
from ..results import Attribution
from .cam import divided
from .checks import generator, number, whole_number
from .draws import Moments, noisy, without_noise
from .gap import relative_gap, total
from .goal import Goal
from .methods import method
from .question import Question
from .relevance import straight

UNBIASED = (
    Add, AveragePooling2D, Concatenate, Conv2D, Dense, Dropout, Flatten, GlobalAveragePooling2D,
    LeakyReLU, Linear, MaxPooling2D, PReLU, ReLU, SpatialDropout2D, BroadcastTo, DepthToSpace,
    Gather, GlobalMaxPooling2D, Permute, Reshape, Slice, SpaceToDepth,
)  # fmt: skip
"""Layers that give 0 for 0 along every straight line, but for a parameter named bias."""
CAUSE = (
    "neither the picture nor a bias on the way has a gradient; try another class, or a node before "
    "the head as target"
)


@dataclass(frozen=True)
class FullGradients:
    """The target, shared out; all terms add up to it, `rest` included.

    pixels: ∂S/∂x · x, (N, rows, cols, channels). biases: for each node that adds something of its
    own, what that does to the target, of the shape of the node's output. rest: (N,), what the
    target itself adds (0 for a logit). scores: (N,).
    """

    pixels: Array
    biases: dict[str, Array]
    rest: Array
    scores: Array

    @property
    def gap(self) -> Array:
        """(N,): (Σ terms − S) / S."""
        found = sum(map(total, self.biases.values()), self.rest + total(self.pixels))
        return relative_gap(found, self.scores)


@method("gradient", reference="Srinivas and Fleuret 2019, arXiv:1905.00780", cost="1 f + 1 b")
def full_grad(model: Model, x: Any, target: Any = None) -> Attribution:
    """M = ψ(∂S/∂x · x) + Σ_l ψ(∂S/∂b_l · b_l), with ψ(t) = Σ_k |t_k| brought to 0 … 1 over places
    and channels, and placed on the picture.

    l: every node with places that adds something of its own: a bias, a batch normalization's shift
        β − γ μ / √(σ² + ε), the offset y − f'(x) x of a curved activation.
    gap: (N,), how far the terms (with those of the nodes without places) miss the target, relative
    to it: rounding, in any network of this engine. values: (N, rows, cols), not negative.
    Srinivas and Fleuret 2019, sections 3 and 4, arXiv:1905.00780. ψ is scaled node by node, as in
    the authors' program; maps are placed by the receptive fields' centres, not stretched.
    """
    question = Question.of(model, x, target, "full_grad")
    shared = full_gradients(question)
    return question.answer(
        _map(question, shared), scores=shared.scores, gap=shared.gap, cause=CAUSE
    )


@method("gradient", reference="Srinivas and Fleuret 2019, arXiv:1905.00780",
        cost="samples f + samples b")  # fmt: skip
def smooth_full_grad(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    samples: int = 10,
    noise: float = 0.15,
    seed: int = 0,
) -> Attribution:
    """M = (1 / samples) Σ_i FullGrad(x + ε_i).

    noise: the standard deviation of ε, as a share of the picture's range max − min (in the
    network's input); ε depends on the seed alone. values: (N, rows, cols), not negative;
    error: the standard error of each value, where there are two samples or more. Srinivas and
    Fleuret 2019, arXiv:1905.00780, with the noise of Smilkov et al. 2017, arXiv:1706.03825.
    """
    samples = whole_number(samples, "samples", "smooth_full_grad")
    noise = number(noise, "noise", "smooth_full_grad")
    rng = generator(seed, "smooth_full_grad")
    question = Question.of(model, x, target, "smooth_full_grad")
    moments = Moments()
    for points in noisy(question.x, noise, rng, samples):
        moments.add(_map(question, full_gradients(question, points)))
    return question.answer(
        moments.mean,
        scores=question.score(),
        error=moments.error(),
        cause=CAUSE,
        settings={"samples": samples, "noise": noise},
        seed=seed,
        warnings=without_noise(question.x, noise),
    )


def full_gradients(question: Question, points: Array | None = None) -> FullGradients:
    """The target at the pictures (or at points in their place), shared out."""
    x = question.x if points is None else points
    most = question.most_traces(4)
    parts = []
    for part in replace(question, x=x).slices(most):
        parts.append(_shared_out(part.model, part.x, part.goal))
    return FullGradients(
        np.concatenate([p.pixels for p in parts]),
        {k: np.concatenate([p.biases[k] for p in parts]) for k in parts[0].biases},
        np.concatenate([p.rest for p in parts]),
        np.concatenate([p.scores for p in parts]),
    )


def _shared_out(model: Model, x: Array, goal: Goal) -> FullGradients:
    trace = model.run(x, prepared=True)
    outputs = {name: trace[name].y for name in goal.nodes}
    scores, seeds = goal.values(outputs), goal.seeds(outputs)
    tangent = sum((dy * outputs[k]).reshape(len(x), -1).sum(axis=1) for k, dy in seeds.items())
    speaking = [node for node in _before(model, goal) if _adds(node)]
    slopes = model.backward(trace, seeds, until=(INPUT, *(n.name for n in speaking)))
    biases = {n.name: np.concatenate(list(_own(n, slopes[n.name], trace))) for n in speaking}
    return FullGradients(slopes[INPUT] * trace.input, biases, scores - tangent, scores)


def _before(model: Model, goal: Goal) -> list[Node]:
    """The nodes that the target reads, directly or by others."""
    read = set(goal.nodes)
    for node in reversed(model.nodes):
        if node.name in read:
            read |= set(node.inputs)
    return [node for node in model.nodes if node.name in read]


def _adds(node: Node) -> bool:
    """Whether a node adds something of its own to what it is given."""
    return "bias" in node.layer.params or not straight(node.layer, UNBIASED)


def _own(node: Node, slopes: Array, trace: Trace) -> Iterator[Array]:
    """For each chunk: the gradient times what the node adds of its own, like the node's output."""
    layer = node.layer
    for rows, call in zip(trace.chunks, trace.calls[node.name], strict=True):
        dy = slopes[rows]
        if "bias" in layer.params:
            yield dy * layer.param("bias", dy.dtype)
        elif isinstance(layer, BatchNormalization):
            mean, variance = layer.buffers["moving_mean"], layer.buffers["moving_variance"]
            scale = layer.params["gamma"] / np.sqrt(variance.astype(np.float64) + layer.epsilon)
            yield dy * (layer.params["beta"] - scale * mean).astype(dy.dtype)
        else:
            yield _offset(dy, call, layer.backward(dy, call))


def _offset(dy: Array, call: Call, dx: Array | tuple[Array, ...]) -> Array:
    """dy · y − Σ dx · x, place by place where the inputs have the output's shape, and otherwise
    as one number a picture, laid evenly."""
    found = dy * call.y
    for gradient, x in zip(dx if isinstance(dx, tuple) else (dx,), call.xs, strict=True):
        part = gradient * x
        if part.shape == found.shape:
            found = found - part
        else:
            total = part.reshape(len(part), -1).sum(axis=1) / found[0].size
            found = found - total.reshape(-1, *(1,) * (found.ndim - 1))
    return found


def _map(question: Question, shared: FullGradients) -> Array:
    """ψ of all terms with places, added up on the picture."""
    total = _scaled(shared.pixels)
    for name, term in shared.biases.items():
        if term.ndim == 4 and has_places(receptive_field(question.model, name)):
            total = total + place_on_picture(question.model, name, _scaled(term))
    return total


def _scaled(term: Array) -> Array:
    """Σ_k |t_k|, with |t| brought to 0 … 1: (N, r, c, channels) -> (N, r, c)."""
    size = np.abs(term)
    size = size - size.min(axis=(1, 2, 3), keepdims=True)
    return divided(size, size.max(axis=(1, 2, 3), keepdims=True)).sum(axis=-1)
