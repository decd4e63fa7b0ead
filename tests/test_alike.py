"""Copies that go together: each is in one kind, and the numbers are those of full passes."""

from __future__ import annotations

import numpy as np
import pytest
from networks import pictures
from test_boxes import (
    MODELS,
    TOLERANCE,
    agree,
    drawn,
    full,
    one_for_all_threads,
    some_boxes,
    stays_below,
)

from nnviz.engine import alike
from nnviz.engine.alike import together
from nnviz.engine.boxes import plan
from nnviz.engine.graph import INPUT
from nnviz.engine.layers import Conv2D, Dense, Flatten, GlobalAveragePooling2D
from nnviz.engine.model import Model
from nnviz.engine.rerun import rerun_boxes
from nnviz.engine.scratch import ScratchShelf
from nnviz.engine.sequential import Sequential
from nnviz.inspection.attribution.occlusion import places


@pytest.fixture
def cheap_plans(monkeypatch):
    """Even the least that another plan saves is worth it."""
    monkeypatch.setattr(alike, "PLAN", 1e-3)


def sorted_out(model: Model, boxes: np.ndarray) -> list[np.ndarray]:
    return together(model, INPUT, boxes, [model.output_name])


def deep(filters: int = 4) -> Model:
    layers = [Conv2D(filters, 3, padding="same") for _ in range(6)]
    return Sequential([*layers, GlobalAveragePooling2D(), Dense(2)], (40, 30, 2), seed=0)


def test_each_copy_is_of_one_kind_and_opposite_borders_are_alike(cheap_plans):
    boxes, grid = places((40, 30), (4, 4), (4, 2), "inside")
    found = sorted_out(deep(), boxes)
    np.testing.assert_array_equal(np.sort(np.concatenate(found)), np.arange(len(boxes)))
    assert all((np.diff(some) > 0).all() for some in found)
    of_copy = np.empty(len(boxes), int)
    for kind, some in enumerate(found):
        of_copy[some] = kind
    of_copy = of_copy.reshape(grid)
    np.testing.assert_array_equal(of_copy, of_copy[::-1])
    np.testing.assert_array_equal(of_copy, of_copy[:, ::-1])
    corner, middle = of_copy[0, 0], of_copy[grid[0] // 2, grid[1] // 2]
    assert len({corner, middle, of_copy[0, grid[1] // 2], of_copy[grid[0] // 2, 0]}) == 4


def test_a_kind_of_corners_has_smaller_regions(cheap_plans):
    model = deep()
    boxes, _ = places((40, 30), (4, 4), (4, 2), "inside")
    sizes = []
    for some in sorted_out(model, boxes):
        made = plan(model, INPUT, boxes[some], [model.output_name])
        sizes.append(made.steps[5].region.size if made.steps[5].region else (40, 30))
    assert max(sizes) == (16, 16)
    assert min(sizes) == (10, 10)


def test_what_saves_less_than_a_plan_costs_stays_together():
    boxes, _ = places((40, 30), (4, 4), (4, 2), "inside")
    assert len(sorted_out(deep(4), boxes)) == 1
    assert len(sorted_out(deep(64), np.repeat(boxes, 30, axis=0))) > 1


def test_without_a_window_all_stay_together(cheap_plans):
    model = Sequential([Flatten(), Dense(2)], (9, 9, 1), seed=0)
    boxes, _ = places((9, 9), (3, 3), (1, 1), "inside")
    assert len(sorted_out(model, boxes)) == 1


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_the_numbers_are_those_of_full_passes(name, dtype, cheap_plans):
    model = drawn(MODELS[name](), dtype)
    x = model.input.prepare(pictures(model, 1, dtype))
    boxes = some_boxes(model.input.shape[:2], np.random.default_rng(0), 30)
    values = np.random.default_rng(1).normal(size=model.input.shape[2]).astype(dtype)
    want = [model.output_name, model.nodes[0].name]
    got = rerun_boxes(model, model.run(x, prepared=True), boxes, values, want)
    agree(got, full(model, x, boxes, values, want), dtype, np.abs(x).max())


def test_each_copy_gets_its_own_values(cheap_plans):
    model = drawn(deep(), np.float64)
    x, rng = pictures(model, 1, np.float64), np.random.default_rng(2)
    boxes = some_boxes((40, 30), rng, 25, (5, 3))
    values = rng.normal(size=(25, 5, 3, 2))
    want = [model.output_name]
    assert len(sorted_out(model, boxes)) > 1
    got = rerun_boxes(model, model.run(x), boxes, values, want)
    agree(got, full(model, x, boxes, values, want), np.float64)


@pytest.mark.parametrize("name", ["digits", "wide"])
def test_the_bits_do_not_depend_on_the_threads(name, cheap_plans):
    one_for_all_threads(MODELS[name](), memory=300_000)


@pytest.mark.parametrize("name", ["colour", "digits"])
def test_no_more_memory_is_taken_than_was_said(name, monkeypatch, cheap_plans):
    stays_below(12 << 20, MODELS[name](), (3, 3), monkeypatch)


def test_a_roomy_scratch_lends_what_is_up_to_four_times_as_large():
    shelf = ScratchShelf()
    with shelf.borrow(arena=True) as scratch:
        made = scratch.keep((1000,), np.float32)
    with shelf.borrow(arena=True, roomy=True) as scratch:
        assert np.shares_memory(made, scratch.keep((600,), np.float32))
        assert not np.shares_memory(made, scratch.keep((600,), np.float32))
    with shelf.borrow(arena=True, roomy=True) as scratch:
        assert not np.shares_memory(made, scratch.keep((200,), np.float32))
    with shelf.borrow(arena=True) as scratch:
        assert not np.shares_memory(made, scratch.keep((900,), np.float32))
