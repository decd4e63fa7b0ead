"""The `onnx` package's own conformance cases: every single node of the operators that nnviz reads.

The package builds its cases in memory, each a graph of one node with inputs and outputs. Taken are
those whose node is one of `OPERATORS` and that take float32 (or, without inputs, give it). What is
left out of them stands in `EXCLUDED`, with the reason.
"""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import nnviz as nv

onnx = pytest.importorskip("onnx")

PINNED = "1.23.2"
"""The version of onnx whose cases these are; CI installs it."""
OPERATORS = set(
    """Conv ConvTranspose MaxPool AveragePool GlobalAveragePool GlobalMaxPool LpPool GlobalLpPool
    BatchNormalization InstanceNormalization GroupNormalization LayerNormalization LRN Gemm MatMul
    Relu LeakyRelu PRelu Elu Selu Celu Clip Sigmoid HardSigmoid HardSwish Swish Mish Gelu Erf
    Softplus Softsign Tanh Softmax LogSoftmax Add Sub Mul Div Pow Sqrt Exp Neg Abs Sum Mean Max Min
    Concat Split Slice Gather Pad Flatten Reshape Squeeze Unsqueeze Transpose Expand Identity
    Dropout Cast Constant ConstantOfShape Shape ReduceMean ReduceSum ReduceMax ReduceL2 Resize
    Upsample DepthToSpace SpaceToDepth ArgMax Where Equal Greater GreaterOrEqual Less
    LessOrEqual""".split()  # noqa: SIM905
)
FLOAT = 1
VOLUMES = "a volume: nnviz reads pictures (N, channels, rows, cols) and signals"
STREAM = "dropout in training: which numbers are left out is the random stream of one runtime"
EXCLUDED = {
    "test_averagepool_3d_default": VOLUMES,
    "test_averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_False": VOLUMES,
    "test_averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_True": VOLUMES,
    "test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_False": VOLUMES,
    "test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True": VOLUMES,
    "test_averagepool_3d_dilations_small": VOLUMES,
    "test_convtranspose_3d": VOLUMES,
    "test_lppool_3d_default": VOLUMES,
    "test_maxpool_3d_default": VOLUMES,
    "test_maxpool_3d_dilations": VOLUMES,
    "test_maxpool_3d_dilations_use_ref_impl": VOLUMES,
    "test_maxpool_3d_dilations_use_ref_impl_large": VOLUMES,
    "test_training_dropout": STREAM,
    "test_training_dropout_default": STREAM,
    "test_training_dropout_default_mask": STREAM,
    "test_training_dropout_mask": STREAM,
}
"""Case -> why it is left out."""


NAMES = Path(__file__).parent / "golden" / f"onnx-{PINNED}-cases.txt"
"""The cases' names: the tests are found by them, as building the cases takes seconds."""


@cache
def cases():
    """Name -> case, of all that are taken."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # building the cases divides by zero, on purpose
        every = collect_testcases(None)
    found = {}
    for case in every:
        graph = case.model.graph
        kinds = [value.type.tensor_type.elem_type for value in graph.input or graph.output]
        if len(graph.node) == 1 and graph.node[0].op_type in OPERATORS and FLOAT in kinds:
            found[case.name] = case
    return found


of_this_version = pytest.mark.skipif(
    onnx.__version__ != PINNED, reason=f"the cases are those of onnx {PINNED}"
)


def as_arrays(values):
    """Numbers that NumPy has no type for come as tensors of the file format."""
    tensor = onnx.TensorProto
    return [onnx.numpy_helper.to_array(v) if isinstance(v, tensor) else v for v in values]


@of_this_version
def test_the_names_are_those_of_the_package(golden):
    golden(NAMES.name, "\n".join(cases()))


@of_this_version
@pytest.mark.parametrize(
    "name", [name for name in NAMES.read_text("utf-8").split() if name not in EXCLUDED]
)
def test_case(name):
    case = cases()[name]
    model = nv.from_onnx(case.model)
    for inputs, outputs in case.data_sets:
        inputs, outputs = [as_arrays(values) for values in (inputs, outputs)]
        found = model.run_onnx(*inputs)
        assert len(found) == len(outputs)
        for one, wanted in zip(found, outputs, strict=True):
            assert one.dtype == wanted.dtype
            assert one.shape == wanted.shape
            if wanted.dtype.kind == "V":
                one, wanted = one.astype(np.float32), wanted.astype(np.float32)
            np.testing.assert_allclose(one, wanted, rtol=case.rtol, atol=case.atol)


@of_this_version
def test_what_is_excluded_exists_and_says_why():
    assert len(cases()) == 471
    assert set(EXCLUDED) < set(cases())
    for name in (name for name, why in EXCLUDED.items() if why == VOLUMES):
        with pytest.raises(nv.FileError, match="works on volumes"):
            nv.from_onnx(cases()[name].model).run_onnx(*as_arrays(cases()[name].data_sets[0][0]))
