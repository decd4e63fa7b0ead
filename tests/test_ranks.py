"""Samples of any rank: what is no picture and no vector runs, is saved and walked back as well."""

from __future__ import annotations

import numpy as np
import pytest

import nnviz as nv
from nnviz.engine.layer import RANKS
from nnviz.errors import ArgumentError

SHAPES = [(), (3,), (3, 4), (2, 3, 2), (2, 3, 1, 2), (2, 1, 2, 1, 2), (1, 2, 1, 2, 1, 2)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_sample_of_any_rank_runs_there_and_back_and_is_saved(shape, tmp_path):
    layers = [nv.WithConstant.of("multiply", 3.0), nv.Tanh()]
    model = nv.Sequential(layers, input_shape=shape)
    x = np.random.default_rng(0).standard_normal((5, *shape))
    trace = model.run(x, prepared=True)
    np.testing.assert_allclose(trace.output, np.tanh(3 * x))
    dx = model.backward(trace, {model.output_name: np.ones_like(x)})["input"]
    np.testing.assert_allclose(dx, 3 * (1 - np.tanh(3 * x) ** 2))
    model.save(tmp_path / "raw.npz")
    again = nv.load(tmp_path / "raw.npz")
    assert again.input.shape == shape
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    np.testing.assert_array_equal(model.predict(x[0]), model.predict(x)[:1])
    assert "(None" in str(model.summary())


def test_too_many_axes_are_refused():
    with pytest.raises(ArgumentError, match="of up to 6 axes, without N"):
        nv.Input((1,) * (RANKS + 1))


def test_sizes_are_whole_numbers():
    for shape in ((2, 0), (1.5,), "ab", (1,) * (RANKS + 1)):
        with pytest.raises(ArgumentError, match="shape of WithConstant must be up to 6 whole"):
            nv.WithConstant("add", shape)
