"""Class activation maps without weights: what the channels have in common, or where they are
unusually strong. All but `eigen_grad_cam` leave the target aside: they show what the network sees
in the picture, not why it decided so."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ...engine.executor import each
from ...engine.layer import Array
from ...engine.model import Model
from ...errors import ArgumentError
from ..results import Attribution
from .cam import PLACES, AtNode, positive, varies
from .checks import choice, number
from .methods import method

MOST_PLACES = 4096
"""Kernel PCA compares every place with every other one."""
KERNELS = ("sigmoid", "rbf", "linear")
CAUSE = "the node's channels are zero everywhere, or the same everywhere; try another node"


@method(
    "cam",
    reference="Muhammad and Yeasin 2020, arXiv:2008.00299",
    targeted=False,
    needs=PLACES,
    cost="1 f",
)
def eigen_cam(model: Model, x: Any, target: Any = None, *, node: str | None = None) -> Attribution:
    """L = max(A v, 0), with A (places, channels) = U Σ Vᵀ and v the first column of V.

    The singular vector's sign is free: it is taken so that L agrees with the plain sum of the
    channels, ⟨L, Σ_k A_k⟩ ≥ 0. After a ReLU all of A v is then positive and nothing is cut off. The
    channels are not centred, as in the paper. The target plays no part.
    values, at_node, node: as for `grad_cam`. Muhammad and Yeasin 2020,
    arXiv:2008.00299.
    """
    here = AtNode.of(model, x, target, "eigen_cam", node)
    maps, scores = here.look()
    return here.answer(positive(first_component(maps)), scores, cause=CAUSE)


@method("cam", reference="Gildenblat 2021, after arXiv:2008.00299", needs=PLACES,
        cost="1 f + 1 b")  # fmt: skip
def eigen_grad_cam(
    model: Model, x: Any, target: Any = None, *, node: str | None = None
) -> Attribution:
    """L = max(X v, 0), with X = g · A (places, channels), place by place, and v its first right
    singular vector.

    Eigen-CAM of the channels times the target's gradient for them, so that the class plays its
    part. The sign is taken so that L agrees with HiRes-CAM, ⟨L, Σ_k X_k⟩ ≥ 0; X is not centred.
    values, at_node, node: as for `grad_cam`. Known from the library of Gildenblat et al. 2021,
    after Muhammad and Yeasin 2020, arXiv:2008.00299; it has no paper.
    """
    here = AtNode.of(model, x, target, "eigen_grad_cam", node)
    maps, slopes, scores = here.walk()
    return here.answer(positive(first_component(slopes * maps)), scores)


@method(
    "cam",
    reference="Karmani et al. 2024, arXiv:2410.00267",
    targeted=False,
    needs=PLACES,
    cost="1 f",
)
def kpca_cam(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    node: str | None = None,
    kernel: str = "sigmoid",
    gamma: float | None = None,
) -> Attribution:
    """L = max(√λ u, 0), with λ and u the largest eigenvalue and its vector of the centred kernel
    matrix K̃ = (1 − 1/Z) K (1 − 1/Z), K[p, q] = k(a_p, a_q), a_p the channels' values at place p.

    kernel: "sigmoid" tanh(γ ⟨a, b⟩ + 1), "rbf" exp(−γ |a − b|²) or "linear" ⟨a, b⟩. gamma: γ; None
    for 1 / channels; where the sigmoid is full at most places (large channels), a smaller one shows
    more. The sign is taken as for `eigen_cam`; what lies below the mean of the picture is cut off.
    The target plays no part. Memory grows with Z², so Z is held to 4096.
    values, at_node, node: as for `grad_cam`. Karmani et al. 2024, arXiv:2410.00267;
    kernel PCA: Schölkopf, Smola, Müller 1998.
    """
    choice(kernel, "kernel", "kpca_cam", KERNELS)
    slope = None if gamma is None else number(gamma, "gamma", "kpca_cam", above=True)
    here = AtNode.of(model, x, target, "kpca_cam", node)
    rows, cols, channels = model.shapes[here.name]
    if rows * cols > MOST_PLACES:
        raise ArgumentError(
            f"kpca_cam compares all {rows * cols} places of node {here.name!r} with each other, "
            f"and {MOST_PLACES} is the most: choose a later node"
        )
    maps, scores = here.look()
    made = each([partial(_kernel_component, m, kernel, slope or 1 / channels) for m in maps])
    at_node = np.stack(made)
    settings = {"kernel": kernel, "gamma": gamma}
    return here.answer(positive(at_node), scores, cause=CAUSE, settings=settings)


@method("cam", reference="Fuad et al. 2020, doi:10.1109/IPTA50016.2020.9286629", targeted=False,
        needs=PLACES,
        cost="1 f")  # fmt: skip
def fem(
    model: Model, x: Any, target: Any = None, *, node: str | None = None, k: float = 2.0
) -> Attribution:
    """L = max(Σ_j μ_j B_j, 0) with B_j[r, c] = 1 where A_j[r, c] ≥ μ_j + k σ_j, else 0.

    μ_j, σ_j: mean and (population) standard deviation of channel j over its places. The strong
    places of every channel, weighed by how much the channel answers at all. A channel that is the
    same everywhere has none. The target plays no part.
    values, at_node, node: as for `grad_cam`. Fuad, Martin, Giot, Bourqui, Benois-Pineau, Zemmari
    2020, doi:10.1109/IPTA50016.2020.9286629; they scale each map to 0 … 1.
    """
    k = number(k, "k", "fem")
    here = AtNode.of(model, x, target, "fem", node)
    maps, scores = here.look()
    mean, spread = (f(maps, axis=(1, 2), keepdims=True) for f in (np.mean, np.std))
    strong = (maps >= mean + k * spread) & varies(maps)
    cause = f"no channel that answers has a place {k:g} deviations above its mean; try a smaller k"
    at_node = positive((mean * strong).sum(axis=-1))
    return here.answer(at_node, scores, cause=cause, settings={"k": k})


def first_component(maps: Array) -> Array:
    """The projection of every place on the first right singular vector: (N, r, c, channels) ->
    (N, r, c), with the sign of the sum over channels."""
    flat = maps.reshape(len(maps), -1, maps.shape[-1])
    made = each([partial(_projected, table) for table in flat])
    return _signed_like(np.stack(made).reshape(maps.shape[:3]), maps)


def _projected(table: Array) -> Array:
    """A v with v the first right singular vector of A (places, channels)."""
    if table.shape[1] <= table.shape[0]:
        return table @ np.linalg.eigh(table.T @ table)[1][:, -1]
    # By way of the smaller matrix: A v = σ u.
    sizes, vectors = np.linalg.eigh(table @ table.T)
    return np.sqrt(max(sizes[-1], 0)) * vectors[:, -1]


def _kernel_component(maps: Array, kernel: str, gamma: float) -> Array:
    """Kernel PCA's first component of one picture: (r, c, channels) -> (r, c)."""
    rows, cols, channels = maps.shape
    flat = maps.reshape(-1, channels)
    table = flat @ flat.T
    if kernel == "sigmoid":
        table = np.tanh(gamma * table + 1)
    elif kernel == "rbf":
        square = np.diag(table)
        table = np.exp(-gamma * np.maximum(square[:, None] + square - 2 * table, 0))
    if not varies(maps[None]).any():
        return np.zeros((rows, cols))  # all places alike: rounding alone would speak
    table = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
    sizes, vectors = np.linalg.eigh((table + table.T) / 2)
    map_ = np.sqrt(max(sizes[-1], 0)) * vectors[:, -1].reshape(1, rows, cols)
    return _signed_like(map_, maps[None])[0]


def _signed_like(map_: Array, maps: Array) -> Array:
    """L or −L: the one that agrees with the sum of the channels, and where they are at right angles
    the one whose largest value is positive."""
    flat = map_.reshape(len(map_), -1)
    agrees = (map_ * maps.sum(axis=-1, dtype=np.float64)).sum(axis=(1, 2))
    largest = np.take_along_axis(flat, np.abs(flat).argmax(axis=1)[:, None], axis=1)[:, 0]
    sign = np.sign(np.where(agrees != 0, agrees, largest))
    return map_ * sign[:, None, None]
