"""Figures and results as plain data, and back: what the cache keeps.

A value becomes one page of JSON and one row of bytes that holds its arrays. What is read back is
data from outside: only known dataclasses are made, every field is held against its type, and an
array's place against the bytes that are there. Nothing is ever executed.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from ..engine.layer import Array
from ..inspection.results import Part, Provenance, Result
from . import figure

T = TypeVar("T")

PAGE, BYTES = "page", "bytes"
ALIGNED = 64
"""Arrays begin at multiples of so many bytes, as memory of their own would."""
SAFE = "biufU"
"""Kinds of arrays that are kept: truths, whole numbers, numbers, text."""

_own: list[type] = []


def kept(kind: type[T]) -> type[T]:
    """Decorates a dataclass outside `figure`: values of it may stand in the cache."""
    _own.append(kind)
    return kind


def _known() -> dict[str, type]:
    """All dataclasses that may be kept, by their full names."""
    results = (Provenance, *Result.registry.values(), *Part.registry.values())
    kinds = (*results, *vars(figure).values(), *_own)
    return {_name(kind): kind for kind in kinds if isinstance(kind, type) and is_dataclass(kind)}


def _name(kind: type) -> str:
    """Two modules may have one of the same name."""
    return f"{kind.__module__}.{kind.__qualname__}"


# To plain data ----------------------------------------------------------------------------------


def pack(value: Any) -> dict[str, Array]:
    """A value as two arrays of bytes: its page, and its arrays one after the other.

    Text, numbers, truths, None, lists, tuples, dicts, arrays, and dataclasses of these; a
    `TypeError` names anything else.
    """
    row = bytearray()
    page = json.dumps(_flat(value, row, _known()), ensure_ascii=False).encode()
    return {PAGE: np.frombuffer(page, np.uint8), BYTES: np.frombuffer(bytes(row), np.uint8)}


def _flat(value: Any, row: bytearray, known: Mapping[str, type]) -> Any:
    """A value as JSON; its arrays are put behind `row`."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return _laid(value, row)
    if isinstance(value, list):
        return [_flat(item, row, known) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_flat(item, row, known) for item in value]}
    if isinstance(value, Mapping):
        return {"dict": [[_flat(part, row, known) for part in pair] for pair in value.items()]}
    if (name := _name(type(value))) in known:
        inside = {f.name: _flat(getattr(value, f.name), row, known) for f in fields(value)}
        return {"of": name, "fields": inside}
    raise TypeError(f"a report's data cannot hold {type(value).__name__}: {value!r}")


def _laid(value: Any, row: bytearray) -> dict[str, Any]:
    """An array's or number's type, shape and place in the row of bytes."""
    array = np.asarray(value)
    if array.dtype.kind not in SAFE:
        raise TypeError(f"a report's data cannot hold an array of {array.dtype}")
    row.extend(bytes(-len(row) % ALIGNED))
    place = len(row)
    row.extend(array.tobytes())
    kind = "array" if isinstance(value, np.ndarray) else "number"
    return {kind: array.dtype.str, "shape": list(array.shape), "at": place}


# And back ---------------------------------------------------------------------------------------


def unpack(arrays: Mapping[str, Array], hint: Any = Any) -> Any:
    """What `pack` was given; `ValueError` where the bytes are not what it makes, or the value is
    not of the type `hint`."""
    try:
        page = json.loads(arrays[PAGE].tobytes())
        value = _made(page, arrays[BYTES], _known())
        if not fits(value, hint):
            raise ValueError(f"{type(value).__name__} is not {hint}")
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"no plain data: {type(error).__name__} {error}") from None
    return value


def _made(page: Any, row: Array, known: Mapping[str, type]) -> Any:
    """The value of a page."""
    if isinstance(page, list):
        return [_made(item, row, known) for item in page]
    if not isinstance(page, dict):
        return page
    if "of" in page:
        kind = known[page["of"]]
        values = {name: _made(item, row, known) for name, item in page["fields"].items()}
        hints = hints_of(kind)
        for name, value in values.items():
            if not fits(value, hints[name]):
                raise ValueError(f"{page['of']}.{name} is {type(value).__name__}")
        return kind(**values)
    if "tuple" in page:
        return tuple(_made(item, row, known) for item in page["tuple"])
    if "dict" in page:
        return {_made(k, row, known): _made(v, row, known) for k, v in page["dict"]}
    return _taken(page, row)


def _taken(page: Mapping[str, Any], row: Array) -> Any:
    """An array or number out of the row of bytes."""
    dtype = np.dtype(page["array"] if "array" in page else page["number"])
    shape, place = tuple(page["shape"]), page["at"]
    size = math.prod(shape) * dtype.itemsize
    inside = 0 <= place <= place + size <= len(row)
    if dtype.kind not in SAFE or min(shape, default=0) < 0 or not inside:
        raise ValueError("an array lies outside the bytes that are there")
    array = row[place : place + size].view(dtype).reshape(shape)
    return array if "array" in page else array[()]


@cache
def hints_of(kind: type) -> dict[str, Any]:
    """The types of a dataclass's fields."""
    return get_type_hints(kind)


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a type, as far as types of plain data go; what is no such type fits
    everything."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, types.UnionType):
        return any(fits(value, one) for one in inner)
    if hint is float:
        return isinstance(value, float | int | np.floating | np.integer)
    if hint is int:
        return isinstance(value, int | np.integer)
    if origin is tuple:
        several = len(inner) == 2 and inner[1] is Ellipsis
        each = inner[:1] * len(value) if several and isinstance(value, tuple) else inner
        return isinstance(value, tuple) and len(value) == len(each) and all(map(fits, value, each))
    if origin in (list, Sequence):
        is_one = isinstance(value, list if origin is list else (list, tuple))
        return is_one and all(fits(item, inner[0]) for item in value)
    if origin in (dict, Mapping):
        return isinstance(value, dict) and all(
            fits(k, inner[0]) and fits(v, inner[1]) for k, v in value.items()
        )
    return not isinstance(hint, type) or isinstance(value, hint)
