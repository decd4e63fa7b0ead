"""Single nodes that random graphs beside onnxruntime have shown to be read wrongly once."""

from __future__ import annotations

import numpy as np
from onnx_cases import case, f, i

NONE = np.array([], np.float32)
HALF = {"coordinate_transformation_mode": "pytorch_half_pixel", "first": 11}

FOUND = [
    # Shares of one number, along an axis of length 1 that leads: they are 1, whatever follows it.
    *(case(op, (1, 4, 6), axis=axis, first=13)
      for op in ("Softmax", "LogSoftmax") for axis in (0, -3)),
    case("Softmax", (1, 4), axis=0, first=13),
    case("Softmax", (2, 1, 4, 1), axis=1, first=13),
    # Copies of the whole batch.
    case("Tile", (2, 3, 5), i(2, 2, 1)),
    case("Tile", (3, 2), i(3, 1)),
    # 5 · 2.6 is 13 in single precision and less in double.
    case("Resize", (2, 2, 4, 5), NONE, np.array([1, 1, 1.5, 2.6], np.float32), mode="nearest",
         nearest_mode="floor", **HALF),
    # Where one cell comes out it is the first, not what lies before it.
    case("Resize", (2, 3, 4, 3), NONE, np.array([1, 1, 1, 0.5], np.float32), mode="cubic", **HALF),
    case("Resize", (2, 2, 6, 3), NONE, np.array([1, 1, 2, 0.5], np.float32), mode="linear", **HALF),
    case("Resize", (1, 2, 4, 5), NONE, NONE, i(1, 2, 3, 1), mode="cubic", **HALF),
    # Frames and masks that nothing can be larger than.
    case("Pad", (2, 3, 4, 5), i(0, 0, 1, 1, 0, 0, 1, 1), np.float32(-np.inf), first=11),
    case("Max", (2, 3, 4), np.full(4, -np.inf, np.float32), first=8),
    case("Add", (2, 3, 4), np.where(f(3, 4) > 0, 0, -np.inf).astype(np.float32), first=7),
]  # fmt: skip
