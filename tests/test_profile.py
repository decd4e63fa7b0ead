"""The profile: every node with its times, nothing changed by it; how fast it is, nobody asks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from networks import ALL, SEEN, pictures

import nnviz as nv
from nnviz.draw import picture
from nnviz.draw.profile import MOST
from nnviz.engine.layer import Layer
from nnviz.engine.layers import Dense, Dropout, MaxPooling2D, ReLU
from nnviz.engine.walk import live_nodes
from nnviz.errors import ArgumentError
from nnviz.inspection.anatomy import profile, summary
from nnviz.inspection.anatomy.stopwatch import Stopwatch
from nnviz.inspection.results import load_result

MODELS = {**ALL, **SEEN}
TIMES = ("forward", "backward", "grads")


@pytest.mark.parametrize("backward", [True, False])
@pytest.mark.parametrize("kind", MODELS)
def test_every_node_has_its_times_and_the_shares_add_up(kind, backward):
    model = MODELS[kind]()
    got = profile(model, pictures(model, 5), repeats=2, backward=backward)
    assert [node.name for node in got.nodes] == [node.name for node in model.nodes]
    assert [node.kind for node in got.nodes] == [type(node.layer).__name__ for node in model.nodes]
    assert [node.shape for node in got.nodes] == [model.shapes[node.name] for node in model.nodes]
    assert all(getattr(node, part) >= 0 for node in got.nodes for part in TIMES)
    assert got.total == pytest.approx(sum(getattr(n, part) for n in got.nodes for part in TIMES))
    assert sum(node.share for node in got.nodes) == pytest.approx(1)
    assert got.wall > 0
    assert (got.pictures, got.repeats) == (5, 2)
    assert sum(node.mult_adds for node in got.nodes) == summary(model, ["mult_adds"]).mult_adds


@pytest.mark.parametrize("kind", MODELS)
def test_what_runs_in_training_and_what_does_not(kind):
    model = MODELS[kind]()
    got = profile(model, pictures(model, 5), repeats=1)
    live = live_nodes(model.nodes, (), params=True)  # what leads back to something that learns
    for node, timed in zip(model.nodes, got.nodes, strict=True):
        fused = model.head == "softmax" and node.name == model.output_name
        assert (timed.forward > 0) != fused, node.name
        assert (timed.grads > 0) == bool(node.layer.params), node.name
        asked = not fused and any(name in live for name in node.inputs)
        assert (timed.backward > 0) == asked, node.name


def test_a_prediction_goes_forward_alone_and_through_the_head():
    model = SEEN["digits"]()
    got = profile(model, pictures(model, 3), repeats=1, backward=False)
    assert all(node.forward > 0 and node.backward == node.grads == 0 for node in got.nodes)


@pytest.mark.parametrize("backward", [True, False])
def test_the_model_stays_as_it_was(backward):
    model = ALL["chain"]()
    before, kinds = model.fingerprint(), dict(Layer.registry)
    profile(model, pictures(model, 5), repeats=1, backward=backward)
    assert model.fingerprint() == before
    assert kinds == Layer.registry
    assert "_idle" not in nv.training.OPTIMIZERS


def test_the_timed_model_gives_the_same_numbers_and_takes_its_laps_once():
    model = ALL["residual"]()
    watch, x = Stopwatch(model), pictures(model, 5)
    # A prediction folds the normalization into the weights beside it; what is timed does not.
    np.testing.assert_allclose(watch.model.predict(x), model.predict(x), rtol=1e-6)
    laps = watch.take()
    assert {name for name, _ in laps} == {node.name for node in model.nodes}
    assert {part for _, part in laps} == {"forward"}
    assert not watch.take()


def test_what_a_layer_calls_of_itself_counts_once():
    class _Slow(ReLU):
        def forward(self, *xs, mode):
            self.forward_part(*xs, mode=mode)
            return super().forward(*xs, mode=mode)

    model = nv.Sequential([_Slow()], (3,))
    watch = Stopwatch(model)
    watch.model.run(np.ones((1, 3), np.float32))
    assert len(watch._laps) == 1


def test_the_rate_counts_two_operations_for_each_multiply_add_of_what_ran():
    model = nv.Sequential([nv.Dense(4), nv.Dense(3)], (5,))
    node = profile(model, pictures(model, 2), repeats=1).nodes[1]
    node = replace(node, forward=1e-9, backward=2e-9, grads=3e-9)
    assert node.mult_adds == 12
    assert node.seconds == pytest.approx(6e-9)
    assert node.rate("forward") == pytest.approx(24)
    assert node.rate("backward", "grads") == pytest.approx(48 / 5)
    assert node.gflops == node.rate() == pytest.approx(72 / 6)
    assert replace(node, backward=0.0).gflops == pytest.approx(48 / 4)
    assert replace(node, backward=0.0).rate("backward") is None
    assert replace(node, mult_adds=0).gflops is None
    assert replace(node, mult_adds=None).gflops is None


@pytest.mark.parametrize("head", ["sigmoid", "tanh", None])
def test_any_head_is_trained_with_its_loss(head):
    model = nv.Sequential([nv.Flatten(), nv.Dense(2, activation=head)], (4, 3, 1))
    got = profile(model, pictures(model, 4), repeats=1)
    assert got.nodes[1].grads > 0


def test_a_model_that_learns_nothing_has_no_way_back():
    model = nv.Sequential([MaxPooling2D(2), Dropout(0.5)], (4, 4, 1))
    got = profile(model, pictures(model, 4), repeats=1)
    assert all(node.forward > 0 and node.backward == node.grads == 0 for node in got.nodes)


@pytest.mark.parametrize("dtype", [np.uint8, np.float64, np.int64])
def test_pictures_of_every_kind(dtype):
    model = SEEN["digits"]()
    x = np.ones((2, 28, 28, 1), dtype)
    assert profile(model, x, repeats=1).pictures == 2
    assert profile(model, nv.data.Dataset(x), repeats=1, backward=False).pictures == 2


def test_on_how_many_threads_it_ran():
    model = SEEN["digits"]()
    with nv.threads(3):
        assert profile(model, pictures(model, 200), repeats=1).threads == 3
        assert profile(model, pictures(model, 1), repeats=1).threads == 1


def test_bad_questions_are_refused():
    model = SEEN["digits"]()
    x = pictures(model, 2)
    for bad in (0, -1, 2.5, True, "7", float("nan")):
        with pytest.raises(ArgumentError, match="repeats of profile must be a whole number"):
            profile(model, x, repeats=bad)
    for bad in (1, None, "yes"):
        with pytest.raises(ArgumentError, match="backward must be True or False, got"):
            profile(model, x, backward=bad)
    with pytest.raises(ArgumentError, match="the input is empty"):
        profile(model, x[:0])
    with pytest.raises(ArgumentError, match="the input has shape"):
        profile(model, x[:, 1:])


def test_the_table_says_what_was_measured():
    model = SEEN["digits"]()
    made = profile(model, pictures(model, 2), repeats=1)
    times = {"forward": 0.0, "backward": 2e-6, "grads": 5e-4}
    nodes = (
        replace(made.nodes[0], **times, mult_adds=251_000_000, share=0.75),
        replace(made.nodes[1], forward=1e-6, backward=0.0, grads=0.0, mult_adds=0, share=0.25),
    )
    text = str(replace(made, nodes=nodes, wall=1e-3, pictures=1, repeats=7, threads=2))
    assert text == TABLE


TABLE = """\
Microseconds for one picture: medians of 7 runs of 1 picture on 2 threads
Node (type)           Forward  Backward  Grads    Mult-Adds  GFLOP/s  Share
===========================================================================
conv2d_1 (Conv2D)           –       2.0  500.0  251,000,000  2,000.0  75.0%
conv2d_1/relu (ReLU)      1.0         –      –            –        –  25.0%
===========================================================================
All nodes: 503.0; the whole run: 1,000.0, 1,000 pictures a second"""


def test_it_is_saved_loaded_and_drawn(tmp_path):
    model = SEEN["wide"]()
    got = profile(model, pictures(model, 2), repeats=1)
    got.save(tmp_path / "profile.npz")
    again = load_result(tmp_path / "profile.npz")
    assert again == got
    drawn = picture(again)
    assert drawn.dtype == np.uint8
    assert np.array_equal(drawn, picture(got))
    assert got._repr_png_().startswith(b"\x89PNG")


def test_of_many_nodes_the_slowest_are_drawn():
    deep = nv.Sequential([Dense(2) for _ in range(MOST + 3)], (2,))
    got = profile(deep, np.ones((1, 2)), repeats=1, backward=False)
    few = picture(replace(got, nodes=got.nodes[:MOST]))
    assert picture(got).shape[0] > few.shape[0]
