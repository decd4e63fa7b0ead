"""Activation maximization of the shipped network, beside the digits that ship with it."""

from __future__ import annotations

import numpy as np
import pytest

import nnviz as nv
from nnviz.inspection.maximize import Decay, Jitter, Transform, maximize, walk
from nnviz.inspection.maximize.objective import likeness
from nnviz.training.augment import Shift

STUCK = nv.Channel("conv2d_2/relu", (35, 36, 37))
"""Filters of which the first and the last stay below the best real digit in the first try."""


@pytest.fixture(scope="module")
def model():
    return nv.load("mnist-cnn")


@pytest.fixture(scope="module")
def digits():
    return nv.data.load("sample")


@pytest.mark.slow
def test_every_filter_of_the_second_convolution_rises_above_all_real_digits(model, digits):
    """As Keras shows the layer, after its ReLU: the mean over the places."""
    target = nv.Channel("conv2d_2/relu", tuple(range(64)))
    got = maximize(model, target, against=digits)
    real = model.run(digits.x)["conv2d_2/relu"].y.mean(axis=(1, 2)).max(axis=0)
    seen = model.run(got.values)["conv2d_2/relu"].y.mean(axis=(1, 2))
    assert (np.diag(seen) > real).all()
    assert got.succeeded.all()
    assert got.warnings == ()


@pytest.mark.slow
def test_other_networks_see_the_same_classes(model, digits):
    """No adversarial noise: two networks that never met this one, of another architecture and with
    other seeds, take at least 8 of the 10 pictures for their class.

    They learn from the 1,000 digits that ship, moved a little; so they are weaker than networks
    that saw all 60,000.
    """
    made = maximize(model, list(range(10)), against=digits)
    assert (made.probability > 0.99).all()
    assert made.succeeded.all()
    for seed, head in ((10, []), (11, [nv.Dense(96, activation="relu"), nv.Dropout(0.4)])):
        layers = [nv.Conv2D(24, 5, activation="relu"), nv.MaxPooling2D(2), nv.Flatten(), *head]
        other = nv.Sequential([*layers, nv.Dense(10, activation="softmax")], (28, 28, 1), seed=seed)
        settings = {"epochs": 30, "batch_size": 32, "augment": Shift(3), "verbose": False}
        other.fit(digits.x, digits.y, seed=seed, **settings)
        right = other.predict(made.values).argmax(axis=1) == np.arange(10)
        assert right.sum() >= 8


@pytest.mark.slow
def test_of_a_large_picture_most_is_shapes_and_not_noise():
    """At 224×224 and untuned: most of what varies does so over more than 16 pixels, where of white
    noise 1 % does, and of what climbing in bare pixels finds less than a tenth."""
    layers = [nv.Conv2D(n, k, strides=2, activation="relu") for n, k in ((8, 5), (16, 3), (16, 3))]
    layers += [nv.GlobalAveragePooling2D(), nv.Dense(3)]
    net = nv.Sequential(layers, (224, 224, 3))
    ours, bare = (
        maximize(net, [0, 1, 2], **settings)
        for settings in ({}, {"image": "pixels", "transforms": (), "priors": ()})
    )
    assert (ours.activation > ours.start).all()
    assert min(map(coarse, ours.values)) > 0.5
    assert max(map(coarse, bare.values)) < 0.1


def coarse(picture):
    """The share of a picture's power in waves longer than 16 pixels."""
    grey = picture.mean(axis=2)
    power = np.abs(np.fft.fft2(grey - grey.mean())) ** 2
    down, along = (np.fft.fftfreq(n) for n in grey.shape)
    return power[np.hypot(down[:, None], along) < 1 / 16].sum() / power.sum()


@pytest.mark.slow
def test_what_falls_short_begins_again(model, digits):
    once = maximize(model, STUCK, against=digits, tries=1)
    assert once.succeeded.tolist() == [False, True, False]
    assert len(once.warnings) == 2
    got = maximize(model, STUCK, against=digits, snapshots=3)
    assert got.succeeded.all()
    assert got.warnings == ()
    assert got.attempt.tolist() == [1, 0, 1]
    assert got.provenance.settings["tries"] == 4
    # What succeeded at once is left as it is; all of a picture's numbers are of its own try.
    assert got.values[1].tobytes() == once.values[1].tobytes()
    np.testing.assert_array_equal(got.path[:, 1], once.path[:, 1])
    assert (got.path[:, [0, 2]] != once.path[:, [0, 2]]).any(axis=0).all()
    seen = model.run(got.snapshots[0])["conv2d_2/relu"].y[..., 35:38].mean(axis=(1, 2))
    np.testing.assert_allclose(got.start, np.diag(seen), rtol=1e-4)
    alone = maximize(model, nv.Channel("conv2d_2/relu", 37), against=digits)
    np.testing.assert_allclose(alone.values[0], got.values[2], atol=1e-3)


def test_further_tries_keep_to_what_was_chosen(model, digits, monkeypatch):
    """Only the defaults are weakened."""
    begun = []
    real_run = walk.Walk.run
    monkeypatch.setattr(walk.Walk, "run", lambda w, keep: begun.append(w) or real_run(w, keep))
    settings = {"against": digits.x[:300], "steps": 2, "tries": 3}
    maximize(model, STUCK, priors=[Decay(0.7)], transforms=[Jitter(1)], **settings)
    assert [w.priors for w in begun] == [(Decay(0.7),)] * 3
    assert [w.transforms for w in begun] == [(Jitter(1),)] * 3
    assert [len(w.begin) for w in begun] == [3, 3, 24]
    assert len(np.unique(begun[2].begin.reshape(3, 8, -1)[0], axis=0)) == 8
    begun.clear()
    maximize(model, STUCK, **settings)
    assert [p.weight for p in begun[1].priors] == pytest.approx([0.24, 0.09])
    assert [w.transforms for w in begun[1:]] == [(Jitter(2),)] * 2


@pytest.mark.slow
def test_pictures_differ_and_mean_their_class_all_the_same(model):
    """What is told to differ is not ruined: each still is a 3 for the network, and strongly."""
    alike, alone = [], None
    for diversity in (0.0, 0.1, 0.3, 1.0):
        got = maximize(model, 3, count=3, steps=96, diversity=diversity)
        assert (got.probability > 0.99).all()
        alone = got.activation.mean() if alone is None else alone
        assert (got.activation > 0.5 * alone).all()
        y = model.run(got.values)["max_pooling2d_1"].y
        alike.append(likeness(y, 3)[0].mean())
    assert alike[0] > alike[1] > alike[2] > alike[3]
    assert alike[3] < 0.6 < 0.9 < alike[0]


class StopsLate(Transform):
    """Somebody presses Ctrl-C in the second try."""

    calls = 0

    def draw(self, rng, size):
        StopsLate.calls += 1
        if StopsLate.calls == 6:
            raise KeyboardInterrupt
        return Jitter(1).draw(rng, size)


def test_ctrl_c_in_a_further_try_gives_what_the_first_gave(model, digits):
    best = digits.x[:300]
    once = maximize(model, STUCK, transforms=[StopsLate()], against=best, steps=5, tries=1)
    StopsLate.calls = 0
    got = maximize(model, STUCK, transforms=[StopsLate()], against=best, steps=5)
    assert got.warnings[0].startswith("stopped after 1 of 5 steps of try 2: the pictures may be")
    assert got.values.tobytes() == once.values.tobytes()
    assert len(got.path) == 5
