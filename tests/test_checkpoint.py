"""Resuming: a training that was stopped ends with the very bits of one that was not."""

from __future__ import annotations

import json
import os

import interrupted
import networks
import numpy as np
import pytest
from interrupted import EPOCHS, X, Y, network, train

import nnviz
from nnviz.engine.executor import threads
from nnviz.engine.layers import Dense, Dropout, Flatten
from nnviz.engine.sequential import Sequential
from nnviz.errors import ArgumentError, FileError
from nnviz.files import read_npz, write_npz
from nnviz.formats.npz import load_state
from nnviz.training import Adam, Augmentation, Callback, Checkpoint, MeanSquaredError


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder and the model of a training that nothing interrupts."""
    folder, model = tmp_path_factory.mktemp("whole"), network()
    train(folder, model=model)
    return folder, model


def same(model, other):
    """Every array has the same bits; and the files say the same but for the seconds."""
    assert model.fingerprint() == other.fingerprint()
    assert untimed(model.made["history"]) == untimed(other.made["history"])


def untimed(rows):
    return [
        {k: v for k, v in row.items() if k not in ("seconds", "pictures_per_second")}
        for row in rows
    ]


class _Stops(Callback):
    """Raises after an epoch: in place of a kill."""

    def __init__(self, after):
        self.after = after

    def epoch_end(self, training):
        if len(training.history.epochs) == self.after:
            raise KeyboardInterrupt


def interrupted_after(folder, epochs, **changed):
    """A training that is broken off after so many epochs, its checkpoint written."""
    keep = Checkpoint(folder / "state", best=folder / "best.npz")
    with pytest.raises(KeyboardInterrupt):
        train(folder, callbacks=[keep, _Stops(epochs)], **changed)


# Interrupted here ---------------------------------------------------------------------------------


@pytest.mark.parametrize("after", range(1, EPOCHS + 1))
def test_a_resumed_training_ends_with_the_same_bits(after, whole, tmp_path):
    interrupted_after(tmp_path, after)
    model = network(seed=9)  # other first weights: all of them come from the checkpoint
    history = train(tmp_path, model=model)
    same(model, whole[1])
    assert len(history.epochs) == EPOCHS
    same(nnviz.load(tmp_path / "state.npz"), nnviz.load(whole[0] / "state.npz"))
    same(nnviz.load(tmp_path / "best.npz"), nnviz.load(whole[0] / "best.npz"))


def test_interrupted_after_every_single_epoch_and_on_another_number_of_threads(whole, tmp_path):
    for epoch in range(1, EPOCHS):
        with threads(1 + epoch % 3):
            interrupted_after(tmp_path, epoch)
    model = network()
    train(tmp_path, model=model)
    same(model, whole[1])


@pytest.mark.parametrize("kind", ["momentum", *sorted(nnviz.training.OPTIMIZERS)])
def test_every_optimizers_memory_is_kept(kind, tmp_path):
    def make():
        return interrupted.optimizer(kind) if kind == "momentum" else kind

    once, twice = network(), network()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    train(tmp_path / "a", 3, once, optimizer=make())
    interrupted_after(tmp_path / "b", 2, optimizer=make())
    train(tmp_path / "b", 3, twice, optimizer=make())
    assert once.fingerprint() == twice.fingerprint()


def test_a_training_may_go_on_for_more_epochs_than_it_was_begun_with(whole, tmp_path):
    train(tmp_path, 2)
    model = network()
    train(tmp_path, model=model)
    same(model, whole[1])


def test_resuming_what_is_done_changes_nothing(whole):
    folder, done = whole
    before = (folder / "state.npz").read_bytes()
    model = network(seed=9)
    history = train(folder, model=model)
    same(model, done)
    assert len(history.epochs) == EPOCHS
    assert (folder / "state.npz").read_bytes() == before
    assert model.made["optimizer"].startswith("Adam(")


def test_where_there_is_no_checkpoint_training_begins(tmp_path):
    assert len(train(tmp_path, 1, resume=tmp_path / "nowhere.npz").epochs) == 1


def test_a_layer_at_two_places_and_double_precision(tmp_path):
    def once(folder, epochs, model):
        return model.fit(
            XT.astype(np.float64),
            YT,
            epochs=epochs,
            verbose=False,
            callbacks=[Checkpoint(folder / "s")],
            resume=folder / "s",
        )

    XT, YT = networks.pictures(networks.twice(), 20), np.arange(20) % 3
    one, two = networks.twice().astype(np.float64), networks.twice().astype(np.float64)
    once(tmp_path, 2, one)
    (tmp_path / "b").mkdir()
    once(tmp_path / "b", 1, networks.twice().astype(np.float64))
    once(tmp_path / "b", 2, two)
    assert one.fingerprint() == two.fingerprint()
    assert two.parameters()["dense_1/weight"].dtype == np.float64


# What a checkpoint is -----------------------------------------------------------------------------


def test_a_checkpoint_is_a_model_file(whole):
    folder, model = whole
    loaded = nnviz.load(folder / "state.npz")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert loaded.fingerprint() == model.fingerprint()
    assert not loaded.node("frozen").layer.trainable
    _, state, slots = load_state(folder / "state.npz")
    assert state["step"] == state["optimizer_steps"] == EPOCHS * 3
    assert set(slots) == {
        f"{key}:{slot}" for key in model.parameters() if "frozen" not in key for slot in "mv"
    }


def test_a_node_may_be_called_as_the_state_is(tmp_path):
    layers = [Dense(4, name="state:a"), Dense(3, activation="softmax", name="state:")]
    x, y = np.random.default_rng(0).random((9, 4)), np.arange(9) % 3
    model = Sequential(layers, (4,))
    model.fit(x, y, epochs=1, verbose=False, callbacks=[Checkpoint(tmp_path / "s")])
    assert nnviz.load(tmp_path / "s.npz").fingerprint() == model.fingerprint()
    model.save(tmp_path / "m")
    assert nnviz.load(tmp_path / "m.npz").fingerprint() == model.fingerprint()


def test_the_best_model_is_the_one_of_the_best_epoch(whole, tmp_path):
    folder, model = whole
    best = nnviz.load(folder / "best.npz")
    accuracies = [row["val_accuracy"] for row in model.made["history"]]
    first = accuracies.index(max(accuracies))
    assert len(best.made["history"]) == first + 1
    assert best.evaluate(X[:20], Y[:20]).accuracy == max(accuracies)
    by_loss = Checkpoint(tmp_path / "s", best=tmp_path / "deep" / "best", monitor="loss")
    other = network()
    train(tmp_path, model=other, callbacks=[by_loss])
    losses = [row["loss"] for row in other.made["history"]]
    assert len(nnviz.load(tmp_path / "deep/best.npz").made["history"]) == np.argmin(losses) + 1


# What cannot be resumed ---------------------------------------------------------------------------


class _Noise(Augmentation):
    def __init__(self, spread):
        self.spread = spread

    def __call__(self, x, rng):
        return x


CHANGED = [
    ({"seed": 4}, r"was made with seed 3, this training has 4: resume with the same settings"),
    ({"batch_size": 16}, r"with batch_size 32, this training has 16"),
    ({"optimizer": Adam(0.5)}, r"with optimizer Adam\(.*this training has Adam\(learning_rate=0.5"),
    ({"optimizer": "sgd"}, r"with optimizer Adam\(.*this training has SGD\("),
    (
        {"loss": "mse"},
        r"with loss CategoricalCrossentropy\(.*this training has MeanSquaredError\(\)",
    ),
    ({"augment": None}, r"with augment Augmentations\(.*this training has None"),
    ({"augment": _Noise(0.5)}, r"this training has _Noise\(spread=0.5\)"),
    ({"x": X + np.float32(0.5)}, "was made with other pictures or labels: resume with the same"),
    ({"x": X[:80], "y": Y[:80]}, "was made with other pictures or labels"),
    ({"validation_data": (X[20:40], Y[20:40])}, "was made with other pictures or labels"),
    ({"validation_data": None}, "was made with other pictures or labels"),
    ({"y": Y[::-1]}, "was made with other pictures or labels"),
]


@pytest.mark.parametrize(("changed", "message"), CHANGED, ids=[m[:40] for _, m in CHANGED])
def test_other_settings_or_data_are_one_clear_error(changed, message, whole):
    model = network(seed=9)
    before = model.fingerprint()
    with pytest.raises(ArgumentError, match=rf"the checkpoint .*state\.npz .*{message}"):
        train(whole[0], model=model, **changed)
    assert model.fingerprint() == before


def test_losses_and_augmentations_of_ones_own_can_be_resumed(tmp_path):
    for _ in range(2):  # each time new objects, elsewhere in memory
        train(tmp_path, 2, loss=MeanSquaredError(), augment=_Noise(0.5))


def other_models():
    wider, deeper, thawed, scaled = (network() for _ in range(4))
    wider = Sequential([Flatten(), Dense(3, activation="softmax")], interrupted.SHAPE)
    deeper = deeper.astype(np.float64)
    thawed.node("frozen").layer.trainable = True
    scaled.input = nnviz.InputSpec(interrupted.SHAPE, mean=0.5)
    return {"another": wider, "float64": deeper, "thawed": thawed, "another input": scaled}


@pytest.mark.parametrize("name", other_models())
def test_another_model_is_one_clear_error(name, whole):
    with pytest.raises(ArgumentError, match="is of another model: resume with the same one"):
        train(whole[0], model=other_models()[name])


def test_another_rate_of_dropout_is_another_model(tmp_path):
    def build(rate):
        return Sequential([Dropout(rate), Dense(3, activation="softmax")], (4,))

    x, y = np.random.default_rng(0).random((9, 4)), np.arange(9) % 3
    settings = {"epochs": 1, "verbose": False, "resume": tmp_path / "s"}
    build(0.2).fit(x, y, callbacks=[Checkpoint(tmp_path / "s")], **settings)
    with pytest.raises(ArgumentError, match="is of another model"):
        build(0.5).fit(x, y, **settings)


def test_a_plain_model_is_no_checkpoint(whole):
    with pytest.raises(FileError, match=r"best\.npz is a model, but no checkpoint"):
        train(whole[0], resume=whole[0] / "best.npz")


def test_a_checkpoint_cut_anywhere_is_one_clear_error(whole, tmp_path):
    data = (whole[0] / "state.npz").read_bytes()
    path = tmp_path / "state.npz"
    for end in [0, 1, 100, *range(1000, len(data), len(data) // 12), len(data) - 1]:
        path.write_bytes(data[:end])
        with pytest.raises(FileError, match=r"state\.npz is no nnviz model file, or it is damaged"):
            train(tmp_path)


def test_a_flipped_bit_is_noticed(whole, tmp_path):
    data = bytearray((whole[0] / "state.npz").read_bytes())
    place = data.index(b"optimizer_steps") + 2
    data[place] ^= 1
    (tmp_path / "state.npz").write_bytes(bytes(data))
    with pytest.raises(FileError, match="or it is damaged: Bad CRC-32"):
        train(tmp_path)


def change(key, value):
    return lambda state, arrays: state.update({key: value})


FORGED = [
    (change("step", -1), "is damaged: ValueError -1 is no number of steps"),
    (change("step", 1.5), "is damaged: ValueError 1.5 is no number"),
    (change("optimizer_steps", 1e999), "is damaged: ValueError inf is no number"),
    (change("settings", []), "is damaged: TypeError"),
    (change("settings", {}), "is damaged: KeyError 'batch_size'"),
    (change("history", 5), "is damaged: TypeError"),
    (change("history", [{"loss": 1.0}]), "is damaged: TypeError"),
    (change("history", [5]), "is damaged: AttributeError"),
    (lambda s, a: s["history"][0].update(loss="low"), "is damaged: TypeError loss of an epoch is"),
    (lambda s, a: s.pop("data"), "is damaged: KeyError 'data'"),
    (lambda s, a: a.update({"state:x:m": np.zeros(3)}), "ValueError it remembers 'x:m', which"),
    (
        lambda s, a: a.update({"state:dense_1/bias:m": np.zeros(3, np.float32)}),
        r"ValueError dense_1/bias:m is float32 of shape \(3,\)",
    ),
]


@pytest.mark.parametrize(("apply", "message"), FORGED, ids=[m for _, m in FORGED])
def test_a_state_that_cannot_be_is_one_clear_error(apply, message, whole, tmp_path):
    arrays = read_npz(whole[0] / "state.npz", "checkpoint")
    page = json.loads(arrays.pop("model.json").tobytes())
    apply(page["state"], arrays)
    text = np.frombuffer(json.dumps(page).encode(), np.uint8)
    write_npz(tmp_path / "state.npz", {"model.json": text, **arrays})
    model = network(seed=9)
    before = model.fingerprint()
    with pytest.raises(FileError, match=message):
        train(tmp_path, model=model)
    assert model.fingerprint() == before


# What cannot be written ---------------------------------------------------------------------------


def test_a_checkpoint_that_has_no_place_is_refused_before_the_first_epoch(tmp_path):
    (tmp_path / "file").write_text("in the way")
    model = network()
    before = model.fingerprint()
    for keep in (
        Checkpoint(tmp_path / "file" / "state"),
        Checkpoint(tmp_path / "s", best=tmp_path / "file" / "best"),
    ):
        with pytest.raises(FileError, match=r"cannot make the folder .*file"):
            train(tmp_path, model=model, callbacks=[keep])
    assert model.fingerprint() == before


def test_a_full_disk_is_one_clear_error_and_the_old_checkpoint_stays(tmp_path, monkeypatch, whole):
    train(tmp_path, 2)
    before = (tmp_path / "state.npz").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(FileError, match=r"cannot write .*: No space left on device"):
            train(tmp_path)
    assert (tmp_path / "state.npz").read_bytes() == before
    assert not list(tmp_path.glob(".*")), "nothing half-written is left"
    model = network()
    train(tmp_path, model=model)
    same(model, whole[1])
