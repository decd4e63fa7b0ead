"""What inspection returns: frozen results of arrays, with a note of how they were made.

A result can be saved, tested, compared and drawn as often as one likes. Arrays go into an `.npz` as
they are, everything else into one page of JSON beside them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..engine.layer import Array
from ..engine.model import Model
from ..errors import FileError
from ..files import read_npz, write_npz

PAGE = "result.json"


@dataclass(frozen=True)
class Provenance:
    """How a result was made: enough to make it again and to know what it belongs to.

    model: the model's fingerprint. method: by the name that `nnviz.explain` and the like know.
    target: what was explained, in words. node: where in the model, or None.
    """

    model: str
    method: str
    target: str | None = None
    node: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None

    @classmethod
    def of(cls, model: Model, method: str, **rest: Any) -> Provenance:
        """The provenance of something made with `model`."""
        return cls(model.fingerprint(), method, **rest)


@dataclass(frozen=True)
class Result:
    """Base of all results."""

    registry: ClassVar[dict[str, type[Result]]] = {}

    def __init_subclass__(cls) -> None:
        Result.registry[cls.__name__] = cls

    def save(self, path: str | Path) -> None:
        """Write the result as one `.npz`; `nnviz.load_result` reads it."""
        arrays, page = _packed(self)
        text = json.dumps(page, default=_plain)
        arrays[PAGE] = np.frombuffer(text.encode(), np.uint8)
        write_npz(path, arrays, compress=True)

    def _repr_png_(self) -> bytes | None:
        """The result as a picture, for notebooks; None for results that show themselves as text."""
        from ..draw import picture  # a notebook's display is allowed to reach to the right
        from ..draw.png import png_bytes

        return png_bytes(picture(self))


@dataclass(frozen=True)
class Part:
    """Base of the small records inside results (a row of a table, a block of a diagram)."""

    registry: ClassVar[dict[str, type[Part]]] = {}

    def __init_subclass__(cls) -> None:
        Part.registry[cls.__name__] = cls


def _packed(result: Result, prefix: str = "") -> tuple[dict[str, Array], dict[str, Any]]:
    """A result's arrays, and the page of all else; the arrays of a result inside it have its name
    before theirs."""
    arrays: dict[str, Array] = {}
    page: dict[str, Any] = {}
    for item in fields(result):
        value = getattr(result, item.name)
        if isinstance(value, np.ndarray):
            arrays[prefix + item.name] = value
        elif isinstance(value, Result):
            inside, page[item.name] = _packed(value, f"{prefix}{item.name}.")
            arrays |= inside
        else:
            page[item.name] = vars(value) if isinstance(value, Provenance) else value
    return arrays, {"kind": type(result).__name__, "fields": page}


def _plain(value: Any) -> Any:
    """NumPy's numbers and the records of results as JSON knows them."""
    if isinstance(value, Part):
        return {"part": type(value).__name__, "fields": vars(value)}
    if isinstance(value, np.generic):
        return value.item()
    return value.tolist() if isinstance(value, np.ndarray) else str(value)


def load_result(path: str | Path) -> Result:
    """Read a result that `result.save` has written."""
    arrays = read_npz(path, "nnviz result")
    try:
        return _unpacked(json.loads(arrays.pop(PAGE).tobytes().decode()), arrays)
    # The page is data from outside: a wrong type anywhere in it is one clear error.
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        what = f"{type(error).__name__} {error}"
        raise FileError(f"{path} is no nnviz result, or it is damaged: {what}") from None


def _unpacked(page: Mapping[str, Any], arrays: Mapping[str, Array], prefix: str = "") -> Result:
    """The result of a page, with the arrays whose names begin so."""
    kind = Result.registry[page["kind"]]
    values: dict[str, Any] = dict(page["fields"])
    for item in fields(kind):
        name, value = item.name, values.get(item.name)
        if prefix + name in arrays:
            values[name] = arrays[prefix + name]
        elif name == "provenance":
            values[name] = _provenance(values[name])
        elif isinstance(value, dict) and set(value) == {"kind", "fields"}:
            values[name] = _unpacked(value, arrays, f"{prefix}{name}.")
        else:
            values[name] = _restored(value)
    return kind(**values)


def _provenance(page: Mapping[str, Any]) -> Provenance:
    settings = {key: _restored(value) for key, value in page["settings"].items()}
    return Provenance(**{**page, "settings": settings})


def _restored(value: Any) -> Any:
    """Lists back as tuples and records as what they were."""
    if isinstance(value, list):
        return tuple(_restored(v) for v in value)
    if isinstance(value, dict) and set(value) == {"part", "fields"}:
        inside = {key: _restored(v) for key, v in value["fields"].items()}
        return Part.registry[value["part"]](**inside)
    if isinstance(value, dict):
        return {key: _restored(v) for key, v in value.items()}
    return value


@dataclass(frozen=True)
class Attribution(Result):
    """A map over the input for each picture.

    values: (N, rows, cols), signed where the method is signed, never rescaled.
    scores: (N,), the target's value for each picture: what the network says of the class. (The
        scores *of the map*, which take hundreds of runs of the network, are in `quality`.)
    raw: (N, rows, cols, channels) where the method has channels. It is of the network's input, as
        `Model.input` prepares it: in the network's channel order (BGR where it wants that) and in
        its units (after range, mean and std). `model.input.pixel_gradient` makes a gradient there
        one for the pixels; products with the input (relevance, integrated gradients) keep their
        size, only the channels' order is the network's.
    at_node: (N, r, c), the map at a smaller node before it was placed on the picture.
    gap: (N,), where the map shares out a difference of scores: what it leaves out, Σ map minus the
        difference, relative to the difference.
    error: (N, rows, cols), the standard error of each value, where the map is a mean of random
        draws.
    warnings: what is degenerate, why, and what to do about it.
    signed: whether negative values mean evidence against the target.
    quality: the numbers of how far the maps can be believed, a `Scores`: deletion, insertion and
        the others of every picture, beside the controls'; None until `nnviz.scored` has found out.
    """

    values: Array
    scores: Array
    provenance: Provenance
    raw: Array | None = None
    at_node: Array | None = None
    gap: Array | None = None
    error: Array | None = None
    warnings: tuple[str, ...] = ()
    signed: bool = False
    quality: Result | None = None


BROKEN = (
    "the network's output for it is NaN or infinite, so that nothing can explain it: its weights "
    "are broken or too large, or its pictures are not prepared as it wants them"
)
BEYOND = (
    "the output is finite, but numbers on the way back go beyond their range; try "
    "model.astype(np.float64), or another method"
)


def degenerate(
    values: Array, cause: str, *, scores: Array, flat: str | None = None
) -> tuple[str, ...]:
    """Warnings for maps that say nothing: NaN, all zero, constant, a single cell.

    values: (N, rows, cols). cause: why this method may give a map that is zero or lies in one cell,
    and what to try. flat: the same for a map that is constant but not zero, where that has a cause
    of its own. scores: (N, …), what is explained; of what is not finite there is no map.
    """
    found = []
    # Most maps are fine, which is seen for all of them at once.
    axes = tuple(range(1, values.ndim))
    whole = np.isfinite(scores.reshape(len(values), -1)).all(axis=1)
    fine = whole & np.isfinite(values).all(axis=axes) & (np.count_nonzero(values, axis=axes) > 1)
    if values.size:
        fine &= values.max(axis=axes) > values.min(axis=axes)
    for i in np.flatnonzero(~fine).tolist():
        map_ = values[i]
        why, bad = cause, ~np.isfinite(map_)
        if bad.any() or not whole[i]:
            what = f"{int(bad.sum())} of {map_.size} values are NaN or infinite"
            why = BEYOND if whole[i] else BROKEN
        elif not map_.any():
            what = "the map is zero everywhere"
        elif map_.size > 1 and map_.max() == map_.min():
            what, why = "the map has the same value everywhere", flat or cause
        elif map_.size > 1 and np.count_nonzero(map_) == 1:
            what = "all of the map lies in a single cell"
        else:
            continue
        place = f"picture {i}: " if len(values) > 1 else ""
        found.append(f"{place}{what}: {why}")
    return tuple(found)


def same_for_every_class(maps: Array) -> bool:
    """Whether maps (classes, rows, cols) of one picture differ by nothing but rounding."""
    spread = np.abs(maps - maps[:1]).max(initial=0.0)
    return len(maps) > 1 and bool(spread <= 1e-6 * np.abs(maps).max(initial=0.0))
