"""A data set stands for its pictures wherever pictures are taken, and for its labels."""

from __future__ import annotations

import numpy as np
import pytest
from networks import SEEN, chain, pictures

import nnviz as nv
from nnviz.data import Dataset
from nnviz.draw import picture
from nnviz.errors import ArgumentError
from nnviz.inspection.evaluation import compare, explain_mistakes, flips, mistakes
from nnviz.inspection.maximize import maximize


def labelled(model, n=12):
    y = np.random.default_rng(1).integers(0, model.output_shape[0], n)
    return Dataset(pictures(model, n), y)


ASKED = {
    "predict": lambda m, x, y: m.predict(x),
    "evaluate": lambda m, x, y: m.evaluate(x, np.zeros(12, int)).loss,
    "feature_maps": lambda m, x, y: nv.feature_maps(m, x, m.nodes[0].name).values,
    "explain": lambda m, x, y: nv.explain(m, x, 1).values,
    "mistakes": lambda m, x, y: mistakes(m, x, *y).confusion,
    "flips": lambda m, x, y: flips(m, x, *y).answers,
    "explain_mistakes": lambda m, x, y: explain_mistakes(m, x, *y).for_truth,
    "compare": lambda m, x, y: compare(m, m, x, *y).labels,
    "maximize": lambda m, x, y: maximize(m, 0, steps=2, against=x).best,
}


@pytest.mark.parametrize("what", ASKED)
def test_a_data_set_is_its_pictures_and_labels(what):
    model = next(iter(SEEN.values()))()
    data, ask = labelled(model), ASKED[what]
    np.testing.assert_array_equal(ask(model, data, ()), ask(model, data.x, (data.y,)))


def test_labels_given_beside_a_data_set_are_the_ones_that_count():
    model = chain()
    data = labelled(model)
    other = (data.y + 1) % 3
    np.testing.assert_array_equal(mistakes(model, data, other).labels, other)


@pytest.mark.parametrize("ask", [mistakes, flips, explain_mistakes])
def test_without_any_labels_nothing_can_be_judged(ask):
    model = chain()
    for x in (pictures(model, 3), Dataset(pictures(model, 3))):
        with pytest.raises(ArgumentError, match="labels are missing: give class numbers, or a dat"):
            ask(model, x)


def test_pictures_are_drawn_beside_their_maps():
    model = next(iter(SEEN.values()))()
    data = labelled(model, 3)
    for result in (
        nv.explain(model, data, 1),
        nv.feature_maps(model, data, model.nodes[0].name),
        explain_mistakes(model, data),
    ):
        wanted = picture(result, pictures=data.x)
        np.testing.assert_array_equal(picture(result, pictures=data), wanted)


def test_an_arrays_own_fields_are_no_data_set():
    model = chain()
    x = pictures(model, 2).view(np.recarray)
    np.testing.assert_array_equal(model.predict(x), model.predict(np.asarray(x)))
