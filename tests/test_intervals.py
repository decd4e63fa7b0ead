"""Intervals of means: as wide as they say, and never outside of what can be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import SEEN, pictures

import nnviz as nv
from nnviz.inspection.evaluation.intervals import crossed, mean_there, student
from nnviz.inspection.evaluation.scores import MEASURES, score

shares = st.lists(st.floats(0, 1), min_size=2, max_size=6)


def test_students_interval_by_hand():
    mean, (low, high) = student(np.array([1.0, 2.0, 3.0, np.nan]))
    assert mean == 2
    assert high - mean == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert mean - low == pytest.approx(high - mean)
    assert student(np.array([3.0, np.nan])) == (3.0, None)
    none, interval = student(np.array([np.nan]))
    assert math.isnan(none)
    assert interval is None


@given(shares)
def test_an_interval_stays_where_its_numbers_may_be(values):
    """Of two pictures t is 12.7, so the uncut interval nearly always sticks out."""
    mean, (low, high) = student(np.array(values), (0.0, 1.0))
    assert 0 <= low <= mean <= high <= 1
    _, (left, right) = student(np.array(values))
    assert low == pytest.approx(min(mean, max(0, left)))
    assert high == pytest.approx(max(mean, min(1, right)))


def test_crossed_intervals():
    """With one column it is Student's of the rows; of one row nothing is known of other rows."""
    rows = np.array([[0.1], [0.4], [0.2]])
    np.testing.assert_allclose(crossed(rows)[1], student(rows[:, 0])[1])
    assert crossed(rows.T)[1] is None
    assert crossed(np.array([[0.5], [1.0]]), (-1, 1))[1] == (-1, 1)
    same = crossed(np.full((2, 3), 0.25))
    assert same == (0.25, (0.25, 0.25))
    mean, (low, high) = crossed(np.array([[0.0, 2.0], [2.0, 4.0]]))
    # both variances of the mean are 1, with one degree of freedom each: two in all
    assert (mean, high - mean) == (2, pytest.approx(4.302653 * math.sqrt(2), rel=1e-6))
    assert low == pytest.approx(4 - high)


def test_what_is_missing_is_left_out():
    nan = math.nan
    values = np.array([[1.0, nan, 3.0], [nan, nan, 7.0]])
    np.testing.assert_array_equal(mean_there(values, 0), [1, nan, 5])
    np.testing.assert_array_equal(mean_there(values, 1), [2, 7])
    np.testing.assert_array_equal(mean_there(values), 11 / 3)
    assert np.isnan(mean_there(values[:, 1]))
    full = np.array([[0.1, 0.4], [0.3, 0.2]])
    holed = np.full((3, 3), nan)
    holed[:2, :2] = full
    np.testing.assert_allclose(crossed(holed)[1], crossed(full)[1])
    assert crossed(holed[2:])[1] is crossed(np.full((2, 2), nan))[1] is None


@pytest.mark.parametrize("spread", [(1, 0.1), (0.1, 1), (0.5, 0.5)])
def test_crossed_intervals_hold_the_truth_as_often_as_they_say(spread):
    """Rows and columns have effects of their own: 95 % of the intervals hold the mean."""
    rng = np.random.default_rng(0)
    held = []
    for _ in range(400):
        rows, cols = (s * rng.normal(size=n) for s, n in zip(spread, (4, 8), strict=True))
        _, (low, high) = crossed(rows[:, None] + cols + 0.2 * rng.normal(size=(4, 8)))
        held.append(low <= 0 <= high)
    assert 0.92 <= np.mean(held) <= 1


@pytest.mark.parametrize("n", [2, 3])
def test_no_score_leaves_its_range(n):
    """Each score's interval, and that of each lead over a control, with very few pictures."""
    model = SEEN["digits"]()
    x = pictures(model, n)
    masks = np.zeros(x.shape[:3], bool)
    masks[:, 3:9, 3:9] = True
    found = score(
        model, x, nv.explain(model, x, 1, method="integrated_gradients", steps=3), 1, masks=masks,
        steps=5, draws=4,
    )  # fmt: skip
    assert set(found.names) == set(MEASURES)
    for name, (low, high) in zip(found.names, found.ends, strict=True):
        there = found.values[:, found.names.index(name)]
        there = there[np.isfinite(there)]
        assert ((low <= there) & (there <= high)).all(), name
        one = found[name]
        assert low <= one.interval[0] <= one.mean <= one.interval[1] <= high, name
        for beside in one.controls:
            if beside.interval is not None:
                assert low - high <= beside.interval[0] <= beside.interval[1] <= high - low, name
    assert found.ends[found.names.index("entropy"), 1] == pytest.approx(math.log(x[0, ..., 0].size))


def test_the_range_of_what_is_no_probability_is_open():
    """The curves of a channel's mean are no probabilities; what a map alone is judged by stays."""
    model = SEEN["digits"]()
    x, target = pictures(model, 2), nv.Channel("conv2d_1", 0)
    found = score(
        model, x, nv.explain(model, x, target, method="gradient"), target, steps=3, draws=2
    )
    ends = dict(zip(found.names, found.ends.tolist(), strict=True))
    assert ends["deletion"] == ends["average_drop"] == [-math.inf, math.inf]
    assert ends["gini"] == ends["infidelity"] == [0, 1]
