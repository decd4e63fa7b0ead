"""Augmentation: other pictures at each step, the same ones at each run."""

from __future__ import annotations

import networks
import numpy as np
import pytest

from nnviz.engine.executor import threads
from nnviz.errors import ArgumentError
from nnviz.training import SGD
from nnviz.training.augment import Augmentation, Shift

X = np.random.default_rng(0).random((30, *networks.SHAPE)).astype(np.float32)


def moved(picture, down, along):
    """The picture moved, pixel by pixel."""
    out = np.zeros_like(picture)
    for row, col in np.ndindex(picture.shape[:2]):
        if 0 <= row + down < out.shape[0] and 0 <= col + along < out.shape[1]:
            out[row + down, col + along] = picture[row, col]
    return out


def test_a_shift_moves_each_picture_and_writes_to_none():
    before = X.copy()
    got = Shift(2)(X, np.random.default_rng(1))
    np.testing.assert_array_equal(X, before)
    assert got.dtype == X.dtype
    ways = [(d, a) for d in range(-2, 3) for a in range(-2, 3)]
    seen = set()
    for picture, out in zip(X, got, strict=True):
        found = [way for way in ways if np.array_equal(out, moved(picture, *way))]
        assert len(found) == 1
        seen.add(found[0])
    assert len(seen) > 10
    np.testing.assert_array_equal(Shift(2)(X, np.random.default_rng(1)), got)


def test_a_shift_beyond_the_picture_leaves_black():
    far = Shift(20)(np.ones((200, 3, 3, 1), np.uint8), np.random.default_rng(0))
    assert far.shape == (200, 3, 3, 1)
    assert not far[0].any()


def test_training_with_it_is_repeatable_and_another_one():
    def train(augment, count=1):
        with threads(count):
            model = networks.chain()
            settings = {"epochs": 1, "batch_size": 16, "verbose": False, "optimizer": SGD(0.1)}
            model.fit(X, np.arange(30) % 3, augment=augment, **settings)
        return model

    one, again = train(Shift(1)), train(Shift(1), count=2)
    assert one.fingerprint() == again.fingerprint() != train(None).fingerprint()
    assert one.made["augment"] == "Shift(1)"


@pytest.mark.parametrize("most", [0, 1.5, True, "2"])
def test_a_shift_that_cannot_be_is_refused(most):
    with pytest.raises(ArgumentError, match="Shift needs a whole number of pixels of at least 1"):
        Shift(most)


def test_the_base_says_what_it_lacks():
    with pytest.raises(NotImplementedError, match="Augmentation changes no pictures"):
        Augmentation()(X, np.random.default_rng(0))
