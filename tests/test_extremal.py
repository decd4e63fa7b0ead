"""Masks found by descent: their slopes, and that they find what is planted."""

from __future__ import annotations

import numpy as np
import pytest
import reference_perturbation as reference
from networks import digits, pictures

import nnviz as nv
from nnviz.errors import ArgumentError
from nnviz.inspection.attribution import (
    explain,
    extremal_perturbation,
    meaningful_perturbation,
)
from nnviz.inspection.attribution.baseline import baselines
from nnviz.inspection.attribution.perturbation.extremal import (
    smooth_kernel,
    soft_maximum,
    variation_slope,
)
from nnviz.inspection.attribution.perturbation.masks import masked
from nnviz.inspection.attribution.perturbation.rise import stretching
from nnviz.inspection.attribution.question import Question

METHODS = ["meaningful_perturbation", "extremal_perturbation"]


def numeric(f, at, step=1e-6):
    """Central differences of a number."""
    slope = np.zeros_like(at)
    for i in np.ndindex(at.shape):
        up, down = at.copy(), at.copy()
        up[i] += step
        down[i] -= step
        slope[i] = (f(up) - f(down)) / (2 * step)
    return slope


def planted():
    """A network that sees nothing but rows 4 … 7 and cols 8 … 11 of a 16×20 picture."""
    model = nv.Sequential([nv.Flatten(), nv.Dense(1)], (16, 20, 1)).astype(np.float64)
    weight = model.parameters()["dense_1/weight"].reshape(16, 20)
    weight[...] = 0
    weight[4:8, 8:12] = 1
    truth = weight > 0
    return model, 0.5 + 0.5 * pictures(model, 1, np.float64), truth


@pytest.mark.parametrize("fill", [0.2, ["black", "blur"]])
def test_the_slope_behind_a_mask_is_the_numeric_one(fill):
    model = nv.Sequential(
        [nv.Conv2D(3, 3, activation="tanh"), nv.Flatten(), nv.Dense(2)], (6, 5, 2), seed=1
    ).astype(np.float64)
    question = Question.of(model, pictures(model, 1, np.float64), 1, "test")
    one = masked(question, baselines(question, fill))[0]
    mask = np.random.default_rng(0).random((6, 5))

    def value(m):
        points = [np.roll(one.through(m, f), (1, -2), axis=(1, 2)) for f in one.fills]
        return np.mean([model.run(point, prepared=True).output[0, 1] for point in points])

    np.testing.assert_allclose(one.slope(mask, (1, -2)), numeric(value, mask), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("shape", [(4, 5), (1, 3), (1, 1)])
def test_total_variation(shape):
    m = np.random.default_rng(1).random(shape)
    wanted = numeric(reference.total_variation, m)
    np.testing.assert_allclose(variation_slope(m), wanted, rtol=1e-6, atol=1e-9)


def test_the_soft_maximum_and_its_way_back():
    rng = np.random.default_rng(2)
    kernel, cells, slope = rng.random((9, 4)), rng.random(4), rng.normal(size=9)
    m, back = soft_maximum(kernel, cells)
    np.testing.assert_allclose(m, reference.soft_maximum(kernel, cells), rtol=1e-12)

    def value(c):
        return soft_maximum(kernel, c)[0] @ slope

    np.testing.assert_allclose(back(slope), numeric(value, cells), rtol=1e-6)
    wide = smooth_kernel((8, 12), (4, 3))
    assert wide.shape == (96, 12)
    assert wide.max() == 1
    # k falls with the distance in cells, and is 1 within half of σ = 1½ cells
    assert wide.reshape(8, 12, 4, 3)[0, 1, 0, 0] == 1


def test_stretching_keeps_what_is_constant():
    for length, cells in [(28, 8), (5, 5), (7, 1)]:
        up = stretching(length, cells)
        np.testing.assert_allclose(up.sum(axis=1), 1, rtol=1e-15)
        assert (up >= 0).all()
    np.testing.assert_array_equal(stretching(5, 5), np.eye(5))


@pytest.mark.parametrize("method", METHODS)
def test_they_find_what_is_planted(method):
    model, x, truth = planted()
    options = {"cells": (8, 10), "fill": 0.0}
    if method == "extremal_perturbation":
        options["area"] = 0.1
    got = explain(model, x, 0, method=method, **options)
    values = got.values[0]
    assert values[truth].mean() > 0.7
    assert values[~truth].mean() < 0.2
    assert values.min() >= 0
    assert values.max() <= 1


def test_the_area_is_kept_in_both_games():
    model, x, truth = planted()
    for game in ("preserve", "delete"):
        got = extremal_perturbation(
            model, x, 0, cells=(8, 10), fill=0.0, area=0.12, game=game, steps=200
        ).values[0]
        assert 0.08 < got.mean() < 0.18
        assert got[truth].mean() > 0.7


def test_a_higher_price_deletes_less():
    model = digits()
    x = pictures(model, 1)
    cheap, dear = (
        meaningful_perturbation(model, x, 1, size=size, steps=40).values.mean()
        for size in (0.1, 10.0)
    )
    assert dear < cheap


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps of .* must be a whole number from 1 to 100,000, got 0"),
        ({"rate": 0}, "rate of .* must be a finite number above 0"),
        ({"shift": -1}, "shift of .* must be a whole number from 0 to 1,000"),
        ({"seed": 1.5}, "seed of .* must be a whole number"),
        ({"cells": 33}, "cells of .* must be at most 32 each way, got 33"),
        ({"cells": (4, 0)}, "cells of .* must be one or two whole numbers of at least 1"),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_bad_options_are_refused(method, options, message):
    model = digits()
    with pytest.raises(ArgumentError, match=message):
        explain(model, pictures(model, 1), 1, method=method, **options)


def test_options_of_one_method():
    model = digits()
    x = pictures(model, 1)
    with pytest.raises(ArgumentError, match=r"size of .* must be a finite number of at least 0"):
        meaningful_perturbation(model, x, 1, size=-1)
    with pytest.raises(ArgumentError, match=r"smooth of .* must be a finite number of at least 0"):
        meaningful_perturbation(model, x, 1, smooth=np.inf)
    with pytest.raises(ArgumentError, match=r"area of .* number above 0 and at most 1"):
        extremal_perturbation(model, x, 1, area=0)
    with pytest.raises(ArgumentError, match="no game named 'keep'"):
        extremal_perturbation(model, x, 1, game="keep")
