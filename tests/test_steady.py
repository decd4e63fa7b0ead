"""Drawing until the map is settled: blocks are put together as one run would be."""

from __future__ import annotations

import numpy as np
import pytest
from networks import SEEN, pictures
from scipy.special import ndtr

import nnviz as nv
from nnviz.errors import ArgumentError
from nnviz.inspection.attribution.steady import DRAWN, _Pool, firmness, until_steady
from nnviz.inspection.results import Attribution, Provenance


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
    """Of two pixels that differ by d, each with the error 1, the higher stays so with Φ(d / √2)."""
    for apart in (0.5, 1.0, 3.0):
        map_ = np.array([[apart, 0.0, -50.0, -60.0]])
        got = firmness(map_, np.ones((1, 4)), 0.25)
        assert got == pytest.approx(ndtr(apart / np.sqrt(2)), abs=0.12)
    values = np.array([[4.0, 1.0, 0.0, 0.0]])
    assert firmness(values, np.zeros((1, 4)), 0.25) == 1
    tied = np.array([[2.0, 2.0, 0.0, 0.0]])
    assert firmness(tied, np.full((1, 4), 0.1), 0.25) == 1, "both or neither"
    assert firmness(tied, np.full((1, 4), 100.0), 0.25) == pytest.approx(0.5, abs=0.12), "by chance"
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


def hill():
    """A map that falls off evenly from the middle: the hardest for a threshold to cut."""
    at = np.hypot(*(np.indices((20, 20)) - 9.4))
    return 1 - at / at.max()


@pytest.mark.parametrize(
    ("confidence", "noise", "steep"),
    [(0.6, 1.0, 1), (0.8, 0.3, 1), (0.8, 0.3, 6), (0.8, 1.0, 6), (0.9, 0.3, 6)],
)
def test_what_is_settled_is_found_again(monkeypatch, confidence, noise, steep):
    """Draws are a known map with noise: of the region where it stopped, as much as was asked for is
    in the true one, over 24 seeds."""
    truth = hill() ** steep

    def drawn(model, x, target, *, method, samples, seed):
        rng = np.random.default_rng(seed)
        values = truth + noise * rng.normal(size=(samples, *truth.shape))
        error = values.std(axis=0, ddof=1) / np.sqrt(samples)
        made = Provenance("", method)
        return Attribution(values.mean(axis=0)[None], np.zeros(1), made, error=error[None])

    monkeypatch.setattr("nnviz.inspection.attribution.steady.explain", drawn)
    model = SEEN["digits"]()
    x, best = pictures(model, 1), set(np.argsort(-truth.ravel())[:20].tolist())
    again, samples = [], []
    for seed in range(24):
        got = until_steady(model, x, 0, confidence=confidence, most=5000, seed=seed)
        assert got.settled.all()
        again.append(len(best & set(np.argsort(-got.values.ravel())[:20].tolist())) / 20)
        samples.append(got.samples[0])
    spread = np.std(again, ddof=1) / np.sqrt(24)
    assert np.mean(again) >= confidence - 0.04 - 2 * spread, (np.mean(again), np.mean(samples))


@pytest.mark.slow
@pytest.mark.parametrize("method", DRAWN)
def test_fewer_draws_than_the_fixed_count_on_the_shipped_network(method):
    """And what they settle on is found again: see `docs/believe.md` for more pictures and seeds."""
    model, x = nv.load("mnist-cnn"), nv.data.load("sample").x[::250]
    drawn = DRAWN[method]
    got = until_steady(model, x, method=method, seed=5)
    assert got.samples.mean() < drawn.fixed
    assert got.settled.all()
    long = {drawn.option: 4 * drawn.fixed, "seed": 77, **drawn.options}
    other = nv.explain(model, x, method=method, **long).values
    both = [[set(np.argsort(-v.ravel())[:40].tolist()) for v in maps]
            for maps in (got.values, other)]  # fmt: skip
    assert np.mean([len(a & b) / 40 for a, b in zip(*both, strict=True)]) > 0.7


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
