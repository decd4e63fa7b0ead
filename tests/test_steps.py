"""Training by noted calls: a step that is made again gives, bit for bit, what a walk gives."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import networks
import numpy as np
import pytest

import nnviz as nv
from nnviz.engine import again, executor, tiles, winograd
from nnviz.engine.layer import Mode
from nnviz.engine.mode import Notes
from nnviz.engine.passes import outputs_of
from nnviz.engine.walk import Draw
from nnviz.training import SGD, Adam, Augmentation, CategoricalCrossentropy, Flip
from nnviz.training.recipes import RECIPES
from nnviz.training.step import Steps, train_step

RNG = np.random.default_rng(0)


def recipe():
    """Residual blocks whose convolutions are Winograd's."""
    return RECIPES["cifar-resnet"].build((12, 12, 3), 4, None, 0)


def dropping():
    layers = [
        nv.Conv2D(8, 3, activation="relu"), nv.SpatialDropout2D(0.2), nv.MaxPooling2D(2),
        nv.DepthwiseConv2D(3, padding="same"), nv.BatchNormalization(), nv.ReLU(),
        nv.Conv2DTranspose(4, 2, strides=2), nv.Dropout(0.3), nv.Flatten(),
        nv.Dense(6, activation="relu"), nv.BatchNormalization(), nv.Dropout(0.5),
        nv.Dense(4, activation="softmax"),
    ]  # fmt: skip
    return nv.Sequential(layers, (12, 12, 3), seed=4)


class Pair:
    """A model whose steps are noted, and its like that is walked through."""

    def __init__(self, build, optimizer=lambda: SGD(0.05, momentum=0.9), **settings):
        self.models = build(), build()
        self.loss, self.optimizers = CategoricalCrossentropy(), (optimizer(), optimizer())
        self.steps, self.made, self.settings = None, 0, settings
        model = self.models[0]
        self.x = RNG.random((40, *model.input.shape), dtype=np.float32)
        size = model.output_shape[-1]
        self.t = np.eye(size, dtype=np.float32)[RNG.integers(0, size, 40)]
        self.steps = Steps(model, self.loss, self.optimizers[0])

    def step(self, count=13):
        """One step of both on the same pictures; they must agree."""
        batch, draw = RNG.permutation(40)[:count], Draw(3, self.made)
        self.made += 1
        _, other = self.models
        got = self.steps.step(self.x, self.t, batch, draw, **self.settings)
        wanted = train_step(
            other, self.x, self.t, batch, self.loss, self.optimizers[1], draw, **self.settings
        )
        assert got == wanted or np.isnan([got[0], wanted[0]]).all()
        self.agree()

    def agree(self):
        for one, other in zip(*(model.nodes for model in self.models), strict=True):
            for store in ("params", "buffers"):
                for name, array in getattr(one.layer, store).items():
                    wanted = getattr(other.layer, store)[name]
                    np.testing.assert_array_equal(array, wanted, err_msg=f"{one.name}/{name}")

    @property
    def noted(self):
        return self.steps._noted is not None and self.steps._noted[0][0]


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("room", [1 << 12, 1 << 16, executor.CHUNK_BYTES])
@pytest.mark.parametrize("build", [networks.chain, dropping, recipe], ids=lambda b: b.__name__)
def test_noted_steps_are_walked_ones(build, room, count, monkeypatch):
    monkeypatch.setattr(executor, "CHUNK_BYTES", room)  # many chunks, not all of one size
    pair = Pair(build, lambda: Adam(0.01), augment=Flip())
    with nv.threads(count):
        for _ in range(4):
            pair.step()
    assert pair.noted == 13


@pytest.mark.parametrize("build", networks.ALL.values(), ids=lambda b: b.__name__)
def test_every_kind_of_network_steps_again(build):
    pair = Pair(build)
    for _ in range(4):
        pair.step()


def test_sizes_may_alternate():
    pair = Pair(dropping)
    for count, noted in [(13, False), (13, 13), (5, 13), (13, 13), (1, 13), (5, 13), (5, 5)]:
        pair.step(count)
        assert pair.noted == noted
    pair.step(13)  # one of another size is walked through
    assert pair.noted == 5


def test_parts_that_change_are_seen():
    pair = Pair(dropping)
    for _ in range(3):
        pair.step()
    for model in pair.models:
        model.node("conv2d_1").layer.trainable = False
    pair.step()
    assert not pair.noted
    for _ in range(2):
        pair.step()
    for model in pair.models:
        layer = model.node("dense_1").layer
        layer.params["weight"] = layer.params["weight"] * 0.5
        model.node("conv2d_1").layer.trainable = True
    for _ in range(3):
        pair.step()
    assert pair.noted
    for model in pair.models:
        model.node("dense_1").layer.params["weight"][...] *= 2  # other numbers in the same array
        norm = model.node("batch_normalization_1").layer
        norm.buffers["moving_mean"] = norm.buffers["moving_mean"] + 1
    assert pair.noted
    pair.step()
    assert pair.noted


def test_a_frozen_normalization_reads_the_statistics_that_there_are_now():
    pair = Pair(dropping)
    for model in pair.models:
        model.node("batch_normalization_1").layer.trainable = False
    for _ in range(3):
        pair.step()
    for model in pair.models:
        norm = model.node("batch_normalization_1").layer
        norm.buffers["moving_mean"] = norm.buffers["moving_mean"] + 1
    pair.step()


def test_a_step_that_is_not_finite_changes_nothing_and_the_next_is_right():
    pair = Pair(dropping)
    for _ in range(3):
        pair.step()
    held = pair.x.copy()
    pair.x[...] = 1e38
    before = [p.copy() for p in pair.models[0].parameters().values()]
    pair.step()
    for now, was in zip(pair.models[0].parameters().values(), before, strict=True):
        np.testing.assert_array_equal(now, was)
    pair.x = held
    pair.step()


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
@pytest.mark.parametrize("at", [1, 2, 4])
def test_after_an_interruption_it_goes_on(error, at):
    class Failing(CategoricalCrossentropy):
        names = ()
        fails = False

        def gradient_from_logits(self, z, t):
            if self.fails:
                raise error
            return super().gradient_from_logits(z, t)

    pair = Pair(dropping)
    loss = Failing()
    pair.steps = Steps(pair.models[0], loss, pair.optimizers[0])
    for _ in range(at - 1):
        pair.step()
    loss.fails = True
    with pytest.raises(error):
        pair.steps.step(pair.x, pair.t, np.arange(13), Draw(3, 99))
    pair.agree()  # running statistics as well
    loss.fails = False
    for _ in range(3):
        pair.step()


class Noise(Augmentation):
    def __call__(self, x, rng):
        return x + rng.normal(0, 0.1, x.shape)  # float64


class Grey(Augmentation):
    def __call__(self, x, rng):
        return np.broadcast_to(x.mean(axis=2, keepdims=True), x.shape)


class Keeping(Augmentation):
    def __init__(self):
        self.given = []

    def __call__(self, x, rng):
        made = x[:, :, ::-1].copy()
        self.given.append((made, made.copy()))
        return made


@pytest.mark.parametrize("augment", [Noise, Grey, Keeping])
def test_whatever_an_augmentation_gives(augment):
    pair = Pair(dropping, augment=augment())
    for _ in range(4):
        pair.step()
    for given, was in getattr(pair.settings["augment"], "given", ()):
        np.testing.assert_array_equal(given, was)


def test_a_last_batch_that_is_smaller_throws_nothing_away(monkeypatch):
    pair, made = Pair(dropping), []
    own = Steps._batch

    def batch(self, kind, scratch):
        had, found = self._noted, own(self, kind, scratch)
        made.append("made" if found.noted and not (had and had[1] is found) else "again")
        return found

    monkeypatch.setattr(Steps, "_batch", batch)
    for count in [13, 13, 13, 5] * 3:
        pair.step(count)
    assert made.count("made") == 1


@pytest.mark.parametrize("name", ["grads", "gradients", "backward_part", "forward"])
def test_functions_put_in_a_layers_place_are_walked(name, monkeypatch):
    pair = Pair(dropping)
    for _ in range(3):
        pair.step()
    norm = name == "backward_part"
    layers = [m.node("batch_normalization_1" if norm else "conv2d_1").layer for m in pair.models]

    def other(own):
        def work(*args, **named):
            return own(*args, **named)

        return work

    for layer in layers:
        setattr(layer, name, other(getattr(layer, name)))
    for _ in range(3):
        pair.step()
    assert not pair.noted
    for layer in layers:
        delattr(layer, name)
    for _ in range(2):
        pair.step()
    assert pair.noted
    kind = type(layers[0])
    monkeypatch.setattr(kind, name, other(getattr(kind, name)))
    pair.step()
    assert not pair.noted


def test_a_layer_of_ones_own_is_walked_through():
    class Half(nv.ReLU):
        def forward(self, *xs, mode):
            return xs[0] * 0.5, None

        def backward(self, dy, call):
            return dy * 0.5

    pair = Pair(lambda: nv.Sequential([nv.Flatten(), Half(), nv.Dense(3)], (4, 4, 1), seed=1))
    for _ in range(3):
        pair.step()
    assert not pair.noted


def test_pictures_of_another_dtype_are_walked_through():
    pair = Pair(networks.chain)
    pair.t = pair.t.astype(np.float64)
    pair.x = pair.x.astype(np.float64)
    for _ in range(3):
        pair.step()
    assert not pair.noted


def test_what_is_noted_is_let_go_with_the_training():
    pair = Pair(dropping)
    for _ in range(3):
        pair.step()
    noted = weakref.ref(pair.steps._noted[1])
    gc.disable()  # at once, not when somebody collects
    try:
        pair.steps = None
        assert noted() is None
    finally:
        gc.enable()


def test_a_part_and_its_total_stay_where_they_are():
    """The calls after a meeting read the total in arrays of their own."""
    notes, part, out = Notes(), (2, np.zeros(3)), np.zeros(3)
    mode = Mode(notes=notes)

    def program():
        mode.do(np.add, part[1], 1, out=part[1])
        total = yield from notes.meet(sum, part)
        mode.do(np.copyto, out, total[1])

    def drive(run, total):
        assert next(run) == (sum, part)
        with pytest.raises(StopIteration):
            run.send(total)

    first = (4, np.full(3, 7.0))
    drive(program(), first)
    np.testing.assert_array_equal(out, 7)
    drive(notes.program(), (4, np.full(3, 9.0)))
    run = notes.program()
    next(run)
    with pytest.raises(AssertionError, match="a total's 4 became 5"):
        run.send((5, np.zeros(3)))
    drive(notes.program(), (4, np.full(3, 9.0)))
    np.testing.assert_array_equal(out, 9)
    np.testing.assert_array_equal(part[1], 4)
    np.testing.assert_array_equal(first[1], 7)  # everybody's; it was copied


@pytest.mark.parametrize("n", [1, 6])
@pytest.mark.parametrize("channels", [(96, 128), (160, 150)])
def test_wide_convolutions_are_those_of_patch_matrices(n, channels):
    inside, filters = channels
    layer = nv.Conv2D(filters, 3, padding="same")
    layer.build(RNG, (11, 9, inside))
    x = RNG.standard_normal((n, 11, 9, inside)).astype(np.float32)
    dy = RNG.standard_normal((n, 11, 9, filters)).astype(np.float32)
    mode = Mode(train=True, private=True)
    y, _ = layer.forward(x, mode=mode)
    call = nv.engine.layer.Call((x,), y, None, mode)
    got = [y, *layer.gradients(dy, call)[1].values(), layer.backward(dy, call)]
    exact = layer.astype(np.float64)
    plain = replace(mode, private=False)
    x64, dy64 = x.astype(np.float64), dy.astype(np.float64)
    y64, _ = exact.forward(x64, mode=plain)
    call64 = nv.engine.layer.Call((x64,), y64, None, plain)
    wanted = [y64, *exact.grads(dy64, call64).values(), exact.backward(dy64, call64)]
    for mine, right in zip(got, wanted, strict=True):
        assert np.abs(mine - right).max() < 1e-5 * np.abs(right).max()


def test_many_rows_make_a_wide_convolution_worth_its_while(monkeypatch):
    kind = {
        "stride": (1, 1), "pads": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1,
        "size": (14, 14),
    }  # fmt: skip
    wide = (3, 3, 256, 256)
    assert winograd.suits(wide, n=8, **kind)
    assert not winograd.suits(wide, n=1, **kind)
    monkeypatch.setattr(tiles, "ROWS", 10)
    monkeypatch.setattr(winograd, "ROWS", 10)
    assert winograd.suits(wide, n=1, **kind)


@pytest.mark.parametrize("build", networks.ALL.values(), ids=lambda b: b.__name__)
def test_outputs_by_noted_calls_are_those_of_a_run(build):
    model = build()
    names = [node.name for node in model.nodes][:: max(1, len(model.nodes) // 3)]
    for dtype, near in ((np.float32, 2e-5), (np.float64, 1e-10)):
        for seed in (0, 1):
            x = networks.pictures(model, 7, dtype) * (1 + seed)
            trace = model.run(x, prepared=True, keep=names)
            made = outputs_of(model, x, names)
            assert list(made) == names
            for name in names:
                wanted = trace[name].y
                assert made[name].dtype == wanted.dtype
                np.testing.assert_allclose(
                    made[name], wanted, rtol=0, atol=near * np.abs(wanted).max()
                )


def test_outputs_that_cannot_be_made():
    model = networks.chain()
    x = networks.pictures(model, 2)
    for name in ("input", "nothing"):
        with pytest.raises(nv.NnvizError, match=f"no node named '{name}'"):
            outputs_of(model, x, [name])
    outputs_of(model, x, ["preds"])
    with pytest.raises(nv.NnvizError, match="NaN"):
        outputs_of(model, np.full_like(x, np.nan), ["preds"])
    with pytest.raises(nv.NnvizError, match="expected N×8×7×2"):
        outputs_of(model, x[:, :1, :1, :1], ["preds"])


def test_ways_to_many_nodes_are_not_all_kept(monkeypatch):
    monkeypatch.setattr(again, "MOST_WAYS", 2)
    model = networks.chain()
    x = networks.pictures(model, 3)
    for node in model.nodes:
        for _ in range(2):
            made = outputs_of(model, x, [node.name])[node.name]
            wanted = model.run(x, prepared=True, keep=[node.name])[node.name].y
            np.testing.assert_allclose(made, wanted, rtol=0, atol=2e-5 * np.abs(wanted).max())
    assert len(again.Again.of(model)._ways) == 2
