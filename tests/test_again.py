"""What is made again from noted calls is what a walk through the layers gives."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import nnviz as nv
from nnviz.engine import again, way
from nnviz.engine.layer import Call, Mode
from nnviz.engine.layers import Pad, ReLU, Slice, Softmax, TrueConv2D
from nnviz.engine.sweep import sweep
from nnviz.engine.walk import ByKind
from nnviz.inspection.attribution.rules import guided
from nnviz.testing import check_layer


def digits(**first):
    """Layers of all kinds that repeat, with Winograd's way among them."""
    layers = [
        TrueConv2D(8, 3, activation="relu", **first),
        nv.Conv2D(16, 3, padding="same", activation="relu"),
        nv.MaxPooling2D(2),
        nv.Conv2D(16, 3, strides=2, groups=2, use_bias=False),
        nv.Dropout(0.25),
        nv.Flatten(),
        nv.Dense(24, activation="relu"),
        nv.Dense(5, activation="softmax"),
    ]
    return nv.Sequential(layers, (26, 22, 1), seed=3)


def pictures(n, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).random((n, 26, 22, 1)).astype(dtype)


def walked(model, x):
    """The plain way: everything kept."""
    return model.run(x).output


def is_close(got, wanted):
    return got.dtype == wanted.dtype and np.abs(got - wanted).max() <= 5e-6


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_other_pictures_of_the_shape_get_the_numbers_of_a_walk(n):
    model = digits()
    for seed in range(3):
        x = pictures(n, seed)
        assert is_close(model.predict(x), walked(model, x))


def test_the_bits_are_those_of_the_first_time_at_any_number_of_threads():
    model, x = digits(), pictures(40)
    first = model.predict(x)
    kept = first.copy()
    model.predict(pictures(40, 1))
    assert (first == kept).all()  # nothing of the answer lies in memory that is used again
    for count in (1, 2, 3):
        with nv.threads(count):
            assert (model.predict(x) == first).all()
            assert (digits().predict(x) == first).all()


def test_parameters_that_have_changed_count():
    model, x = digits(), pictures(3)
    before = model.predict(x)
    for array in model.parameters().values():
        array *= 1.1
        array += 0.01
    assert is_close(model.predict(x), walked(model, x))
    layer = model.node("dense_2").layer
    layer.params["weight"] = -layer.params["weight"]
    assert is_close(model.predict(x), walked(model, x))
    assert np.abs(model.predict(x) - before).max() > 1e-3


def test_a_layers_settings_that_have_changed_count():
    model, x = digits(), pictures(3)
    layer = model.nodes[0].layer
    plain = model.predict(x)
    layer.params["bias"] += 0.3
    assert not is_close(model.predict(x), plain)
    layer.use_bias = False
    assert is_close(model.predict(x), plain)
    assert is_close(model.predict(x), walked(model, x))


def test_pixels_of_any_dtype():
    model = digits()
    for x in (pictures(3, dtype=np.float64), (pictures(3) * 255).astype(np.uint8)):
        for _ in range(2):
            assert is_close(model.predict(x), walked(model, x))


def test_several_callers_at_once():
    model = digits()
    batches = [pictures(3, seed) for seed in range(40)]
    wanted = [model.predict(x) for x in batches]
    with ThreadPoolExecutor(4) as pool:
        for got, right in zip(pool.map(model.predict, batches), wanted, strict=True):
            assert (got == right).all()


@pytest.mark.parametrize("rule_for", [None, ByKind({ReLU: guided}, shut=True, repeats=True)])
@pytest.mark.parametrize("until", [("input",), ("conv2d_2", "conv2d_1"), ("dense_1",)])
@pytest.mark.parametrize("block_bytes", [1, 40_000, 10**9])
def test_there_and_back_in_blocks_of_any_size(monkeypatch, block_bytes, until, rule_for):
    monkeypatch.setattr(again, "BLOCK_BYTES", block_bytes)
    model = digits()
    read = ("dense_2", "max_pooling2d_1", "conv2d_2")
    for seed in range(3):
        x = pictures(21, seed)
        rng = np.random.default_rng(seed)
        dys = {name: rng.random((21, *model.shapes[name]), np.float32) for name in read[::2]}
        got = sweep(
            model, x, lambda _, rows, dys=dys: {name: dy[rows] for name, dy in dys.items()},
            read=read, until=until, rule_for=rule_for,
        )  # fmt: skip
        trace = model.run(x)
        wanted = model.backward(trace, dys, until=until, rule_for=rule_for)
        for name in read:
            assert is_close(got.outputs[name], trace[name].y)
        for name in until:
            assert is_close(got.gradients[name], wanted[name])
    assert again._kept[model]._spare


def test_seeds_of_other_nodes_along_the_same_way():
    model, x = digits(), pictures(6)
    read = ("dense_2", "conv2d_2")
    dys = {name: np.ones((6, *model.shapes[name]), np.float32) for name in read}
    for asked in (read, read[:1], read[1:], read):
        some = {name: dys[name] for name in asked}
        got = sweep(
            model, x, lambda _, rows, some=some: {name: dy[rows] for name, dy in some.items()},
            read=read,
        )  # fmt: skip
        wanted = model.backward(model.run(x), some)["input"]
        assert np.abs(got.gradients["input"] - wanted).max() <= 5e-6 * np.abs(wanted).max()


def test_only_so_many_kinds_are_noted(monkeypatch):
    monkeypatch.setattr(again, "MOST_KINDS", 3)
    model = digits()
    for n in range(2, 20, 2):
        assert is_close(model.predict(pictures(n)), walked(model, pictures(n)))
    kept = again.Again.of(model)
    assert len(kept._spare) == 3
    assert len(kept._plans) <= 4


def test_what_holds_too_much_memory_is_let_go(monkeypatch):
    model = digits()
    model.predict(pictures(2))
    model.predict(pictures(8))
    kept = again.Again.of(model)
    small, large = (
        again.prediction_key((model.output_name,), n, np.dtype(np.float32)) for n in (1, 4)
    )
    assert list(kept._spare) == [small, large]
    monkeypatch.setattr(again, "MOST_BYTES", 2 * kept._spare[small][0].bytes)
    for _ in range(2):  # the oldest go first, and what is large by itself is not kept at all
        assert is_close(model.predict(pictures(8)), walked(model, pictures(8)))
        assert is_close(model.predict(pictures(2)), walked(model, pictures(2)))
    assert [key for key, spare in kept._spare.items() if spare] == [small]
    assert not kept.suits([large])


def test_all_models_share_the_memory_for_notes(monkeypatch):
    """Those of the model that was run the longest ago go first, and only as many as must."""
    monkeypatch.setattr(again, "_kept", type(again._kept)())
    first, second, third = models = digits(), digits(), digits()
    with nv.threads(1):  # two would take notes each, where they are at work at one time
        first.predict(pictures(8))
        size = again.Again.of(first).held()
        assert size > 0
        monkeypatch.setattr(again, "MOST_BYTES", int(2.5 * size))
        second.predict(pictures(8))
        first.predict(pictures(8))
        assert [again.Again.of(model).held() for model in models] == [size, size, 0]
        third.predict(pictures(8))
        assert [again.Again.of(model).held() for model in models] == [size, 0, size]
        for model in models:
            assert is_close(model.predict(pictures(8)), walked(model, pictures(8)))


def test_notes_go_with_their_model():
    model = digits()
    model.predict(pictures(2))
    gc.collect()
    count = len(again._kept)
    del model
    gc.collect()
    assert len(again._kept) == count - 1


def test_a_layer_of_ones_own_is_walked_through():
    class Twice(nv.Conv2D):
        def forward(self, *xs, mode):
            y, saved = super().forward(*xs, mode=mode)
            return 2 * y, saved

    model = nv.Sequential([Twice(4, 3), nv.Flatten(), nv.Dense(2)], (8, 8, 1))
    for seed in range(2):
        x = np.random.default_rng(seed).random((3, 8, 8, 1), dtype=np.float32)
        assert is_close(model.predict(x), walked(model, x))
    assert not again.Again.of(model).plan(model, x)


def test_a_function_put_in_the_place_of_ours_is_called(monkeypatch):
    model, x = digits(), pictures(3)
    before = model.predict(x)
    monkeypatch.setattr(
        nv.Dense, "forward", lambda self, x, mode: (x @ self.params["weight"], None)
    )
    for seed in (0, 1):
        assert is_close(model.predict(pictures(3, seed)), walked(model, pictures(3, seed)))
    monkeypatch.undo()
    assert (model.predict(x) == before).all()


def test_a_flattening_that_something_goes_past():
    x = nv.Input((6, 6, 2))
    maps = nv.Conv2D(4, 3)(x)
    join = nv.Add()(nv.Dense(3)(nv.Flatten()(maps)), nv.Dense(3)(nv.Flatten()(x)))
    assert again.flattening(list(enumerate(nv.Model(x, join).nodes))) == 0
    assert again.flattening(list(enumerate(digits().nodes))) == 7
    pooled = list(enumerate(residual().nodes))
    assert again.flattening(pooled) == len(pooled) - 2  # what follows reads the pool alone
    assert again.flattening(pooled[:-2]) == 0


def test_the_battery_finds_a_call_that_is_not_noted():
    class Hasty(Softmax):
        def forward(self, *xs, mode):
            return np.negative(xs[0]), None

        def backward(self, dy, call):
            return -dy

        def window(self, i=0):
            return None

    with pytest.raises(nv.NnvizError, match="forward at prediction made again by its noted calls"):
        check_layer(Hasty(), (4, 3))


def test_the_battery_finds_a_lean_run_that_saved_too_little():
    class Curious(ReLU):
        repeats = False

        def backward(self, dy, call):
            return dy * (call.x > 0)

    with pytest.raises(nv.NnvizError, match="backward of a lean run, by `saved` alone"):
        check_layer(Curious(), (4, 3))


def test_a_bias_after_the_pool_gives_the_same_bits(monkeypatch):
    layers = [
        nv.Conv2D(8, 3, activation="relu"), nv.MaxPooling2D(2), nv.Conv2D(12, 3, padding="same"),
        nv.MaxPooling2D(3, strides=2, padding="same"), nv.Flatten(), nv.Dense(4),
    ]  # fmt: skip
    model = nv.Sequential(layers, (26, 22, 1), seed=2)
    for name in ("conv2d_1", "conv2d_2"):
        bias = model.parameters()[f"{name}/bias"]
        bias[:] = np.random.default_rng(0).standard_normal(bias.shape)
    x = pictures(9)
    late = model.predict(x)
    monkeypatch.setattr(again, "bias_last", lambda nodes, keep: nodes)
    again._kept.pop(model)
    assert (model.predict(x) == late).all()


@pytest.mark.parametrize("at", ["max_pooling2d_1", "flatten_1", "conv2d_1", "input"])
def test_a_bias_is_added_late_where_a_sweep_does_not_go_back_through_the_pool(monkeypatch, at):
    model, x = digits(), pictures(5)
    bias = model.parameters()["conv2d_1/bias"]
    bias[:] = np.random.default_rng(0).standard_normal(bias.shape)

    def swept():
        def seeds(outputs, rows):
            return {"dense_1": np.ones_like(outputs["dense_1"])}

        return sweep(model, x, seeds, read=("dense_1", at), until=(at,))

    late = swept()
    monkeypatch.setattr(way, "bias_last", lambda nodes, keep, passed: nodes)
    again._kept.pop(model)
    plain = swept()
    for name in ("dense_1", at):
        assert (late.outputs[name] == plain.outputs[name]).all()
    assert (late.gradients[at] == plain.gradients[at]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 16, 24, 32, 33, 48])
def test_a_few_rows_and_a_large_weight(n, dtype):
    rng = np.random.default_rng(n)
    dense = nv.Dense(128, use_bias=False)
    dense.build(rng, (9216,))
    dense = dense.astype(dtype)
    x, dy = rng.standard_normal((n, 9216)).astype(dtype), rng.standard_normal((n, 128))
    y, _ = dense.forward(x, mode=Mode())
    dx = dense.backward(dy.astype(dtype), Call((x,), y, None, Mode()))
    weight = dense.params["weight"].astype(np.float64)
    for got, wanted in ((y, x @ weight), (dx, dy @ weight.T)):
        assert got.dtype == dtype
        close = 5e-6 if dtype == np.float32 else 1e-13
        assert np.abs(got - wanted).max() <= close * np.abs(wanted).max()


def residual():
    """What a residual network is made of: normalization, a shortcut, a slice with a frame."""
    x = nv.Input((12, 10, 3))
    first = ReLU()(nv.BatchNormalization()(nv.Conv2D(8, 3, padding="same")(x)))
    second = nv.BatchNormalization()(nv.Conv2D(8, 3, padding="same", use_bias=False)(first))
    joined = ReLU()(nv.Add()(second, first))
    third = nv.BatchNormalization()(nv.Conv2D(16, 3, strides=2, padding="same")(joined))
    short = Pad(((0, 0), (0, 0), (4, 4)))(Slice((1, 2), (0, 0), (12, 10), (2, 2))(joined))
    pooled = nv.GlobalAveragePooling2D()(nv.Add()(third, short))
    model = nv.Model(x, nv.Dense(4)(nv.BatchNormalization()(pooled)), seed=1)
    rng = np.random.default_rng(5)
    for node in model.nodes:
        for array in (*node.layer.params.values(), *node.layer.buffers.values()):
            array += rng.random(array.shape, np.float32) * 0.5
    return model


def test_normalization_goes_into_the_weights_that_there_are_now():
    model = residual()
    x = np.random.default_rng(0).random((5, 12, 10, 3), dtype=np.float32)
    for _ in range(3):
        np.testing.assert_allclose(model.predict(x), walked(model, x), rtol=1e-5)
        for node in model.nodes:
            for array in (*node.layer.params.values(), *node.layer.buffers.values()):
                array *= 1.1
    assert again.Again.of(model).plan(model, x)
    # As weights these numbers would leave the range: each layer is run by itself until they fit.
    gamma = model.node("batch_normalization_1").layer.params["gamma"]
    gamma[...], kept = 3e38, gamma.copy()
    model.node("conv2d_1").layer.params["weight"][...] *= 100
    assert not again.Again.of(model).plan(model, x)
    gamma[...] = kept
    np.testing.assert_allclose(model.predict(x), walked(model, x), rtol=1e-5)
    assert again.Again.of(model).plan(model, x)


def test_a_residual_network_there_and_back_by_noted_calls():
    model = residual()
    for seed in range(3):
        x = np.random.default_rng(seed).random((5, 12, 10, 3), dtype=np.float32)
        dy = np.random.default_rng(seed).random((5, 4), np.float32)
        ask = lambda _, rows, dy=dy: {model.output_name: dy[rows]}  # noqa: E731
        got = sweep(model, x, ask, read=(model.output_name,))
        wanted = model.backward(model.run(x), {model.output_name: dy})["input"]
        assert np.abs(got.gradients["input"] - wanted).max() <= 5e-6 * np.abs(wanted).max()
    assert again._kept[model]._spare
