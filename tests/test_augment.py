"""Augmentation: other pictures at each step, the same ones at each run."""

from __future__ import annotations

import networks
import numpy as np
import pytest

from nnviz.engine.executor import threads
from nnviz.errors import ArgumentError
from nnviz.training import SGD
from nnviz.training.augment import Augmentation, Augmentations, Flip, Rotate, Shift, Zoom

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


ALL = {
    "shift": lambda: Shift(2),
    "rotate": lambda: Rotate(25),
    "zoom": lambda: Zoom(0.3),
    "flip": lambda: Flip(),
    "all": lambda: Augmentations(Shift(1), Rotate(10), Zoom(0.1), Flip()),
}


@pytest.mark.parametrize("name", ALL)
def test_training_with_it_is_repeatable_and_another_one(name):
    def train(augment, count=1, seed=0):
        with threads(count):
            model = networks.chain()
            settings = {"epochs": 1, "batch_size": 16, "verbose": False, "optimizer": SGD(0.1)}
            model.fit(X, np.arange(30) % 3, augment=augment, seed=seed, **settings)
        return model

    make = ALL[name]
    one, again = train(make()), train(make(), count=2)
    assert one.fingerprint() == again.fingerprint() != train(None).fingerprint()
    assert one.fingerprint() != train(make(), seed=1).fingerprint()
    assert one.made["augment"] == repr(make())


@pytest.mark.parametrize("kind", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("shape", [(9, 6, 1), (5, 8, 3)], ids=str)
@pytest.mark.parametrize("name", ALL)
def test_whatever_the_pictures_are(name, shape, kind):
    x = np.random.default_rng(0).random((12, *shape))
    x = (x * 255).astype(kind) if kind == "uint8" else x.astype(kind)
    before = x.copy()
    x.flags.writeable = False
    got = ALL[name]()(x, np.random.default_rng(1))
    np.testing.assert_array_equal(x, before)
    assert got.shape == x.shape
    assert got.dtype == x.dtype
    assert not np.array_equal(got, x)
    assert got.min() >= 0
    assert got.max() <= x.max()
    np.testing.assert_array_equal(ALL[name]()(x, np.random.default_rng(1)), got)
    assert not np.array_equal(ALL[name]()(x, np.random.default_rng(2)), got)
    moved_alike = np.stack([x[..., 0]] * shape[2], axis=-1)  # a grey picture stays grey
    got = ALL[name]()(moved_alike, np.random.default_rng(1))
    assert (got == got[..., :1]).all()


class _Says:
    """A generator that says what it is told instead of drawing."""

    def __init__(self, *values):
        self.values = list(values)

    def uniform(self, low, high):
        value = self.values.pop(0)
        assert low <= value <= high
        return value

    def random(self, size):
        return np.array([self.values.pop(0) for _ in range(size)])


LETTER = np.array([[1, 0, 0], [1, 0, 0], [1, 1, 0], [2, 0, 3]], float)  # like an L, 4×3


def seen(augment, picture, *values):
    """One picture as the augmentation makes it when chance says `values`."""
    return augment(picture[None, :, :, None], _Says(*values))[0, :, :, 0]


def test_a_rotation_turns_about_the_middle():
    square = np.pad(LETTER, ((0, 0), (0, 1)))
    for degrees, turns in ((90, -1), (-90, 1), (180, 2), (-180, 2)):  # to the right, to the left
        got = seen(Rotate(180), square, degrees)
        np.testing.assert_allclose(got, np.rot90(square, turns), atol=1e-12)
    np.testing.assert_allclose(seen(Rotate(180), LETTER, 180), LETTER[::-1, ::-1], atol=1e-12)
    np.testing.assert_array_equal(seen(Rotate(5), LETTER, 0), LETTER)


def test_a_small_rotation_turns_a_point_to_the_place_it_should_have():
    x = np.zeros((41, 31))
    x[5, 15] = 1  # fifteen rows above the middle
    got = seen(Rotate(30), x, 30)
    row, col = np.unravel_index(got.argmax(), got.shape)
    wanted = (20 - 15 * np.cos(np.deg2rad(30)), 15 + 15 * np.sin(np.deg2rad(30)))
    assert (row, col) == pytest.approx(wanted, abs=0.51)
    assert got.sum() == pytest.approx(1, abs=0.35), "spread over its neighbours"


def test_a_zoom_makes_larger_above_one_and_smaller_below():
    x = np.zeros((21, 15))
    x[6:15, 5:10] = 1
    larger, smaller = seen(Zoom(0.5), x, 1.5), seen(Zoom(0.5), x, 0.5)
    assert larger.sum() == pytest.approx(x.sum() * 1.5**2, rel=0.1)
    assert smaller.sum() == 5 * 3, "every second row and col of 9 and 5, from the middle"
    for got in (larger, smaller):
        np.testing.assert_allclose(got, got[::-1], atol=1e-12)  # the middle stays the middle
        np.testing.assert_allclose(got, got[:, ::-1], atol=1e-12)
    np.testing.assert_array_equal(seen(Zoom(0.5), x, 1.0), x)


def test_what_comes_in_from_outside_is_black_and_the_border_is_not_lost():
    bright = np.ones((6, 8))
    small = seen(Zoom(0.5), bright, 0.5)
    assert small[0, 0] == 0
    assert small[2:4, 3:5].min() == 1
    turned = seen(Rotate(2), bright, 1.0)
    assert turned.min() > 0.8, "a degree does not make the outermost pixels black"


def test_a_flip_exchanges_left_and_right_and_never_up_and_down():
    pictures = np.stack([LETTER, LETTER, LETTER])[..., None]
    got = Flip()(pictures, _Says(0.1, 0.9, 0.5))[..., 0]
    np.testing.assert_array_equal(got, [LETTER[:, ::-1], LETTER, LETTER])
    many = Flip()(np.stack([LETTER] * 400)[..., None], np.random.default_rng(0))[..., 0]
    share = (many == LETTER[:, ::-1]).all(axis=(1, 2)).mean()
    assert abs(share - 0.5) < 5 * 0.5 / 20


def test_several_come_one_after_the_other_and_each_draws_anew():
    both = Augmentations(Flip(), Rotate(180))
    got = both(LETTER[None, :, :, None], _Says(0.0, 180))[0, :, :, 0]
    np.testing.assert_allclose(got, LETTER[::-1], atol=1e-12)
    angles = [Rotate(30).matrix(np.random.default_rng(s))[0, 1] for s in range(50)]
    assert max(np.abs(angles)) <= 0.5
    assert len(set(angles)) == 50
    assert repr(both) == "Augmentations(Flip(), Rotate(180.0))"


def test_an_augmentation_of_ones_own_says_its_settings_and_not_where_it_lies():
    class _Noise(Augmentation):
        def __init__(self, spread):
            self.spread = spread

        def __call__(self, x, rng):
            return x + rng.normal(0, self.spread, x.shape).astype(x.dtype)

    model = networks.chain()
    settings = {"epochs": 1, "verbose": False}
    model.fit(X, np.arange(30) % 3, augment=Augmentations(_Noise(0.1), Flip()), **settings)
    assert model.made["augment"] == "Augmentations(_Noise(spread=0.1), Flip())"


REFUSED = [
    (lambda: Rotate(0), r"Rotate needs degrees in \(0, 180\], got 0"),
    (lambda: Rotate(181), "Rotate needs degrees"),
    (lambda: Rotate("5"), "Rotate needs degrees"),
    (lambda: Rotate(True), "Rotate needs degrees"),
    (lambda: Rotate(float("nan")), "Rotate needs degrees"),
    (lambda: Zoom(1), r"Zoom needs a share in \(0, 1\), got 1"),
    (lambda: Zoom(0), "Zoom needs a share"),
    (lambda: Zoom(None), "Zoom needs a share"),
    (lambda: Augmentations(Shift(1), 5), "Augmentations takes augmentations, got 5"),
    (lambda: Augmentations([Shift(1)]), "Augmentations takes augmentations, got"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[m[:30] for _, m in REFUSED])
def test_settings_that_cannot_be_are_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


@pytest.mark.parametrize("name", ["shift", "rotate", "zoom", "flip"])
def test_vectors_are_no_pictures(name):
    with pytest.raises(ArgumentError, match=r"needs pictures \(N, rows, cols, channels\), got \(4"):
        ALL[name]()(np.zeros((4, 7)), np.random.default_rng(0))


@pytest.mark.parametrize("most", [0, 1.5, True, "2"])
def test_a_shift_that_cannot_be_is_refused(most):
    with pytest.raises(ArgumentError, match="Shift needs a whole number of pixels of at least 1"):
        Shift(most)


def test_the_base_says_what_it_lacks():
    with pytest.raises(NotImplementedError, match="Augmentation changes no pictures"):
        Augmentation()(X, np.random.default_rng(0))
