"""Single nodes of all operators that nnviz promises to read, with their odder settings.

`CASES` says which graph of one node is made: what goes in (a shape is data, an array a weight, None
is left out), the attributes, and the opsets for which that makes sense.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx

NEWEST = 26
"""The newest opset that the oracle runs."""
RNG = np.random.default_rng(8)


def f(*shape: int, low: float = -1.0, high: float = 1.0) -> np.ndarray:
    """A weight."""
    return RNG.uniform(low, high, shape).astype(np.float32)


def i(*values: int) -> np.ndarray:
    """Whole numbers, as axes and shapes come."""
    return np.array(values, np.int64)


PICTURE = (2, 4, 6, 7)
ODD = (2, 3, 9, 8)
LINE = (2, 4, 9)


@dataclass(frozen=True)
class Case:
    """One node. first, last: the opsets that have it so. positive: data above 0."""

    op: str
    inputs: tuple[Any, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    first: int = 6
    last: int = NEWEST
    outputs: int = 1
    positive: bool = False


def case(op: str, *inputs: Any, first: int = 6, last: int = NEWEST, outputs: int = 1,
         positive: bool = False, **attributes: Any) -> Case:  # fmt: skip
    return Case(op, inputs, attributes, first, last, outputs, positive)


def convolutions() -> list[Case]:
    w, line = f(6, 3, 3, 2), f(6, 2, 3)
    made = [
        case("Conv", ODD, w, f(6), pads=[0, 1, 2, 0], strides=[2, 1]),
        case("Conv", ODD, w, None, dilations=[2, 3]),
        case("Conv", (2, 6, 9, 8), f(12, 2, 3, 3), f(12), group=3, kernel_shape=[3, 3]),
        case("Conv", (2, 6, 9, 8), f(12, 1, 3, 3), group=6, strides=[2, 2], pads=[1, 0, 0, 1]),
        case("Conv", LINE, line, f(6), group=2, pads=[2, 0], strides=[2], dilations=[2]),
        case("ConvTranspose", ODD, f(3, 5, 3, 2), f(5), strides=[2, 3], pads=[1, 0, 0, 1]),
        case("ConvTranspose", ODD, f(3, 5, 3, 3), strides=[2, 2], output_padding=[1, 1]),
        case("ConvTranspose", ODD, f(3, 5, 3, 3), strides=[3, 2], output_shape=[28, 17]),
        case("ConvTranspose", (2, 4, 5, 6), f(4, 3, 2, 3), group=2, dilations=[2, 1]),
        case("ConvTranspose", (2, 4, 5), f(4, 3, 3), f(3), strides=[2]),
    ]
    for auto in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        made += [
            case("Conv", ODD, w, auto_pad=auto, strides=[2, 2]),
            case("Conv", (1, 3, 5, 5), f(4, 3, 4, 4), auto_pad=auto),
            case("ConvTranspose", ODD, f(3, 5, 3, 4), auto_pad=auto, strides=[2, 3]),
        ]
    return made


def pools() -> list[Case]:
    made = []
    for op in ("MaxPool", "AveragePool", "LpPool"):
        first = 18 if op == "LpPool" else 10
        made += [
            case(op, ODD, kernel_shape=[3, 2]),
            case(op, ODD, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 0, 1, 1]),
            case(op, ODD, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, first=first),
            case(op, ODD, kernel_shape=[2, 2], strides=[3, 3], pads=[1, 1, 1, 1], ceil_mode=1,
                 first=first),
            case(op, LINE, kernel_shape=[3], strides=[2], pads=[1, 1]),
        ]  # fmt: skip
        for auto in ("SAME_UPPER", "SAME_LOWER", "VALID"):
            made.append(case(op, ODD, kernel_shape=[3, 4], strides=[2, 2], auto_pad=auto))
    made += [
        case("MaxPool", ODD, kernel_shape=[3, 3], dilations=[2, 2], first=10),
        case("MaxPool", (1, 3, 9, 8), kernel_shape=[2, 2], strides=[2, 2], outputs=2, first=8),
        case("MaxPool", (1, 3, 9, 8), kernel_shape=[2, 2], outputs=2, storage_order=1, first=8),
        case("AveragePool", ODD, kernel_shape=[3, 3], dilations=[2, 2], first=19),
        case("AveragePool", ODD, kernel_shape=[3, 3], pads=[1, 1, 2, 1], count_include_pad=1,
             first=7),
        case("AveragePool", ODD, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1],
             count_include_pad=1, ceil_mode=1, first=19),
        case("LpPool", ODD, kernel_shape=[2, 3], p=1),
        case("LpPool", ODD, kernel_shape=[2, 3], p=3, strides=[2, 2]),
        case("GlobalLpPool", ODD), case("GlobalLpPool", ODD, p=1), case("GlobalLpPool", LINE, p=3),
        case("GlobalAveragePool", ODD), case("GlobalAveragePool", LINE),
        case("GlobalMaxPool", ODD), case("GlobalMaxPool", LINE),
    ]  # fmt: skip
    return made


def norms() -> list[Case]:
    var = f(4, low=0.5, high=2.0)
    made = [
        case("BatchNormalization", shape, f(4), f(4), f(4), var, epsilon=0.01)
        for shape in (PICTURE, LINE, (3, 4))
    ]
    made += [
        case("BatchNormalization", PICTURE, f(4), f(4), f(4), var, spatial=1, last=8),
        case("BatchNormalization", PICTURE, f(4), f(4), f(4), var, training_mode=1, outputs=3,
             momentum=0.7, first=14),
        case("InstanceNormalization", PICTURE, f(4), f(4), epsilon=0.01),
        case("InstanceNormalization", LINE, f(4), f(4)),
        case("GroupNormalization", PICTURE, f(2), f(2), num_groups=2, first=18, last=20),
        case("GroupNormalization", PICTURE, f(4), f(4), num_groups=2, epsilon=0.1, first=21),
        case("LayerNormalization", PICTURE, f(7), first=17),
        case("LayerNormalization", PICTURE, f(7), f(7), axis=-1, epsilon=0.1, first=17),
        case("LayerNormalization", PICTURE, f(4, 6, 7), f(4, 6, 7), axis=1, first=17),
        case("LayerNormalization", (2, 5, 8), f(8), f(8), axis=2, first=17, outputs=3),
        case("LRN", PICTURE, size=3), case("LRN", PICTURE, size=2, alpha=0.3, beta=0.5, bias=2.0),
    ]  # fmt: skip
    return made


def dense() -> list[Case]:
    return [
        case("Gemm", (3, 5), f(5, 4), f(4)),
        case("Gemm", (3, 5), f(4, 5), f(4), transB=1, alpha=0.5, beta=2.0),
        case("Gemm", (5, 3), f(5, 4), f(1), transA=1),
        case("Gemm", (3, 5), f(5, 4), f(3, 4)),
        case("Gemm", (3, 5), f(5, 4), f(3, 1)),
        case("Gemm", (3, 5), f(5, 4), first=11),
        case("Gemm", (3, 5), f(5, 4), None, first=11),
        case("MatMul", (3, 5), f(5, 4)), case("MatMul", (2, 3, 5), f(5, 4)),
        case("MatMul", (2, 3, 4, 5), f(5, 2)), case("MatMul", (2, 3, 5), f(2, 5, 4)),
        case("MatMul", f(4, 3), (3, 5)), case("MatMul", (2, 3, 5), (2, 5, 4)),
        case("MatMul", (3, 5), f(5)), case("MatMul", (2, 2, 3, 5), f(2, 1, 5, 4)),
    ]  # fmt: skip


def questions() -> list[Case]:
    made = []
    for op, first in (("Greater", 7), ("Less", 7), ("Equal", 11), ("GreaterOrEqual", 12),
                      ("LessOrEqual", 12)):  # fmt: skip
        made += [
            case(op, PICTURE, f(4, 1, 1), first=first), case(op, f(1), (3, 5), first=first),
            case(op, PICTURE, (2, 1, 6, 1), first=first),
        ]  # fmt: skip
    return made


def functions() -> list[Case]:
    names = (
        "Relu Sigmoid Softplus Softsign Tanh Exp Neg Abs Identity LeakyRelu Elu Selu HardSigmoid"
    )
    made = [case(op, shape) for op in names.split() for shape in (PICTURE, (3, 5))]
    made += [case("Sqrt", PICTURE, positive=True), case("Erf", PICTURE, first=9)]
    made += [
        case("LeakyRelu", PICTURE, alpha=0.3), case("Elu", PICTURE, alpha=0.3),
        case("Selu", PICTURE, alpha=1.5, gamma=0.7),
        case("HardSigmoid", PICTURE, alpha=0.4, beta=0.1),
        case("Celu", PICTURE, first=12), case("Celu", PICTURE, alpha=0.3, first=12),
        case("HardSwish", PICTURE, first=14), case("Mish", PICTURE, first=18),
        case("Gelu", PICTURE, first=20), case("Gelu", PICTURE, approximate="tanh", first=20),
        case("Swish", PICTURE, first=24), case("Swish", PICTURE, alpha=0.5, first=24),
        case("PRelu", PICTURE, f(4, 1, 1), first=7), case("PRelu", PICTURE, f(1), first=7),
        case("PRelu", PICTURE, f(7), first=7), case("PRelu", PICTURE, f(6, 1), first=9),
        case("PRelu", PICTURE, f(1, 4, 6, 7), first=9), case("PRelu", (3, 5), f(5), first=7),
        case("PRelu", PICTURE, f(4), last=6),
        case("Clip", PICTURE, min=-0.2, max=0.5, last=10), case("Clip", PICTURE, max=0.5, last=10),
        case("Clip", PICTURE, last=10), case("Clip", PICTURE, first=11),
        case("Clip", PICTURE, np.float32(-0.2), np.float32(0.3), first=11),
        case("Clip", PICTURE, None, np.float32(0.3), first=11),
        case("Clip", PICTURE, np.float32(0.3), first=11),
        case("Clip", PICTURE, np.float32(0), np.float32(6), first=11),
        case("Dropout", PICTURE), case("Dropout", PICTURE, ratio=0.3, last=11),
        case("Dropout", PICTURE, np.float32(0.3), first=12),
        case("Dropout", PICTURE, None, np.array(False), first=12),
        case("Dropout", PICTURE, outputs=2, first=10),
        case("Cast", PICTURE, to=1), case("Cast", PICTURE, to=7), case("Cast", PICTURE, to=11),
        case("Cast", PICTURE, to=9), case("Cast", PICTURE, to=10),
    ]  # fmt: skip
    for op in ("Softmax", "LogSoftmax"):
        made += [case(op, shape) for shape in (PICTURE, (3, 5), LINE, (2, 4, 1, 1))]
        made += [case(op, PICTURE, axis=axis) for axis in (0, 1, 2, 3)]
        made += [case(op, PICTURE, axis=axis, first=11) for axis in (-1, -3)]
    return made


def arithmetic() -> list[Case]:
    made = []
    for op in ("Add", "Sub", "Mul", "Div", "Pow"):
        right = {"low": 0.5, "high": 2.0}
        kind = {"positive": op == "Pow"}
        made += [
            case(op, PICTURE, f(*shape, **right), first=7, **kind)
            for shape in (
                (),
                (1,),
                (7,),
                (6, 1),
                (4, 1, 1),
                (1, 4, 1, 1),
                (2, 4, 6, 7),
                (1, 1, 6, 7),
            )
        ]
        made += [
            case(op, f(4, 1, 1, **right), PICTURE, first=7, positive=True),
            case(op, (3, 5), f(5, **right), first=7, **kind),
            case(op, (4, 1, 1), f(2, 1, 6, 7, **right), first=7, **kind),
            case(op, PICTURE, PICTURE, positive=True),
            case(op, PICTURE, (2, 1, 6, 7), first=7, positive=True),
            case(op, PICTURE, (2, 4, 1, 1), first=7, positive=True),
            case(op, PICTURE, (4, 1, 1), first=7, positive=True),
            case(op, PICTURE, f(*PICTURE, **right), last=6, **kind),
        ]
        made += [
            case(op, PICTURE, f(4, **right), axis=1, broadcast=1, last=6, **kind),
            case(op, PICTURE, f(6, 7, **right), axis=2, broadcast=1, last=6, **kind),
            case(op, PICTURE, f(7, **right), broadcast=1, last=6, **kind),
            case(op, PICTURE, f(1, **right), broadcast=1, last=6, **kind),
        ]
    for op in ("Sum", "Mean", "Max", "Min"):
        made += [
            case(op, PICTURE), case(op, PICTURE, f(*PICTURE)),
            case(op, PICTURE, PICTURE, PICTURE),
            case(op, PICTURE, f(4, 1, 1), f(7), first=8),
            case(op, PICTURE, (2, 1, 6, 7), f(7), first=8),
        ]  # fmt: skip
    return made


def layouts() -> list[Case]:
    at = {"first": 10}
    return [
        case("Concat", PICTURE, (2, 3, 6, 7), f(2, 1, 6, 7), axis=1),
        case("Concat", PICTURE, PICTURE, axis=3), case("Concat", PICTURE, PICTURE, axis=0),
        case("Concat", PICTURE, PICTURE, axis=-2, first=11), case("Concat", (3, 5), (3, 2), axis=1),
        case("Split", PICTURE, axis=1, outputs=2, last=17),
        case("Split", PICTURE, axis=1, outputs=2, num_outputs=2, first=18),
        case("Split", PICTURE, axis=3, outputs=3, num_outputs=3, first=18),
        case("Split", PICTURE, axis=3, split=[2, 5], outputs=2, last=12),
        case("Split", PICTURE, i(2, 5), axis=-1, outputs=2, first=13),
        case("Slice", PICTURE, starts=[1, -4], ends=[3, 100], axes=[1, 2], last=9),
        case("Slice", PICTURE, starts=[0, 1], ends=[2, 3], last=9),
        case("Slice", PICTURE, i(1, 0), i(-1, 2**31), i(-1, -2), i(2, 1), **at),
        case("Slice", PICTURE, i(-1), i(-(2**63)), i(3), i(-2), **at),
        case("Slice", PICTURE, i(0, 1), i(2, 3), **at),
        case("Slice", PICTURE, i(1), i(2**62), i(2), None, **at),
        case("Slice", PICTURE, i(0, 1), i(2, 3), None, i(1, 2), **at),
        case("Gather", PICTURE, i(2, 0, 2), axis=1), case("Gather", PICTURE, i(0, 3), axis=3),
        case("Gather", PICTURE, np.array(1), axis=2), case("Gather", PICTURE, np.array(-1), axis=-1,
             first=11),
        case("Gather", PICTURE, np.array([[0, 1], [2, 3]], np.int32), axis=1),
        case("Gather", (3, 5), np.array(0), axis=0),
        case("Gather", f(6, 3), np.array([1, 0]), axis=0),
        case("Pad", PICTURE, pads=[0, 1, 2, 0, 0, 0, 1, 2], last=10),
        case("Pad", PICTURE, pads=[0, 0, 2, 1, 0, 0, 1, 2], mode="reflect", last=10),
        case("Pad", PICTURE, pads=[0, 0, 2, 1, 0, 0, 1, 2], mode="edge", value=3.0, last=10),
        case("Pad", PICTURE, pads=[0, 0, 2, 1, 0, 0, -1, -2], value=3.0, last=10),
        case("Pad", PICTURE, i(0, 1, 2, 0, 0, 0, 1, 2), first=11),
        case("Pad", PICTURE, i(0, 1, 2, 0, 0, 0, -1, 2), np.float32(2), mode="constant", first=11),
        case("Pad", PICTURE, i(0, 0, 2, 1, 0, 0, 1, 2), None, mode="reflect", first=11),
        case("Pad", PICTURE, i(2, 1, 1, 2), None, i(-2, -1), mode="edge", first=18),
        case("Pad", PICTURE, i(2, 1, 1, 2), None, i(2, 3), mode="wrap", first=19),
        case("Flatten", PICTURE), case("Flatten", PICTURE, axis=0),
        case("Flatten", PICTURE, axis=2),
        case("Flatten", PICTURE, axis=-1, first=11), case("Flatten", (2, 4, 1, 1)),
        case("Reshape", PICTURE, i(2, -1)), case("Reshape", PICTURE, i(0, 2, 2, 6, 7)),
        case("Reshape", PICTURE, i(-1, 168)), case("Reshape", PICTURE, i(2, 4, 42)),
        case("Reshape", PICTURE, i(0, 0, -1)), case("Reshape", PICTURE, i(7, 6, 8)),
        case("Reshape", PICTURE, i(2, 4, 42), allowzero=1, first=14),
        case("Squeeze", (2, 4, 1, 1), axes=[2, 3], last=12), case("Squeeze", (2, 4, 1, 1)),
        case("Squeeze", (2, 4, 1, 5), axes=[-2], first=11, last=12),
        case("Squeeze", (2, 1, 4, 1), i(1, -1), first=13),
        case("Squeeze", (1, 4, 5), i(0), first=13),
        case("Unsqueeze", (2, 4), axes=[2, 3], last=12),
        case("Unsqueeze", (2, 4), axes=[0], last=12),
        case("Unsqueeze", (2, 4, 5), axes=[-1], first=11, last=12),
        case("Unsqueeze", (2, 4, 5), i(-1, 1), first=13),
        case("Transpose", PICTURE), case("Transpose", PICTURE, perm=[0, 2, 3, 1]),
        case("Transpose", (2, 3, 4), perm=[2, 0, 1]), case("Transpose", (3, 5)),
        case("Expand", (2, 4, 1, 1), i(2, 4, 3, 5), first=8),
        case("Expand", (2, 4, 1, 1), i(1, 4, 3, 1), first=8),
        case("Expand", (4, 1), i(3, 1, 5), first=8), case("Expand", (2, 4), i(4), first=8),
        case("Shape", PICTURE), case("Shape", PICTURE, start=1, end=-1, first=15),
        case("DepthToSpace", (2, 12, 3, 5), blocksize=2),
        case("DepthToSpace", (2, 12, 3, 5), blocksize=2, mode="CRD", first=11),
        case("SpaceToDepth", (2, 3, 4, 6), blocksize=2),
        case("ArgMax", PICTURE), case("ArgMax", PICTURE, axis=1, keepdims=0),
        case("ArgMax", PICTURE, axis=-1, first=11), case("ArgMax", (3, 5), axis=1),
        case("ArgMax", PICTURE, axis=2, select_last_index=1, first=12),
    ]  # fmt: skip


def reductions() -> list[Case]:
    made = []
    for op in ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceL2"):
        by_input = 13 if op == "ReduceSum" else 18
        old = {"last": by_input - 1}
        made += [
            case(op, PICTURE), case(op, PICTURE, keepdims=0), case(op, (3, 5), keepdims=0),
            case(op, PICTURE, axes=[2, 3], **old), case(op, PICTURE, axes=[1], keepdims=0, **old),
            case(op, PICTURE, axes=[-1, -2], keepdims=0, first=11, **old),
            case(op, PICTURE, axes=[0], **old),
            case(op, PICTURE, i(2, 3), first=by_input),
            case(op, PICTURE, i(-1, 1), keepdims=0, first=by_input),
            case(op, PICTURE, noop_with_empty_axes=1, first=by_input),
            case(op, PICTURE, i(), noop_with_empty_axes=1, first=by_input),
            case(op, PICTURE, i(), first=by_input),
        ]  # fmt: skip
    return made


def resizes() -> list[Case]:
    up, down = np.array([1, 1, 2, 2.5], np.float32), np.array([1, 1, 0.6, 0.7], np.float32)
    whole, half = np.array([1, 1, 2, 3], np.float32), np.array([1, 1, 0.5, 1], np.float32)
    none = np.array([], np.float32)
    made = [
        case("Upsample", PICTURE, scales=[1.0, 1.0, 2.0, 3.0], mode=mode, first=7, last=8)
        for mode in ("nearest", "linear")
    ]
    made += [
        case("Upsample", PICTURE, np.array([1, 1, 2, 3], np.float32), mode=mode, first=9, last=9)
        for mode in ("nearest", "linear")
    ]
    made += [
        case("Resize", PICTURE, scales, mode=mode, first=10, last=10)
        for mode in ("nearest", "linear")
        for scales in (up, down)
    ]
    for where in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"):
        for scales in (up, down) if where != "align_corners" else (whole, half):
            given = {"coordinate_transformation_mode": where, "first": 11}
            made += [
                case("Resize", PICTURE, none, scales, mode=m, **given) for m in ("linear", "cubic")
            ]
            made += [
                case("Resize", PICTURE, none, scales, mode="nearest", nearest_mode=near, **given)
                for near in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
            ]
        sizes = i(2, 4, 9, 4)
        made += [case("Resize", PICTURE, none, none, sizes, mode=m, **given)
                 for m in ("nearest", "linear", "cubic")]  # fmt: skip
    roi = np.array([0, 0, 0.1, 0.2, 1, 1, 0.9, 1.2], np.float32)
    made += [
        case("Resize", PICTURE, roi, None, i(2, 4, 5, 8), mode=mode, extrapolation_value=7.0,
             coordinate_transformation_mode="tf_crop_and_resize", first=13)
        for mode in ("nearest", "linear")
    ]  # fmt: skip
    made += [
        case("Resize", PICTURE, none, up, mode="cubic", cubic_coeff_a=-0.5, first=11),
        case("Resize", PICTURE, none, down, mode="cubic", exclude_outside=1, first=11),
        case("Resize", PICTURE, None, None, i(2, 4, 3, 20), mode="linear", first=13),
        case("Resize", PICTURE, None, None, i(12, 3), mode="linear", axes=[2, 3], first=18),
        case("Resize", PICTURE, None, None, i(12, 3), mode="linear", axes=[3, 2],
             keep_aspect_ratio_policy="not_larger", first=18),
        case("Resize", PICTURE, None, None, i(12, 3), mode="nearest", axes=[3, 2],
             keep_aspect_ratio_policy="not_smaller", first=18),
        case("Resize", PICTURE, None, None, i(2, 4, 3, 4), mode="linear", antialias=1, first=18),
        case("Resize", PICTURE, None, None, i(2, 4, 3, 4), mode="cubic", antialias=1, first=18),
        case("Resize", PICTURE, None, None, i(2, 4, 9, 4), mode="nearest",
             coordinate_transformation_mode="half_pixel_symmetric", first=19),
        case("Resize", PICTURE, None, None, i(2, 4, 9, 4), mode="linear",
             coordinate_transformation_mode="half_pixel_symmetric", first=19),
    ]  # fmt: skip
    return made


def constants() -> list[Case]:
    tensor = onnx.numpy_helper.from_array(f(2, 3))
    filler = onnx.numpy_helper.from_array(np.array([2.5], np.float32))
    return [
        case("Constant", value=tensor),
        case("Constant", value_float=1.5, first=12), case("Constant", value_int=3, first=12),
        case("Constant", value_floats=[1.5, 2.5], first=12),
        case("Constant", value_ints=[3, 4], first=12),
        case("ConstantOfShape", i(2, 3), first=9),
        case("ConstantOfShape", i(2, 3), value=filler, first=9),
    ]  # fmt: skip


CASES = [
    one
    for family in (convolutions, pools, norms, dense, questions, functions, arithmetic, layouts,
                   reductions, resizes, constants)
    for one in family()
]  # fmt: skip
