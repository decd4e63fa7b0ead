"""Arrays in other element types: those of NumPy, and the small ones that `ml_dtypes` brings."""

from __future__ import annotations

import numpy as np

from ...errors import ArgumentError
from .graph import Step
from .values import Array


def cast_to(x: Array, dtype: np.dtype, step: Step) -> Array:
    """The array in this type, as ONNX's Cast has it.

    Floats of 8 bits: `saturate` (the default) makes the largest number of what lies beyond it.
    Whole numbers of fewer than 8 bits: what lies beyond wraps round. Powers of two (E8M0): rounded
    up, or as `round_mode` says.
    """
    name = dtype.name
    if dtype.isbuiltin == 1:
        with np.errstate(all="ignore"):
            return x.astype(dtype)
    wide = np.asarray(x, np.float32)
    with np.errstate(all="ignore"):
        if name == "float8_e8m0fnu":
            return _power_of_two(wide, step.get("round_mode", "up")).astype(dtype)
        if name.startswith("float8") and step.get("saturate", 1):
            largest = LARGEST.get(name)
            if largest is None:
                raise ArgumentError(f"it casts to {name}, which nnviz does not know")
            return np.clip(wide, -largest, largest).astype(dtype)
        return wide.astype(dtype)


LARGEST = {
    "float8_e4m3fn": 448.0,
    "float8_e4m3fnuz": 240.0,
    "float8_e5m2": 57344.0,
    "float8_e5m2fnuz": 57344.0,
}


def _power_of_two(x: Array, how: str) -> Array:
    """The nearest power of two, or the one above or below."""
    exponent = np.log2(np.abs(x))
    rounding = {"up": np.ceil, "down": np.floor, "nearest": np.rint}
    if how not in rounding:
        raise ArgumentError(f"its round_mode is {how!r}")
    return np.exp2(np.clip(rounding[how](exponent), -127, 127))
