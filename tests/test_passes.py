"""Copies of which nearly everything changes: full passes by noted calls, with the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from networks import pictures
from test_boxes import agree, drawn, full, one_for_all_threads, some_boxes, stays_below

import nnviz as nv
from nnviz.engine import alike, rerun
from nnviz.engine.again_copies import NotedRun
from nnviz.engine.boxes import plan
from nnviz.engine.graph import INPUT, Input
from nnviz.engine.passes import QUICKER, Passes, share
from nnviz.engine.replay import Run
from nnviz.engine.rerun import rerun_boxes


def digits() -> nv.Model:
    layers = [
        nv.Conv2D(8, 3, activation="relu", name="first"),
        nv.Conv2D(12, 3, name="second"),
        nv.MaxPooling2D(2, name="pool"),
        nv.Flatten(),
        nv.Dense(16, activation="relu", name="hidden"),
        nv.Dense(5, activation="softmax", name="preds"),
    ]
    return drawn(nv.Sequential(layers, (26, 22, 1), seed=0), np.float32)


def ways(monkeypatch, model, boxes, want, source=INPUT, memory=rerun.MEMORY):
    """What each kind of copies was made by, and the outputs."""
    made, found = [], rerun._kinds

    def seen(*args):
        kinds = found(*args)
        made.extend(type(run) for _, run in kinds)
        return kinds

    monkeypatch.setattr(rerun, "_kinds", seen)
    trace = model.run(pictures(model, 1, model.nodes[0].layer.params["weight"].dtype))
    return made, rerun_boxes(model, trace, boxes, 0.5, want, source=source, memory=memory)


@pytest.mark.parametrize("want", [["preds/softmax"], ["preds", "preds/softmax"], ["second"],
                                  ["preds/softmax", "pool", "first"]], ids=str)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_changes_are_full_passes_with_the_numbers_of_full_passes(monkeypatch, want, dtype):
    model = digits().astype(dtype)
    boxes = some_boxes((26, 22), np.random.default_rng(0), 70, (21, 19))
    made, got = ways(monkeypatch, model, boxes, want)
    assert made == [Passes]
    agree(got, full(model, pictures(model, 1, dtype), boxes, 0.5, want), dtype)


def test_small_changes_are_not(monkeypatch):
    boxes = some_boxes((26, 22), np.random.default_rng(0), 9, (2, 3))
    made, _ = ways(monkeypatch, digits(), boxes, ["preds"])
    assert made == [NotedRun]


def test_kinds_of_both_ways_come_back_in_the_order_of_the_boxes(monkeypatch):
    monkeypatch.setattr(alike, "PLAN", 1e-3)  # the least that another plan saves is worth it
    model, rng = digits(), np.random.default_rng(1)
    boxes = np.concatenate([some_boxes((26, 22), rng, 20, size) for size in ((3, 3), (22, 20))])
    boxes = boxes[rng.permutation(len(boxes))]
    made, got = ways(monkeypatch, model, boxes, ["preds"])
    assert {NotedRun, Passes} == set(made)
    assert made.count(Passes) == 1
    agree(got, full(model, pictures(model, 1), boxes, 0.5, ["preds"]), np.float32)


def test_a_node_as_source_or_layers_that_do_not_repeat_are_left_to_plans(monkeypatch):
    boxes = some_boxes((24, 20), np.random.default_rng(0), 9, (20, 18))
    assert ways(monkeypatch, digits(), boxes, ["preds"], source="first")[0] == [NotedRun]
    monkeypatch.setattr(nv.Dense, "repeats", False)
    assert ways(monkeypatch, digits(), boxes, ["preds"])[0] == [Run]


def test_what_has_not_changed_gives_the_very_numbers_of_before():
    model = digits()
    trace = model.run(pictures(model, 1, model.nodes[0].layer.params["weight"].dtype))
    boxes = some_boxes((26, 22), np.random.default_rng(2), 40, (24, 21))
    fills = np.array(np.broadcast_to(trace.input[0], (40, 26, 22, 1)))
    values = np.stack([fills[i, t:b, x:r] for i, (t, x, b, r) in enumerate(boxes)])
    values[3] += 1
    got = rerun_boxes(model, trace, boxes, values, ["preds"])["preds"]
    same = (got == trace["preds"].y[0]).all(axis=1)
    assert not same[3]
    assert same.sum() == 39


@pytest.mark.parametrize("memory", [1, 3_000_000, 1 << 28])
def test_memory_decides_the_batches_and_not_the_numbers(memory, monkeypatch):
    model = digits().astype(np.float64)
    boxes = some_boxes((26, 22), np.random.default_rng(3), 90, (22, 20))
    made, got = ways(monkeypatch, model, boxes, ["preds"], memory=memory)
    assert made == [Passes]
    agree(got, full(model, pictures(model, 1, np.float64), boxes, 0.5, ["preds"]), np.float64)


def test_no_more_memory_is_taken_than_was_said(monkeypatch):
    stays_below(12 << 20, digits(), (22, 20), monkeypatch)


def test_the_bits_do_not_depend_on_the_threads(monkeypatch):
    monkeypatch.setattr(
        "test_boxes.some_boxes", lambda size, rng, *_: some_boxes(size, rng, 90, (22, 20))
    )
    one_for_all_threads(digits())
    one_for_all_threads(digits(), memory=2_000_000)


def test_places_are_planned_once_for_a_model_as_it_is(monkeypatch):
    model, counts = digits(), []
    monkeypatch.setattr(rerun, "plan", lambda *args: counts.append(1) or plan(*args))
    trace, rng = model.run(pictures(model, 1)), np.random.default_rng(5)
    grids = [some_boxes((26, 22), rng, 7, (3, 3)) for _ in range(6)]
    for boxes in (grids[0], grids[0], grids[1], grids[0]):
        got = rerun_boxes(model, trace, boxes, 0.5, ["preds"])
        agree(got, full(model, pictures(model, 1), boxes, 0.5, ["preds"]), np.float32)
    assert len(counts) == 2
    rerun_boxes(model, trace, grids[0], 0.5, ["preds", "hidden"])
    assert len(counts) == 3  # other nodes
    for boxes in grids[1:]:
        rerun_boxes(model, trace, boxes, 0.5, ["preds"])
    rerun_boxes(model, trace, grids[0], 0.5, ["preds"])  # it is none of the latest by now
    assert len(counts) == 8
    model.node("second").layer.weight_init = "he_normal"  # a setting has changed
    rerun_boxes(model, trace, grids[0], 0.5, ["preds"])
    assert len(counts) == 9


@pytest.mark.parametrize(("patch", "least", "most"), [(1, 0.0, 0.3), (26, QUICKER, 1.1)])
def test_the_share_grows_from_little_to_all(patch, least, most):
    layers = [nv.Conv2D(12, 3, padding="same") for _ in range(3)]
    model = nv.Sequential([*layers, nv.Flatten(), nv.Dense(5)], (26, 26, 1), seed=0)
    made = plan(model, INPUT, np.array([[0, 0, patch, patch]]), [model.output_name])
    assert least <= share(made) <= most


def test_nothing_between_costs_all():
    x = Input((4, 4, 1))
    model = nv.Model(x, nv.Flatten()(x))
    assert share(plan(model, INPUT, np.array([[0, 0, 2, 2]]), [model.output_name])) == 1.0


@pytest.mark.parametrize("patch", [(3, 3), (19, 19)], ids=str)
def test_what_is_wanted_need_not_read_the_source_and_may_be_the_input(patch):
    x = Input((20, 20, 2))
    a, b = (nv.Conv2D(4, 3, padding="same", name=name)(x) for name in "ab")
    y = nv.Dense(5, name="d")(nv.Flatten()(nv.Add()(a, b)))
    model = drawn(nv.Model(x, y), np.float32)
    picture, boxes = pictures(model, 1), some_boxes((20, 20), np.random.default_rng(0), 700, patch)
    trace = model.run(picture)
    for want in (["b"], ["b", "d"]):
        got = rerun_boxes(model, trace, boxes, 0.5, want, source="a")
        agree(got, full(model, picture, boxes, 0.5, want, "a"), np.float32)
    for want in ([INPUT], [INPUT, "d"]):
        changed = rerun_boxes(model, trace, boxes, 0.5, want)[INPUT]
        for copy, (top, left, bottom, right) in zip(changed, boxes, strict=True):
            assert (copy[top:bottom, left:right] == 0.5).all()
            copy[top:bottom, left:right] = picture[0, top:bottom, left:right]
        np.testing.assert_array_equal(changed, np.broadcast_to(picture, changed.shape))


@pytest.mark.parametrize(("few", "kinds"), [(2, 1), (4, 2)])
def test_a_few_light_copies_go_the_way_of_the_many_heavy_ones(monkeypatch, few, kinds):
    model = digits()
    trace, want = model.run(pictures(model, 1), prepared=True), [model.output_name]
    boxes = np.array([[0, 0, 3, 3]] * 16)
    sorts, shares = [np.arange(16 - few), np.arange(16 - few, 16)], iter([1.0, 0.1])
    monkeypatch.setattr(rerun, "together", lambda *_: sorts)
    monkeypatch.setattr(rerun, "share", lambda _: next(shares))
    found = rerun._kinds(model, "input", boxes, want, lambda n: trace.values(n, 0)[0], 1 << 30)
    assert sum(len(some) for some, _ in found) == 16
    assert len(found) == kinds
    assert isinstance(found[0][1], Passes)
