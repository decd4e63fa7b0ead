"""Running a model forward, again in part, and backward: what a trace and its gradients hold."""

from __future__ import annotations

import networks
import numpy as np
import pytest
from same import assert_same

from nnviz.engine.executor import threads
from nnviz.engine.folding import pooled_first
from nnviz.engine.graph import INPUT, Input
from nnviz.engine.layer import Mode
from nnviz.engine.layers import Add, Conv2D, Flatten, GlobalAveragePooling2D, MaxPooling2D, ReLU
from nnviz.engine.model import Model
from nnviz.engine.sequential import Sequential
from nnviz.engine.sweep import sweep
from nnviz.errors import ArgumentError
from nnviz.testing.gradients import relative_error
from nnviz.testing.subject import generic

TRAIN = Mode(train=True)
EVERY = pytest.mark.parametrize("build", networks.ALL.values(), ids=networks.ALL)


def seeds_for(model, n, seed=8, dtype=np.float32):
    """A random gradient for the model's output."""
    rng = np.random.default_rng(seed)
    return {model.output_name: rng.standard_normal((n, *model.output_shape)).astype(dtype)}


def everything(trace):
    return {name: trace[name].y.copy() for name in trace.calls} | {INPUT: trace.input.copy()}


def assert_equal(got, wanted):
    assert got.keys() == wanted.keys()
    for name in wanted:
        np.testing.assert_array_equal(got[name], wanted[name], err_msg=name)


# Gradients of whole models ----------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("mode", [Mode(), TRAIN], ids=["predict", "train"])
def test_gradients_of_whole_models_are_the_numerical_ones(build, mode):
    model = build().astype(np.float64)
    rng = np.random.default_rng(0)
    x = generic(rng, (5, *model.input.shape)) / 4 + 0.5
    dy = rng.standard_normal((5, *model.output_shape))
    trace = model.run(x, mode=mode, seed=3)
    got = model.backward(trace, {model.output_name: dy}, params=True, until=[INPUT])

    def loss_at(given):
        return float((model.run(given, mode=mode, seed=3, prepared=True).output * dy).sum())

    direction = rng.standard_normal(trace.input.shape)
    assert relative_error(loss_at, trace.input, got[INPUT], direction) <= 1e-6
    assert got.params.keys() == model.parameters().keys()
    for name, grad in got.params.items():
        array = model.parameters()[name]
        before = array.copy()

        def loss_with(value, array=array):
            array[...] = value
            return float((model.run(x, mode=mode, seed=3).output * dy).sum())

        error = relative_error(loss_with, before, grad, rng.standard_normal(array.shape))
        array[...] = before
        assert error <= 1e-6, name


def test_a_three_way_identity_has_gradient_three():
    x = Input((4,))
    model = Model(x, Add()(x, x, x))
    trace = model.run(np.ones((2, 4)))
    np.testing.assert_array_equal(trace.output, 3 * np.ones((2, 4)))
    dy = np.arange(8.0).reshape(2, 4)
    np.testing.assert_array_equal(model.backward(trace, {"add_1": dy})[INPUT], 3 * dy)
    np.testing.assert_array_equal(dy, np.arange(8.0).reshape(2, 4))


def test_a_fan_out_deep_in_the_graph_adds_up_as_well():
    x = Input((2, 2, 1))
    relu = ReLU()(x)
    model = Model(x, Add()(ReLU()(relu), relu, Add()(relu, relu)))
    trace = model.run(np.ones((1, 2, 2, 1)))
    dx = model.backward(trace, {model.output_name: np.ones((1, 2, 2, 1))})[INPUT]
    np.testing.assert_array_equal(dx, np.full((1, 2, 2, 1), 4.0))


def test_gradients_of_an_averaging_fan_out_that_gives_read_only_views():
    x = Input((3, 3, 2))
    ways = [GlobalAveragePooling2D()(x) for _ in range(3)]
    model = Model(x, Add()(*ways))
    trace = model.run(np.ones((2, 3, 3, 2)))
    dx = model.backward(trace, {model.output_name: np.ones((2, 2))})[INPUT]
    np.testing.assert_allclose(dx, np.full((2, 3, 3, 2), 3 / 9))


# Seeds, until, keep -----------------------------------------------------------------------------


def test_until_and_seeds_in_the_middle():
    model = networks.chain()
    trace = model.run(networks.pictures(model))
    seeds = seeds_for(model, 9)
    got = model.backward(trace, seeds, until=["conv2d_1", "flatten_1", "preds"])
    assert set(got.at) == {"conv2d_1", "flatten_1", "preds"}
    assert got.params == {}
    middle = model.backward(trace, {"flatten_1": got["flatten_1"]}, until=["conv2d_1", INPUT])
    np.testing.assert_allclose(middle["conv2d_1"], got["conv2d_1"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(middle[INPUT], model.backward(trace, seeds)[INPUT], atol=1e-6)
    both = model.backward(trace, {**seeds, "flatten_1": -got["flatten_1"]})
    np.testing.assert_allclose(both[INPUT], 0, atol=1e-6)


def test_what_no_seed_leads_to_is_zero():
    model = networks.inception()
    trace = model.run(networks.pictures(model))
    dy = np.ones_like(trace["conv2d_1"].y)
    got = model.backward(trace, {"conv2d_1": dy}, until=["conv2d_2", "dense_1"])
    assert not got["conv2d_2"].any()
    assert got["dense_1"].shape == (9, 2)


def test_seeds_of_another_type_become_the_traces():
    model = networks.chain()
    trace = model.run(networks.pictures(model))
    whole = np.eye(3, dtype=int)[np.arange(9) % 3]
    got = model.backward(trace, {"preds": whole})[INPUT]
    assert got.dtype == np.float32
    assert got.any(), "whole-number seeds must not turn the weights into whole numbers"
    plain = model.backward(trace, {"preds": whole.astype(np.float32)})[INPUT]
    np.testing.assert_array_equal(got, plain)


def test_frozen_layers_have_no_gradients():
    model = networks.chain()
    model.node("conv2d_1").layer.trainable = False
    trace = model.run(networks.pictures(model))
    got = model.backward(trace, seeds_for(model, 9), params=True)
    assert not [k for k in got.params if k.startswith("conv2d_1")]
    assert "dense_1/weight" in got.params
    assert got.at == {}, "the input's gradient is not made unless it is asked for"


def test_keep_holds_these_and_the_output():
    model = networks.chain()
    x = networks.pictures(model)
    full = model.run(x)
    for keep in ((), ["preds"], ["conv2d_1", "preds"], list(full.calls)):
        trace = model.run(x, keep=keep)
        assert set(trace.calls) == {*keep, model.output_name}
        for name in trace.calls:
            assert_same(trace[name].y, full[name].y)
    assert_same(model.predict(x), full.output)
    np.testing.assert_array_equal(full["join" if "join" in full.calls else "preds"].x.shape, (9, 6))
    assert full["conv2d_1"].xs[0].shape == (9, 8, 7, 2)


WRONG = [
    (lambda m, t: m.run(networks.pictures(m), keep=["nix"]), "no node named 'nix'; this model has"),
    (lambda m, t: t["nix"], "no kept node named 'nix'; this trace has"),
    (lambda m, t: m.backward(t, {"nix": 0}), "no node named 'nix'"),
    (
        lambda m, t: m.backward(t, {"preds": np.ones((9, 4))}),
        r"the seed for 'preds' has shape \(9, 4\)",
    ),
    (lambda m, t: m.backward(t, {}, until=["nix"]), "no node named 'nix'"),
    (
        lambda m, t: m.backward(t, {})["preds"],
        "no gradient named 'preds'; this result .ask with until",
    ),
    (
        lambda m, t: m.backward(m.run(networks.pictures(m), keep=()), seeds_for(m, 9)),
        r"the trace kept only the outputs of .*: going backward needs a run with keep=None",
    ),
    (lambda m, t: m.rerun(t, {"nix": 0}), "no node named 'nix'"),
    (
        lambda m, t: m.rerun(t, {INPUT: [1.0]}),
        r"the new value of 'input' has shape \(1,\), expected",
    ),
    (
        lambda m, t: m.rerun(m.run(networks.pictures(m), mode=TRAIN), {}),
        "rerun needs a trace of a run without mode.train",
    ),
]


@pytest.mark.parametrize(("do", "message"), WRONG, ids=lambda v: v if isinstance(v, str) else "")
def test_wrong_questions_are_refused(do, message):
    model = networks.chain()
    trace = model.run(networks.pictures(model))
    with pytest.raises(ArgumentError, match=message):
        do(model, trace)


def test_a_backward_with_too_few_gradients_is_named():
    class _OneForTwo(Add):
        def backward(self, dy, call):
            return dy

    x = Input((3,))
    model = Model(x, _OneForTwo(name="sum")(x, ReLU()(x)))
    trace = model.run(np.ones((1, 3)))
    with pytest.raises(ArgumentError, match=r"backward of node 'sum' gave 1 gradient.s., expected"):
        model.backward(trace, {"sum": np.ones((1, 3))})


# Rules ------------------------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("mode", [Mode(), TRAIN], ids=["predict", "train"])
def test_a_rule_is_asked_for_every_node_and_the_plain_one_changes_nothing(build, mode):
    model = build()
    trace = model.run(networks.pictures(model), mode=mode)
    asked = set()

    def rule_for(node):
        asked.add(node.name)
        return type(node.layer).backward

    seeds = seeds_for(model, 9)
    got = model.backward(trace, seeds, rule_for=rule_for)[INPUT]
    assert asked == {node.name for node in model.nodes}
    np.testing.assert_array_equal(got, model.backward(trace, seeds)[INPUT])


def test_a_rule_takes_the_place_of_backward():
    model = networks.residual()
    trace = model.run(networks.pictures(model))

    def deconvnet(layer, dy, call):
        assert call.y.shape == dy.shape
        return np.maximum(dy, 0)

    def rule_for(node):
        return deconvnet if isinstance(node.layer, ReLU) else type(node.layer).backward

    at = model.backward(trace, seeds_for(model, 9), until=["stem", "stem/relu"], rule_for=rule_for)
    np.testing.assert_array_equal(at["stem"], np.maximum(at["stem/relu"], 0))


# Twice, again in part, threads ------------------------------------------------------------------


@EVERY
def test_running_twice_leaves_the_first_trace_as_it_was(build):
    model = build()
    first = model.run(networks.pictures(model))
    before = everything(first)
    seeds = seeds_for(model, 9)
    grads = model.backward(first, seeds)[INPUT].copy()
    model.run(networks.pictures(model, seed=6))
    model.run(networks.pictures(model, seed=7), mode=TRAIN)
    model.predict(networks.pictures(model, seed=8))
    assert_equal(everything(first), before)
    np.testing.assert_array_equal(model.backward(first, seeds)[INPUT], grads)


def test_training_mode_is_random_by_seed_and_step_alone():
    model = networks.chain()
    x = networks.pictures(model)

    def output(**key):
        return model.run(x, mode=TRAIN, **key).output

    np.testing.assert_array_equal(output(seed=1, step=2), output(seed=1, step=2))
    assert (output(seed=1, step=2) != output(seed=1, step=3)).any()
    assert (output(seed=1, step=2) != output(seed=2, step=2)).any()
    buffers = model.node("batch_normalization_1").layer.buffers
    assert not buffers["moving_mean"].any(), "a run changes no running statistics"


@EVERY
def test_a_rerun_equals_a_full_run(build):
    model = build()
    x = networks.pictures(model)
    trace = model.run(x)
    before = everything(trace)
    other = model.run(networks.pictures(model, seed=6))
    assert_equal(everything(model.rerun(trace, {INPUT: other.input})), everything(other))
    for name in trace.calls:
        got = model.rerun(trace, {name: other[name].y.astype(np.float64)})
        np.testing.assert_array_equal(got[name].y, other[name].y)
        assert got.output.dtype == np.float32
        for kept in trace.calls:
            same = trace[kept].y.shape == got[kept].y.shape
            assert same, kept
    assert_equal(everything(trace), before)


def test_a_rerun_shares_what_does_not_change_and_recomputes_the_rest():
    model = networks.residual()
    trace = model.run(networks.pictures(model))
    new = np.zeros_like(trace["conv2d_1"].y)
    got = model.rerun(trace, {"conv2d_1": new})
    assert got.calls["stem/relu"] is trace.calls["stem/relu"]
    norm = model.node("batch_normalization_1").layer
    flat, _ = norm.forward(new, mode=Mode())
    np.testing.assert_array_equal(got["join"].y, flat + trace["stem/relu"].y)
    assert model.rerun(trace, {}).output is not None
    held = model.rerun(trace, {"conv2d_1": new, "join": trace["join"].y})
    np.testing.assert_array_equal(held.output, trace.output)


@EVERY
def test_the_bits_are_the_same_for_any_number_of_threads(build):
    model = build()
    x = networks.pictures(model, 13)

    def bits(count):
        with threads(count):
            run = everything(model.run(x, mode=TRAIN, seed=4))
            trace = model.run(x)
            got = model.backward(trace, seeds_for(model, 13), params=True, until=[INPUT])
            return run | {f"d{k}": v for k, v in {**got.at, **got.params}.items()}

    one = bits(1)
    for count in (2, 3):
        assert_equal(bits(count), one)


@EVERY
def test_results_follow_the_inputs_dtype(build):
    model = build()
    for dtype in (np.float32, np.float64):
        trace = model.run(networks.pictures(model, dtype=dtype))
        got = model.backward(trace, seeds_for(model, 9), params=True, until=[INPUT])
        arrays = {**everything(trace), **got.at, **got.params}
        assert {a.dtype for a in arrays.values()} == {np.dtype(dtype)}
    assert {a.dtype for a in model.astype(np.float64).parameters().values()} == {np.dtype(float)}
    assert {a.dtype for a in model.parameters().values()} == {np.dtype(np.float32)}


def test_astype_keeps_a_shared_layer_shared():
    model = networks.twice().astype(np.float64)
    assert model.node("conv2d_1").layer is model.node("conv2d_1_2").layer


def test_work_aside_gives_its_answer_and_its_error():
    from nnviz.engine.executor import aside

    def wrong():
        raise ValueError("told")

    for count in (1, 2):
        with threads(count):
            assert aside(lambda: 5)() == 5
            answer = aside(wrong)
            with pytest.raises(ValueError, match="told"):
                answer()


@pytest.mark.parametrize("pool", [MaxPooling2D(2), MaxPooling2D(3, strides=2, padding="same")])
def test_a_pool_before_its_relu_gives_the_same_and_so_does_the_way_back(pool):
    """Ties, zeros and windows without anything above zero: the same bits both ways."""
    model = Sequential([Conv2D(3, 2), ReLU(), pool, Conv2D(4, 2), Flatten()], (9, 8, 2))
    rng = np.random.default_rng(0)
    x = rng.integers(-1, 2, (6, 9, 8, 2)).astype(np.float32)  # many ties
    model.nodes[0].layer.params["weight"] = rng.integers(-1, 2, (2, 2, 2, 3)).astype(np.float32)
    nodes = list(enumerate(model.nodes))
    assert pooled_first(nodes, {"re_lu_1"}) == nodes
    kinds = [type(node.layer).__name__ for _, node in pooled_first(nodes)]
    assert kinds == ["Conv2D", "MaxPooling2D", "ReLU", "Conv2D", "Flatten"]
    apart = [node for _, node in pooled_first(nodes, apart=True)]
    assert (apart == model.nodes) == (pool.strides != pool.pool_size)
    trace = model.run(x)
    dy = rng.integers(-3, 4, trace.output.shape).astype(np.float32)
    wanted = model.backward(trace, {"flatten_1": dy})[INPUT]
    swept = sweep(model, x, lambda _, rows: {"flatten_1": dy[rows]}, read=("flatten_1",))
    assert_same(swept.outputs["flatten_1"], trace.output)
    assert_same(swept.gradients[INPUT], wanted)
    assert_same(model.predict(x), trace.output)
