"""Changed copies by noted calls: the same numbers for other pictures, fills and weights."""

from __future__ import annotations

import numpy as np
import pytest
from networks import pictures
from test_boxes import agree, full, some_boxes
from test_passes import digits

import nnviz as nv
from nnviz.engine import again_copies, rerun
from nnviz.engine.again import Again
from nnviz.engine.again_copies import NotedRun
from nnviz.engine.passes import unchanged
from nnviz.engine.replay import Run
from nnviz.engine.rerun import rerun_boxes

BOXES = some_boxes((26, 22), np.random.default_rng(0), 40, (3, 2))
WANT = ["preds", "second"]


@pytest.fixture
def played(monkeypatch):
    """Which batches were made by notes that were there already."""
    found, again = [], again_copies.NotedCopies.again

    def seen(self, *given):
        found.append(self)
        return again(self, *given)

    monkeypatch.setattr(again_copies.NotedCopies, "again", seen)
    return found


def rerun_of(model, x, value, **options):
    return rerun_boxes(model, model.run(x), BOXES, value, WANT, **options)


def test_other_pictures_fills_and_weights_take_the_same_calls(played):
    model, (x, other) = digits(), pictures(digits(), 2)[:, None]
    first = rerun_of(model, x, 0.5)
    assert not played
    agree(rerun_of(model, other, 0.25), full(model, other, BOXES, 0.25, WANT), np.float32)
    for array in model.parameters().values():
        array *= 0.5  # in place, as an optimizer does
    agree(rerun_of(model, x, 0.5), full(model, x, BOXES, 0.5, WANT), np.float32)
    assert len(played) == 4  # two batches each
    for array in model.parameters().values():
        array *= 2
    for name, values in rerun_of(model, x, 0.5).items():
        np.testing.assert_array_equal(values, first[name])


def test_a_layer_in_the_place_of_another_has_notes_of_its_own(played):
    model, x = digits(), pictures(digits(), 1)
    rerun_of(model, x, 0.5)
    model.node("second").layer.params["weight"] = model.node("second").layer.params["weight"] * 2
    agree(rerun_of(model, x, 0.5), full(model, x, BOXES, 0.5, WANT), np.float32)
    assert not played


def test_what_comes_out_is_not_overwritten_by_the_next_picture():
    model, (x, other) = digits(), pictures(digits(), 2)[:, None]
    first = rerun_of(model, x, 0.5)
    kept = {name: values.copy() for name, values in first.items()}
    rerun_of(model, other, 0.1)
    for name, values in kept.items():
        np.testing.assert_array_equal(first[name], values)


def test_other_boxes_of_the_same_number_are_other_copies():
    model, x = digits(), pictures(digits(), 1)
    rerun_of(model, x, 0.5)
    moved = np.array(BOXES)
    moved[0] = moved[-1]
    got = rerun_boxes(model, model.run(x), moved, 0.5, WANT)
    agree(got, full(model, x, moved, 0.5, WANT), np.float32)


@pytest.mark.parametrize("block", [1, 3, 7, 1000])
def test_so_many_at_a_time_as_stay_in_the_cache(monkeypatch, block):
    """The last block of a batch is smaller, or there is one alone: the numbers are the same."""
    model, x = digits(), pictures(digits(), 1)
    made = NotedRun.of

    def of(*given):
        one, held = made(*given)
        return NotedRun(one.model, one.places, one.run, block, one.moment), held

    monkeypatch.setattr(NotedRun, "of", of)
    for want in (["preds"], WANT):
        for _ in range(2):
            got = rerun_boxes(model, model.run(x), BOXES, 0.5, want)
            agree(got, full(model, x, BOXES, 0.5, want), np.float32)


def kinds(model, boxes, memory=rerun.MEMORY):
    trace = model.run(pictures(model, 1))
    return rerun._kinds(
        model, "input", boxes, ["preds"], lambda name: rerun._one(trace, name, 0), memory
    )


def test_what_would_hold_too_much_memory_is_not_noted(monkeypatch):
    def ways(memory=rerun.MEMORY):
        return {type(run) for _, run in kinds(digits(), BOXES, memory)}

    assert ways() == {NotedRun}
    assert ways(memory=again_copies.MOST_BYTES) == {Run}  # notes may fill all of that
    monkeypatch.setattr(again_copies, "MOST_BYTES", 1 << 10)
    assert ways() == {Run}


def test_a_kind_is_known_by_its_copies():
    """Whether a normalization can be folded depends on its numbers, so full passes come and go, and
    with them a kind's number among the others."""
    ((some, made),) = kinds(digits(), BOXES)
    parts = [(some, made.run), (some[:-1], made.run)]
    first, second = again_copies.noted(digits(), "here", parts, 1, rerun.MEMORY)
    (alone,) = again_copies.noted(digits(), "here", parts[1:], 1, rerun.MEMORY)
    assert first[1].places != second[1].places == alone[1].places


@pytest.mark.parametrize("memory", [1 << 16, 1 << 20, 64 << 20])
def test_who_gives_little_memory_keeps_no_notes(memory):
    """They would outlive the run, one more for each of its batches."""
    model, x = digits(), pictures(digits(), 1)
    trace, boxes = model.run(x), some_boxes((26, 22), np.random.default_rng(3), 300, (4, 4))
    rerun_boxes(model, trace, boxes, 0.5, ["preds"], memory=memory)
    assert not Again.of(model)._spare


def test_notes_hold_about_what_was_said():
    model, x = digits(), pictures(digits(), 1)
    boxes = some_boxes((26, 22), np.random.default_rng(3), 300, (4, 4))
    ((some, made),) = kinds(model, boxes)
    said = NotedRun.of(model, made.places, made.run, len(some), 2)[1]
    rerun_boxes(model, model.run(x), boxes, 0.5, ["preds"])
    held = sum(one.bytes for notes in Again.of(model)._spare.values() for one in notes)
    assert said / 2 < held < 2 * said


def test_an_unchanged_picture_has_all_values_and_is_lent_again():
    model, (x, other) = digits(), pictures(digits(), 2)[:, None]
    lent = []
    for one in (x, other, x):
        with unchanged(model, one) as trace:
            lent.append(trace.input)
            plain = model.run(one, prepared=True)
            agree(
                {node.name: trace[node.name].y for node in model.nodes},
                {node.name: plain[node.name].y for node in model.nodes},
                np.float32,
            )
            np.testing.assert_array_equal(trace.input, one)
    assert lent[0] is lent[1] is lent[2]
    with unchanged(model, x) as trace, unchanged(model, other) as beside:
        assert beside.input is not trace.input
        np.testing.assert_array_equal(trace.input, x)


def test_maps_of_several_pictures_and_fills_are_those_of_each_alone():
    model, x = digits(), pictures(digits(), 3)
    together = nv.occlusion(model, x, 1, patch=3, stride=2, fill="noise", repeats=2, seed=4)
    for i, one in enumerate(x):
        alone = nv.occlusion(digits(), one[None], 1, patch=3, stride=2, fill="noise", repeats=2,
                             seed=4)  # fmt: skip
        np.testing.assert_array_equal(together.values[i], alone.values[0])


class Seen(nv.Target):
    """The first class, keeping every output that it was shown."""

    def __init__(self):
        self.shown = []

    def node(self, model):
        return "preds"

    def values(self, y):
        self.shown.append((y, y.copy()))
        return y[:, 0]

    def describe(self, model):
        return "what was seen"


def test_what_a_target_is_shown_is_not_overwritten_by_the_next_picture():
    """The values of the unchanged picture lie in memory that is lent; a target may keep its own."""
    model, target = digits(), Seen()
    for x in pictures(model, 2)[:, None]:
        nv.occlusion(model, x, target, patch=5, stride=4)
    for y, as_it_was in target.shown:
        np.testing.assert_array_equal(y, as_it_was)
