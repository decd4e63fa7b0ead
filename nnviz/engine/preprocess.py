"""How the world prepares pictures: the usual ways by name, and any other by its numbers.

A network from elsewhere was trained on pictures that somebody had prepared, and its file does not
say how. What is said here goes into `Model.input`, travels with the model, and is applied to plain
pixels at every run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from ..errors import ArgumentError, unknown
from .input import InputSpec, as_array

Numbers = float | Sequence[float]


@dataclass(frozen=True)
class Preparation:
    """One way to prepare pixels, in the words of `InputSpec`, and for people."""

    what: str
    value_range: tuple[float, float] = (0.0, 1.0)
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    channel_order: str = "RGB"


PREPARATIONS: Mapping[str, Preparation] = MappingProxyType({
    "imagenet": Preparation(
        "RGB, 0..1, minus (0.485, 0.456, 0.406), divided by (0.229, 0.224, 0.225): PyTorch",
        mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225),
    ),
    "caffe": Preparation(
        "BGR, 0..255, minus (104, 117, 123)",
        value_range=(0.0, 255.0), mean=(104.0, 117.0, 123.0), channel_order="BGR",
    ),
    "tf": Preparation("RGB, -1..1: (pixel - 127.5) / 127.5", value_range=(-1.0, 1.0)),
    "none": Preparation("RGB, 0..1: pixel / 255"),
})  # fmt: skip
"""Name -> preparation. What is subtracted and divided is in the network's order of channels."""


def prepared(
    spec: InputSpec,
    *,
    preprocess: str | None = None,
    mean: Numbers | None = None,
    scale: Numbers | None = None,
    channel_order: str | None = None,
    fit: str | None = None,
) -> InputSpec:
    """The input with another preparation; what is not given stays.

    preprocess: one of `PREPARATIONS`. Or in numbers, for pixels p of 0..255: the network gets
    (p − mean) · scale, one number for all channels or one for each, in the network's order of
    channels. channel_order: "RGB" or "BGR". fit: "crop", "stretch" or "exact" (see `InputSpec`).

    Raises `ArgumentError` for an unknown name, for mean or scale beside a name, for a scale that is
    not above 0, and for as many numbers as there are neither one nor channels.
    """
    changes: dict[str, object] = {}
    if preprocess is not None:
        if preprocess not in PREPARATIONS:
            raise unknown("preprocessing", preprocess, PREPARATIONS, "nnviz")
        if mean is not None or scale is not None:
            raise ArgumentError(
                f"mean and scale take the place of preprocess={preprocess!r}: give one or the other"
            )
        way = PREPARATIONS[preprocess]
        changes = {
            "value_range": way.value_range, "mean": way.mean, "std": way.std,
            "channel_order": way.channel_order,
        }  # fmt: skip
    elif mean is not None or scale is not None:
        factors = _numbers(1.0 if scale is None else scale, "scale")
        if not all(np.isfinite(f) and f > 0 for f in factors):
            raise ArgumentError(f"scale must be finite and above 0, got {scale!r}")
        changes = {
            "value_range": (0.0, 255.0),
            "mean": _numbers(0.0 if mean is None else mean, "mean"),
            "std": tuple(1 / f for f in factors),
        }
    if channel_order is not None:
        changes["channel_order"] = channel_order
    if fit is not None:
        changes["fit"] = fit
    return replace(spec, **changes)  # type: ignore[arg-type]


def _numbers(values: Numbers, what: str) -> tuple[float, ...]:
    given = np.atleast_1d(as_array(values, what))
    if given.ndim != 1 or given.dtype.kind not in "uif":
        raise ArgumentError(f"{what} must be one number or one for each channel, got {values!r}")
    return tuple(given.astype(float).tolist())
