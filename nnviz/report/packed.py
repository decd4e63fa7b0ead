"""Numbers inside the page: arrays as short text, and values as JSON that closes no tag.

JavaScript reads an array back with `unpack` (templates/tools.js) and a value with `JSON.parse` of
the island's text.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import numpy as np

from ..engine.layer import Array
from ..errors import ArgumentError

KINDS = {"f4": "<f4", "f2": "<f2", "u1": "|u1"}
LEVEL = 6
"""Of zlib: above it the page becomes hardly smaller."""
HALF_TOP = 15
"""Half-precision numbers are brought just below 2**15: so all down to a billionth of the largest
keep their eleven binary digits, within 5e-4 of each."""


def packed(array: Array, dtype: str = "f2") -> dict[str, Any]:
    """An array for the page: {"shape", "dtype", "data"}, the data base64 of zlib-deflated
    little-endian bytes.

    dtype: "f4", "f2" or "u1". Half-precision numbers have a "scale" besides, a power of two by
    which `unpack` multiplies them, so that the very small and the very large are kept as well.
    """
    if dtype not in KINDS:
        raise ArgumentError(f"no packing named {dtype!r}; known are {', '.join(KINDS)}")
    record: dict[str, Any] = {"shape": list(array.shape), "dtype": dtype}
    if dtype == "f2":
        power = _power(array)
        array, record["scale"] = np.ldexp(np.float64(array), -power), 2.0**power
    raw = np.ascontiguousarray(array, dtype=KINDS[dtype]).tobytes()
    record["data"] = base64.b64encode(zlib.compress(raw, LEVEL)).decode()
    return record


def _power(array: Array) -> int:
    """The power of two whose multiples these numbers become, the largest just below 2**15."""
    top = float(np.abs(array[np.isfinite(array)]).max(initial=0.0))
    return max(-1000, int(np.frexp(top)[1]) - HALF_TOP) if top else 0


def island(value: Any) -> str:
    """A value as JSON for `<script type="application/json">`: no `<`, `>` or `&` is left in it, so
    that a `</script>` in a class name stays text."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text
