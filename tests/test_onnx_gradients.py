"""The way back through every operator that nnviz reads: central differences in float64, or an error
that names the node where there is no derivative. (Steps, such as a cast to whole numbers, have the
derivative 0.)"""

from __future__ import annotations

import numpy as np
import pytest

import nnviz as nv

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx_cases import CASES, NEWEST  # noqa: E402
from test_onnx_versions import graph, told, versions  # noqa: E402

STEP = 1e-6


def last(one):
    return max(v for v in versions(one) if v <= NEWEST)


WITH_DATA = [one for one in CASES if any(isinstance(value, tuple) for value in one.inputs)]
SMOOTH = [one for one in WITH_DATA if one.op not in ("ArgMax", "Shape")]


def opened(one):
    """The model of a node, in float64, whose first data input is the model's; and a point."""
    model, given = graph(one, last(one))
    name, *others = given
    read = nv.from_onnx(model, input=name, values={key: given[key] for key in others})
    rng = np.random.default_rng(1)
    sample = (2, *read.input.shape)
    low = 0.3 if one.positive else -2.0
    return read.astype(np.float64), rng.uniform(low, 2.0, sample), rng


def test_every_operator_that_takes_data_is_here():
    assert len({one.op for one in WITH_DATA}) >= 68


@pytest.mark.parametrize("one", SMOOTH, ids=told)
def test_backward_is_the_derivative(one):
    try:
        model, x, rng = opened(one)
        trace = model.run(x, prepared=True)
    except nv.ArgumentError as error:  # the batch is worked along: there is no model, only run_onnx
        assert "can only be run" in str(error)
        pytest.skip("no model for one picture at a time")
    seed, way = rng.standard_normal(trace.output.shape), rng.standard_normal(x.shape)
    gradient = model.backward(trace, {model.output_name: seed})["input"]
    up, down = (model.run(x + s * way, prepared=True).output for s in (STEP, -STEP))
    wanted = float(((up - down) * seed).sum()) / (2 * STEP)
    found = float((gradient * way).sum())
    assert abs(found - wanted) <= 1e-6 * max(1.0, abs(wanted), float(np.abs(trace.output).max()))


@pytest.mark.parametrize("one", [one for one in WITH_DATA if one.op == "ArgMax"], ids=told)
def test_where_there_is_no_derivative_an_error_says_so(one):
    model, x, _ = opened(one)
    trace = model.run(x, prepared=True)
    with pytest.raises(nv.ArgumentError, match="node 'it' .* has no derivative"):
        model.backward(trace, {model.output_name: np.ones_like(trace.output)})
