"""Every operator that nnviz promises to read, in every version from opset 6 on, with its odder
settings, as onnxruntime has it: the conformance cases know only the newest version of each.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import Any

import numpy as np
import pytest

import nnviz as nv

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
from onnx_cases import CASES, Case  # noqa: E402
from onnx_cases_found import FOUND  # noqa: E402

helper = onnx.helper


@cache
def since() -> dict[str, set[int]]:
    """Operator -> the opsets at which it changed."""
    found = defaultdict(set)
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == "":
            found[schema.name].add(schema.since_version)
    return found


def versions(one: Case) -> list[int]:
    """Each opset from 6 on at which the operator changed, among those that the case is for."""
    return sorted({max(v, one.first) for v in since()[one.op] if v <= one.last})


def graph(one: Case, opset: int) -> tuple[Any, dict[str, np.ndarray]]:
    """The file, and what goes in."""
    names, weights, given, rng = [], [], {}, np.random.default_rng(0)
    for place, value in enumerate(one.inputs):
        name = "" if value is None else f"i{place}"
        names.append(name)
        if isinstance(value, tuple):
            low = 0.3 if one.positive else -2.0
            given[name] = rng.uniform(low, 2.0, value).astype(np.float32)
        elif value is not None:
            weights.append(onnx.numpy_helper.from_array(np.asarray(value), name))
    outputs = [f"o{k}" for k in range(one.outputs)]
    node = helper.make_node(one.op, names, outputs, name="it", **one.attributes)
    ports = [helper.make_tensor_value_info(n, 1, a.shape) for n, a in given.items()]
    if opset < 9 and weights:  # as it was then: a weight is an input as well
        ports += [helper.make_tensor_value_info(w.name, w.data_type, w.dims) for w in weights]
    kinds = [1] * one.outputs
    if one.op in ("ArgMax", "Shape"):
        kinds = [7]
    if one.op == "Cast":
        kinds = [one.attributes["to"]]
    if one.op == "MaxPool":
        kinds[1:] = [7] * (one.outputs - 1)
    if one.op == "Dropout":
        kinds[1:] = [9 if opset >= 10 else 1] * (one.outputs - 1)
    if one.op == "Constant" and {"value_int", "value_ints"} & set(one.attributes):
        kinds = [7]
    ends = [helper.make_tensor_value_info(n, k, None) for n, k in zip(outputs, kinds, strict=True)]
    made = helper.make_graph([node], "g", ports, ends, weights)
    version = helper.make_opsetid("", opset)
    return helper.make_model(made, opset_imports=[version], ir_version=3 if opset < 9 else 8), given


EVERY = [(one, opset) for one in (*CASES, *FOUND) for opset in versions(one)]


def told(value: Any) -> str:
    if isinstance(value, Case):
        shown = [v if isinstance(v, tuple) else v if v is None else list(np.shape(v))
                 for v in value.inputs]  # fmt: skip
        return f"{value.op}-{shown}-{value.attributes}".replace(" ", "")[:120]
    return str(value)


def oracle(model: Any, given: dict[str, np.ndarray]) -> list[np.ndarray] | None:
    """What onnxruntime gives; None where it does not have this."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        raw = model.SerializeToString()
        session = onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
        return session.run(None, given)
    except Exception:  # its errors have no common class
        return None


ARITHMETIC = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide,
              "Pow": np.power}  # fmt: skip


def along(one: Case, first: np.ndarray) -> list[np.ndarray]:
    """Two tensors as they met before opset 7: the second's axes lie along the first's."""
    second = first if isinstance(one.inputs[1], tuple) else one.inputs[1]
    if "axis" in one.attributes:
        missing = first.ndim - one.attributes["axis"] - second.ndim
        second = second.reshape(*second.shape, *(1,) * missing)
    return [ARITHMETIC[one.op](first, second)]


def wanted_of(one: Case, opset: int) -> list[np.ndarray] | None:
    """What must come out. Before opset 7 onnxruntime lacks much: what did not change is asked of
    opset 7, and arithmetic is NumPy's."""
    found = oracle(*graph(one, opset))
    if found is not None or opset > 6:
        return found
    given = list(graph(one, opset)[1].values())
    if one.op in ARITHMETIC:
        return along(one, given[0]) if len(given) == 1 else [ARITHMETIC[one.op](*given)]
    if one.op == "PRelu":
        return [np.where(given[0] < 0, one.inputs[1].reshape(-1, 1, 1) * given[0], given[0])]
    return oracle(*graph(one, 7))


@pytest.mark.parametrize(("one", "opset"), EVERY, ids=told)
def test_version(one, opset):
    model, given = graph(one, opset)
    wanted = wanted_of(one, opset)
    if wanted is None:
        pytest.skip("onnxruntime does not have it")
    found = nv.from_onnx(model).run_onnx(*given.values())
    assert len(found) == len(wanted)
    for mine, its in zip(found, wanted, strict=True):
        assert mine.dtype == its.dtype
        assert mine.shape == its.shape
        np.testing.assert_allclose(mine, its, rtol=2e-4, atol=2e-5)
