"""The embedding: how the network arranges pictures just before it decides, in two dimensions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ...data import Dataset
from ...engine.boundary import of_model
from ...engine.executor import each
from ...engine.graph import INPUT
from ...engine.input import as_array
from ...engine.layer import Array
from ...engine.model import Model
from ...errors import ArgumentError, unknown
from ..results import Provenance, Result
from .stream import batches, up_to

METHODS = ("pca", "tsne")
LEAST = 3
"""Pictures at least: fewer span no plane."""
ROOM = 1 << 30
"""Bytes that the features of all pictures may take."""
FEW = 50
"""t-SNE begins from this many principal components, as its authors do."""


@dataclass(frozen=True)
class Embedding(Result):
    """points: (N, 2). labels: (N,) class numbers, or None.

    explained: (2,), the share of the features' variance along each axis; None for t-SNE, whose
    axes and distances between far groups mean nothing.
    warnings: where the points say less than they seem to.
    """

    points: Array
    labels: Array | None
    explained: Array | None
    warnings: tuple[str, ...]
    provenance: Provenance


@of_model
def embedding(
    model: Model,
    x: Any,
    labels: Any = None,
    *,
    node: str | None = None,
    method: str = "pca",
    seed: int = 0,
) -> Embedding:
    """The features of a node, one vector a picture, laid out in two dimensions.

    x: pictures (N, …), a `Dataset` (whose labels are taken where none are given), or an iterator of
    chunks. node: None is the penultimate layer, what the last layer with weights reads. The output
    of a node with rows and cols is one long vector.

    method "pca": with F (N, d) the centred features and F = U S Vᵀ, points = F [v₁ v₂]: the two
    directions of most variance (Pearson 1901). The sign of each v is such that its largest entry by
    size is positive, so the same pictures give the same points.
    method "tsne": van der Maaten and Hinton 2008, by scikit-learn, begun from the PCA and at most
    50 components; `seed` is its random state. Perplexity 30, or (N − 1) / 3 for few pictures.

    Raises `ArgumentError` for an unknown node or method, labels that do not fit, fewer than three
    pictures, features of more than a gigabyte, and t-SNE without scikit-learn.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS, "embedding")
    name = _penultimate(model) if node is None else model.node(node).name
    if labels is None and isinstance(x, Dataset):
        labels = x.y
    features = _features(model, x, name)
    if labels is not None:
        labels = _checked(labels, len(features))
    points, shares, components = _pca(features)
    explained: Array | None = shares
    warnings = _degenerate(points)
    if method == "tsne" and not warnings:
        points, explained = _tsne(components, seed).astype(features.dtype), None
    made = Provenance.of(
        model, "embedding", node=name, settings={"method": method, "pictures": len(features)},
        seed=seed if method == "tsne" else None,
    )  # fmt: skip
    return Embedding(points, labels, explained, warnings, made)


def _penultimate(model: Model) -> str:
    """What the last layer with weights reads, on the way back from the scores."""
    name = model.logits_name
    while name != INPUT:
        node = model.node(name)
        if node.layer.params and node.inputs[0] != INPUT:
            return node.inputs[0]
        name = node.inputs[0]
    raise ArgumentError(
        "no layer lies between the input and the last layer with weights: name a node"
    )


def _features(model: Model, x: Any, name: str) -> Array:
    """(N, numbers) of a node's output."""
    part, rows, size = up_to(model, name), [], math.prod(model.shapes[name])
    for start, batch in batches(part, x, (name,)):
        if 4 * size * (start + len(batch)) > ROOM:
            raise ArgumentError(
                f"the features of node {name!r}, {size:,} numbers a picture, take more than a "
                "gigabyte: give fewer pictures or a later node"
            )
        rows.append(part.run(batch, keep=(name,))[name].y.reshape(len(batch), -1))
    features = np.concatenate(rows)
    if len(features) < LEAST:
        raise ArgumentError(f"an embedding needs at least {LEAST} pictures, got {len(features)}")
    return features


def _checked(labels: Any, count: int) -> Array:
    """(N,) whole class numbers."""
    labels = as_array(labels, "labels")
    if labels.shape != (count,) or labels.dtype.kind not in "ui" or labels.min() < 0:
        raise ArgumentError(
            f"labels must be {count} class numbers, one for each picture, got an array of "
            f"{labels.dtype} and shape {labels.shape}"
        )
    return labels.astype(np.int64)


def _pca(features: Array) -> tuple[Array, Array, Array]:
    """(points (N, 2), shares of the variance (2,), up to FEW components (N, …) in float64)."""
    centred = features.astype(np.float64)
    centred -= centred.mean(axis=0)
    # `each` holds BLAS to one thread: its own are ten times slower at matrices of this size where
    # anything else runs beside them.
    _, sizes, axes = each([partial(np.linalg.svd, centred, full_matrices=False)])[0]
    axes = axes[:FEW]
    largest = np.abs(axes).argmax(axis=1)
    axes *= np.where(axes[np.arange(len(axes)), largest] < 0, -1.0, 1.0)[:, None]
    components = centred @ axes.T
    points = np.zeros((len(features), 2))
    points[:, : components.shape[1]] = components[:, :2]
    shares = np.zeros(2)
    variance = sizes**2
    if variance.sum() > 0:
        shares[: len(variance[:2])] = variance[:2] / variance.sum()
    return points.astype(features.dtype), shares.astype(features.dtype), components


def _degenerate(points: Array) -> tuple[str, ...]:
    """Whether the points lie on one spot or on one line."""
    width = np.ptp(points, axis=0)
    if not width.any():
        return ("all pictures have the same features: the network sees no difference, or the "
                "pictures are one",)  # fmt: skip
    if width[1] <= 1e-6 * width[0]:
        return ("the features differ in one direction alone: the points lie on a line",)
    return ()


def _tsne(components: Array, seed: int) -> Array:
    """(N, 2) by scikit-learn."""
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        raise ArgumentError(
            'method="tsne" needs scikit-learn: pip install scikit-learn, or use method="pca"'
        ) from None
    perplexity = min(30.0, (len(components) - 1) / 3)
    layout = TSNE(2, perplexity=perplexity, init="pca", random_state=seed)
    points: Array = layout.fit_transform(components)
    return points
