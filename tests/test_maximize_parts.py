"""The parts of activation maximization: exact transposes, exact gradients, priors by hand."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pillow

import nnviz as nv
from nnviz.draw.gif import save_animation
from nnviz.errors import ArgumentError
from nnviz.inspection.maximize import (
    Blur,
    Decay,
    Fourier,
    Jitter,
    LpNorm,
    Padding,
    Pixels,
    Rotation,
    Scaling,
    TotalVariation,
    maximize,
)
from nnviz.inspection.maximize.climb import resting_level
from nnviz.inspection.maximize.image import noise
from nnviz.inspection.maximize.transforms import Placement, Resampling, drawn

TRANSFORMS = [Jitter(3), Rotation(30), Scaling(0.4), Padding(2), Blur(1.5)]
SHAPES = [(2, 9, 8, 1), (1, 6, 11, 3)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
def test_a_maps_backward_is_its_transpose(transform, shape):
    rng = np.random.default_rng(0)
    for _ in range(5):
        map_ = transform.draw(rng, shape[1:3])
        x = rng.standard_normal(shape)
        seen = map_.forward(x)
        assert seen.shape[1:3] == transform.out_size(shape[1:3])
        y = rng.standard_normal(seen.shape)
        assert (seen * y).sum() == pytest.approx((x * map_.backward(y)).sum(), rel=1e-12)
        assert map_.forward(x.astype(np.float32)).dtype == np.float32
        assert map_.backward(y.astype(np.float32)).dtype == np.float32


def test_a_chain_ends_at_its_size_and_is_the_same_for_the_same_seed():
    x = np.random.default_rng(1).random((2, 7, 9, 1))
    shown = []
    for _ in range(2):
        y = x
        for map_ in drawn([Padding(3), *TRANSFORMS], np.random.default_rng(4), (7, 9)):
            y = map_.forward(y)
        shown.append(y)
    assert shown[0].shape == x.shape
    np.testing.assert_array_equal(*shown)
    maps = drawn([Padding(3)], np.random.default_rng(0), (7, 9))
    np.testing.assert_array_equal(maps[1].forward(maps[0].forward(x)), x)
    assert drawn([], np.random.default_rng(0), (7, 9)) == []


def test_a_placement_cuts_and_pads_odd_sizes():
    x = np.arange(12.0).reshape(1, 3, 4, 1)
    for size in ((2, 7), (6, 1), (3, 4), (8, 9)):
        map_ = Placement((3, 4), size)
        y = np.random.default_rng(0).standard_normal((1, *size, 1))
        seen = map_.forward(x)
        assert seen.shape == y.shape
        assert (seen * y).sum() == pytest.approx((x * map_.backward(y)).sum())


def test_a_resampling_by_loops():
    """Each pixel reads the place that the matrix sends it to, between four neighbours."""
    x = np.random.default_rng(0).random((5, 6))
    angle = 0.4
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    got = Resampling.of(matrix, (5, 6)).forward(x.reshape(1, 5, 6, 1))[0, :, :, 0]
    for r in range(5):
        for c in range(6):
            down, along = matrix @ (r - 2, c - 2.5) + (2, 2.5)
            wanted = 0.0
            for i in range(5):
                for j in range(6):
                    wanted += max(0, 1 - abs(down - i)) * max(0, 1 - abs(along - j)) * x[i, j]
            assert got[r, c] == pytest.approx(wanted, abs=1e-12)
    same = Resampling.of(np.eye(2), (5, 6)).forward(x.reshape(1, 5, 6, 1))
    np.testing.assert_allclose(same[0, :, :, 0], x)


def test_a_quarter_turn_turns():
    x = np.random.default_rng(0).random((1, 5, 5, 1))
    turned = Resampling.of(np.array([[0.0, -1.0], [1.0, 0.0]]), (5, 5)).forward(x)
    np.testing.assert_allclose(turned[0], np.rot90(x[0], -1), atol=1e-12)


IMAGES = [Pixels(), Pixels(colours=False), Fourier(), Fourier(decay=0.5, colours=False)]


@pytest.mark.parametrize("shape", [*SHAPES, (1, 5, 7, 4)])
@pytest.mark.parametrize("image", IMAGES, ids=repr)
def test_an_images_backward_is_the_numerical_gradient(image, shape):
    rng, h = np.random.default_rng(0), 1e-6
    u, way, weight = (rng.standard_normal(shape) for _ in range(3))
    offset = np.linspace(-1, 1, shape[3])
    x = image.pixels(u, offset)
    assert 0 < x.min() <= x.max() < 1
    gradient = image.backward(weight, x)
    ends = [(image.pixels(u + side * h * way, offset) * weight).sum() for side in (1, -1)]
    assert (gradient * way).sum() == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-6)


def test_waves_by_the_sum_over_them():
    u = np.random.default_rng(0).standard_normal((1, 4, 5, 1))
    r, c = np.mgrid[:4, :5]
    frequency = np.array([[np.hypot(min(i, 4 - i) / 4, min(j, 5 - j) / 5) for j in range(5)]
                          for i in range(4)])  # fmt: skip
    scale = 1 / np.maximum(frequency, 1 / 5)
    scale /= np.sqrt((scale**2).mean())
    wanted = np.zeros((4, 5))
    for i in range(4):
        for j in range(5):
            angle = 2 * np.pi * (i * r / 4 + j * c / 5)
            wanted += u[0, i, j, 0] * scale[i, j] * (np.cos(angle) + np.sin(angle)) / np.sqrt(20)
    np.testing.assert_allclose(Fourier().basis(u)[0, :, :, 0], wanted, atol=1e-12)


def test_noise_is_of_unit_spread_in_either_basis_and_the_same_for_all_targets():
    u = noise((64, 48, 3), 2, 3, 1.0, seed=0)
    assert u.dtype == np.float32
    np.testing.assert_array_equal(u[:2], u[4:])
    assert (u[0] != u[1]).any()
    for image in (Pixels(), Fourier()):
        assert (image.basis(u) ** 2).mean() == pytest.approx(1, rel=0.2)
    colours = image._mixing(u)
    assert (colours**2).sum() == pytest.approx(3)
    # Brightness varies most, and all three channels alike.
    np.testing.assert_allclose(colours[:, 0], colours[0, 0])


def test_the_resting_level():
    def level(**spec):
        layers = [nv.Flatten(), nv.Dense(2)]
        model = nv.Sequential(layers, (4, 4, 3), input=nv.InputSpec((4, 4, 3), **spec))
        return resting_level(model).tolist()

    assert level() == [0, 0, 0]
    assert level(background=0.25) == [0.25] * 3
    assert level(mean=(0.5, 0.25, 0.75)) == [0.5, 0.25, 0.75]
    assert level(mean=(0.5, 0.25, 0.75), channel_order="BGR") == [0.75, 0.25, 0.5]
    assert level(value_range=(-1, 1)) == [0.5] * 3
    assert level(mean=(-2,)) == [0, 0, 0]


PRIORS = [
    TotalVariation(1.5),
    TotalVariation(2.0, power=1.0),
    TotalVariation(1.0, 1.5),
    Decay(0.7),
    LpNorm(3.0),
    LpNorm(1.0, p=1),
    LpNorm(1.0, p=2.5),
    LpNorm(1.0, p=np.inf),
]


@pytest.mark.parametrize("prior", PRIORS, ids=repr)
@pytest.mark.parametrize("shape", [(2, 5, 4, 1), (1, 3, 6, 3)])
def test_the_priors_gradients_are_the_numerical_ones(prior, shape):
    rng = np.random.default_rng(0)
    x, way, h = rng.random(shape), rng.standard_normal(shape), 1e-7
    rest = np.full(shape[3], 0.2)
    values, gradient = prior(x, rest)
    assert values.shape == shape[:1]
    numerical = (prior(x + h * way, rest)[0] - prior(x - h * way, rest)[0]) / (2 * h)
    np.testing.assert_allclose((gradient * way).sum(axis=(1, 2, 3)), numerical, rtol=1e-5)
    assert prior(x.astype(np.float32), rest.astype(np.float32))[1].dtype == np.float32


def test_the_priors_by_hand():
    x, rest = np.array([[0.0, 1.0], [0.0, 0.5]]).reshape(1, 2, 2, 1), np.zeros(1)
    assert TotalVariation(1.0)(x, rest)[0][0] == pytest.approx((0 + 0.25 + 1 + 0.25) / 4)
    assert TotalVariation(2.0, 1.0)(x, rest)[0][0] == pytest.approx(2 * (1 + 0.5 + 0.5) / 4)
    assert Decay(1.0)(x, rest)[0][0] == pytest.approx(1.25 / 4)
    assert Decay(1.0)(x, rest + 1)[0][0] == pytest.approx(2.25 / 4)
    assert LpNorm(1.0, 2.0)(x, rest)[0][0] == pytest.approx(1.25**0.5 / 4)
    assert LpNorm(1.0, np.inf)(-x, rest)[0][0] == pytest.approx(1 / 4)
    even = np.full((1, 4, 4, 3), 0.7)
    for power in (1.0, 2.0):
        values, gradient = TotalVariation(1.0, power)(even, np.zeros(3))
        assert not values.any()
        assert not gradient.any()
    assert not LpNorm(1.0)(even, np.full(3, 0.7))[1].any()


BAD = [
    (lambda: Jitter(1.5), r"pixels of Jitter must be a whole number in 0 … 4096, got 1.5"),
    (lambda: Jitter(-1), "pixels of Jitter"),
    (lambda: Padding(True), "pixels of Padding must be a whole number"),
    (lambda: Rotation(float("nan")), "degrees of Rotation must be a number in 0 … 180, got nan"),
    (lambda: Scaling("a lot"), "share of Scaling must be a number in 0 … 9, got 'a lot'"),
    (lambda: Blur(1e9), "pixels of Blur must be a number in 0 … 4096"),
    (lambda: TotalVariation(-1), "weight of TotalVariation must be a finite number of at least 0"),
    (
        lambda: TotalVariation(1, 0.5),
        "power of TotalVariation must be a finite number of at least 1",
    ),
    (lambda: Decay(float("inf")), "weight of Decay must be a finite number of at least 0"),
    (lambda: LpNorm(1.0, 0.5), "p of LpNorm must be a finite number of at least 1"),
    (lambda: Decay(1e30), r"weight of Decay must be .* at most 1e\+09, got 1e\+30"),
    (lambda: TotalVariation(1, 1e3), "power of TotalVariation must be .* at most 100, got 1000"),
    (lambda: Fourier(decay=-1), "decay of Fourier must be a number in 0 … 4, got -1"),
    (lambda: Pixels(colours="yes"), "colours must be True or False, got 'yes'"),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_parts_are_told_nonsense(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


# The animation ------------------------------------------------------------------------------------


def small(channels=1):
    layers = [nv.Conv2D(2, 3, activation="relu"), nv.Flatten(), nv.Dense(3)]
    return nv.Sequential(layers, (12, 9, channels))


@pytest.mark.parametrize("channels", [1, 3])
def test_an_animation(tmp_path, channels):
    result = maximize(small(channels), [0, 1], steps=12, rate=0.5, snapshots=4)
    path = save_animation(result, tmp_path / "up.gif", seconds=2)
    with Pillow.open(path) as gif:
        assert gif.n_frames in (4, 5)  # equal frames become one
        assert gif.size == (2 * 108 + 4, 144)
        assert gif.info["loop"] == 0
        gif.seek(gif.n_frames - 1)
        shown = np.asarray(gif.convert("RGB"), float)
        assert gif.info["duration"] > 1000
    wanted = np.broadcast_to(result.values[0] * 255, (12, 9, 3))
    assert np.abs(shown[6:144:12, 6:108:12] - wanted).mean() < (1 if channels == 1 else 25)
    again = save_animation(result, tmp_path / "again.gif", seconds=2)
    assert again.read_bytes() == path.read_bytes()


def test_what_cannot_be_animated(tmp_path):
    result = maximize(small(), 0, steps=2)
    with pytest.raises(ArgumentError, match=r"the file must end in \.gif"):
        save_animation(result, tmp_path / "up.png")
    with pytest.raises(ArgumentError, match=r"seconds must be a number in 0\.1 … 600, got 0"):
        save_animation(result, tmp_path / "up.gif", seconds=0)
    with pytest.raises(ArgumentError, match=r"nothing to animate: use a result of nv\.maximize"):
        save_animation(result, tmp_path / "up.gif")
