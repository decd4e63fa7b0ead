"""Maps that say nothing: each way has its words, and every method uses them."""

from __future__ import annotations

import numpy as np
import pytest
from networks import pictures
from test_methods import POOLED, explained

import nnviz as nv
from nnviz.inspection.attribution import METHODS
from nnviz.inspection.results import BEYOND, BROKEN, degenerate, same_for_every_class


def test_each_way_of_saying_nothing_has_its_words():
    fine = np.arange(6.0).reshape(1, 2, 3)
    single = np.zeros((1, 2, 3))
    single[0, 1, 1] = 2
    cases = {
        "2 of 6 values are NaN or infinite": np.array([[[1, np.nan, 3], [np.inf, 5, 6]]]),
        "the map is zero everywhere": np.zeros((1, 2, 3)),
        "the map has the same value everywhere": np.full((1, 2, 3), 0.5),
        "all of the map lies in a single cell": single,
    }
    score = np.ones(1)
    assert degenerate(fine, "why", scores=score) == ()
    for words, values in cases.items():
        why = BEYOND if "NaN" in words else "why"
        assert degenerate(values, "why", scores=score) == (f"{words}: {why}",)
    both, scores = np.concatenate([fine, single]), np.ones(2)
    told = "picture 1: all of the map lies in a single cell: why"
    assert degenerate(both, "why", scores=scores) == (told,)
    assert degenerate(np.ones((1, 1, 1)), "why", scores=score) == ()


@pytest.mark.parametrize("method", ["gradient", "occlusion", "grad_cam", "lime", "rise", "lrp"])
def test_of_an_output_that_is_not_finite_the_true_cause_is_named(method):
    """A map may even be finite (a bias has no gradient), and still explains nothing."""
    layers = [nv.Conv2D(4, 3, activation="relu"), nv.Flatten(), nv.Dense(3, name="last")]
    model = nv.Sequential(layers, (8, 8, 1), seed=0)
    model.parameters()["last/bias"][0] = np.nan
    got = nv.explain(model, pictures(model, 2), 0, method=method)
    assert len(got.warnings) == 2
    for i, warning in enumerate(got.warnings):
        assert warning.startswith(f"picture {i}: ")
        assert warning.endswith(f"of 64 values are NaN or infinite: {BROKEN}")
    fine = nv.explain(model, pictures(model, 2), 1, method=method)
    assert not any("NaN" in warning for warning in fine.warnings)


@pytest.mark.parametrize("method", [m.name for m in METHODS.values() if "node" in m.options])
def test_a_node_with_a_single_place_is_the_cause_of_a_flat_map(method):
    if method in POOLED:
        pytest.skip("it takes its own node")
    layers = [nv.Conv2D(4, 3, activation="relu"), nv.MaxPooling2D(2), nv.Conv2D(5, 3, name="one")]
    model = nv.Sequential([*layers, nv.ReLU(name="last"), nv.Flatten(), nv.Dense(3)], (8, 8, 1),
                          seed=2)  # fmt: skip
    model.parameters()["one/bias"][:] = 0.3
    got = explained(model, pictures(model, 1), None, method, node="last")
    if np.ptp(got.values) == 0 and got.values.any():
        assert (
            "the map has the same value everywhere: node 'last' has a single place; try an "
            "earlier node"
        ) in got.warnings
    else:
        assert not any("same value" in text for text in got.warnings)


def test_maps_that_do_not_depend_on_the_class():
    one = np.random.default_rng(0).random((1, 4, 4))
    assert same_for_every_class(np.repeat(one, 3, axis=0))
    assert same_for_every_class(np.repeat(one, 3, axis=0) * (1 + 1e-9))
    assert not same_for_every_class(np.concatenate([one, one[:, ::-1]]))
    assert not same_for_every_class(one)
