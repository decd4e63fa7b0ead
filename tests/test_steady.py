"""Drawing until the map is settled: blocks are put together as one run would be."""

from __future__ import annotations

import numpy as np
import pytest
from networks import SEEN, pictures
from scipy.special import ndtr

import nnviz as nv
from nnviz.errors import ArgumentError
from nnviz.inspection.attribution.steady import DRAWN, _Pool, firmness, until_steady


def test_blocks_are_pooled_as_one_run():
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(60, 4, 5)) + 3
    pool = _Pool()
    for block in (draws[:10], draws[10:30], draws[30:]):
        n = len(block)
        pool.add(block.mean(axis=0), block.std(axis=0, ddof=1) / np.sqrt(n), n, n)
    np.testing.assert_allclose(pool.mean, draws.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(pool.error, draws.std(axis=0, ddof=1) / np.sqrt(60), rtol=1e-12)
    assert (pool.samples, pool.blocks) == (60, 3)


def test_firmness_by_hand():
    values = np.array([[4.0, 1.0, 0.0, 0.0]])
    assert firmness(values, np.full((1, 4), 0.5), 0.25) == pytest.approx(ndtr(3.0))
    assert firmness(values, np.zeros((1, 4)), 0.25) == 1
    two = firmness(values, np.ones((1, 4)), 0.5)
    assert two == pytest.approx((ndtr(3.5) + ndtr(0.5)) / 2)
    tied = np.array([[2.0, 2.0, 0.0, 0.0]])
    assert firmness(tied, np.ones((1, 4)), 0.25) == pytest.approx(ndtr(1.0)), "both or neither"
    assert firmness(np.zeros((2, 2)), np.ones((2, 2)), 0.25) == 0
    assert firmness(np.ones((1, 1)), np.ones((1, 1)), 0.25) == 1


SMALL = {
    "occlusion": {"patch": 9, "stride": 6},
    "shapley_sampling": {"segments": "grid", "count": 6},
    "rise": {"cells": 4},
}


@pytest.mark.parametrize("method", DRAWN)
def test_each_picture_by_itself(method):
    model = SEEN["digits"]()
    x = pictures(model, 2)
    options = {"method": method, "options": SMALL.get(method), "most": 3 * DRAWN[method].block}
    got = until_steady(model, x, (1, 0), **options)
    assert got.values.dtype == np.float32
    assert got.error.shape == got.values.shape
    assert (got.samples >= 2 * DRAWN[method].block).all()
    assert (got.samples <= 3 * DRAWN[method].block).all()
    assert ((got.firm >= 0.8) == got.settled).all()
    told = sum("is not settled after" in words for words in got.warnings)
    assert told == (~got.settled).sum()
    one = until_steady(model, x[1:], 0, **options)
    np.testing.assert_allclose(one.values[0], got.values[1], atol=1e-6)
    np.testing.assert_array_equal(one.samples, got.samples[1:])
    again = until_steady(model, x, (1, 0), **options)
    np.testing.assert_array_equal(again.values, got.values)
    other = until_steady(model, x, (1, 0), seed=1, **options)
    assert (other.values != got.values).any()


def test_more_confidence_takes_more_draws():
    model = SEEN["digits"]()
    x = pictures(model, 1)
    few, many = (
        until_steady(model, x, nv.Logit(1), confidence=c, most=400).samples[0] for c in (0.6, 0.97)
    )
    assert few < many


def test_what_is_refused():
    model = SEEN["digits"]()
    x = pictures(model, 1)
    for words, options in [
        ("no method named 'grad_cam'", {"method": "grad_cam"}),
        ("confidence of until_steady", {"confidence": 1}),
        ("region of until_steady", {"region": 0}),
        ("most of until_steady must be a whole number from 20", {"most": 19}),
        ("until_steady sets samples of smooth_grad itself", {"options": {"samples": 3}}),
        ("until_steady sets seed of smooth_grad itself", {"options": {"seed": 3}}),
    ]:
        with pytest.raises(ArgumentError, match=words):
            until_steady(model, x, **options)
