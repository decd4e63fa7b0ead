"""Kernels that are copies of one another, and kernels that are nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ...engine.layer import Array, Layer
from ...engine.layers import Conv2D, Conv2DTranspose, Dense, DepthwiseConv2D

ALIKE = 0.999
"""The cosine from which on two kernels point the same way."""
SAME_BIAS = 0.01
"""How far a copy's bias may be off, in lengths of its kernel."""


class Copy(NamedTuple):
    """`channel` is `scale` times `original`; cosine: of the angle between their kernels."""

    channel: int
    original: int
    scale: float
    cosine: float


def kernels(layer: Layer) -> tuple[Array, Array] | None:
    """A layer's kernels as rows (filters, numbers), and for each the group of inputs it reads;
    None where the layer has no filters."""
    if isinstance(layer, DepthwiseConv2D):
        weight = layer.params["weight"]
        kh, kw, channels, many = weight.shape
        rows = weight.transpose(2, 3, 0, 1).reshape(channels * many, kh * kw)
        return rows, np.arange(channels).repeat(many)
    if isinstance(layer, Conv2DTranspose):
        weight = layer.params["weight"].transpose(2, 0, 1, 3)
        return weight.reshape(len(weight), -1), np.zeros(len(weight), int)
    if isinstance(layer, Conv2D | Dense):
        rows = layer.params["weight"].reshape(-1, layer.params["weight"].shape[-1]).T
        groups = getattr(layer, "groups", 1)
        return rows, np.arange(groups).repeat(len(rows) // groups)
    return None


def copies(layer: Layer) -> Iterator[Copy]:
    """Every filter that is a copy of an earlier one, or a positive multiple of it.

    Filters i < j that read the same inputs are copies where cos(w_i, w_j) ≥ 0.999 and, with
    s = w_i·w_j / w_i·w_i, their biases agree: |b_j − s b_i| ≤ 0.01 ‖w_j‖. A negated kernel is no
    copy: behind a ReLU the two answer to opposite things, and networks learn such pairs on purpose
    (Shang et al. 2016, arXiv:1603.05201).
    """
    found = kernels(layer)
    if found is None:
        return
    rows, group = found[0].astype(np.float64), found[1]
    lengths = np.sqrt((rows**2).sum(axis=1))
    alive = lengths > 0
    unit = rows / np.where(alive, lengths, 1)[:, None]
    cosine = unit @ unit.T
    scale = cosine * lengths / np.where(alive, lengths, 1)[:, None]  # [i, j]: j as so much i
    alike = (cosine >= ALIKE) & (group[:, None] == group) & alive[:, None] & alive
    if "bias" in layer.params:
        bias = layer.params["bias"].astype(np.float64)
        alike &= np.abs(bias - scale * bias[:, None]) <= SAME_BIAS * lengths
    for j in range(1, len(rows)):
        earlier = np.flatnonzero(alike[:j, j])
        if len(earlier):
            i = int(earlier[0])
            yield Copy(j, i, float(scale[i, j]), float(min(cosine[i, j], 1.0)))


def empty(layer: Layer) -> Array:
    """The filters whose weights are all zero."""
    found = kernels(layer)
    return np.zeros(0, int) if found is None else np.flatnonzero(~found[0].any(axis=1))
