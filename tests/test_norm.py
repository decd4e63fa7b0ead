"""Batch normalization's quick sums say what deviations from the mean say."""

import numpy as np
import pytest

from nnviz.engine.layer import Call, Mode
from nnviz.engine.layers import BatchNormalization
from nnviz.engine.layers import norm as module


def drawn(offset, dtype, shape=(6, 5, 7, 3)):
    rng = np.random.default_rng(3)
    spread = np.array([1.0, 0.2, 3.0])
    return (offset + spread * rng.standard_normal(shape)).astype(dtype), rng.standard_normal(shape)


def trained(x, dy):
    """y, dx and the parameters' gradients of one training step."""
    layer = BatchNormalization()
    layer.build(np.random.default_rng(0), x.shape[1:])
    layer.params["gamma"] += np.array([0.0, -1.0, 0.75], np.float32)  # one of them is 0
    layer.params["beta"] += np.array([0.25, 0.0, -2.0], np.float32)
    y, saved = layer.forward(x, mode=Mode(train=True))
    call, dy = Call((x,), y, saved, Mode(train=True)), dy.astype(x.dtype)
    return {"y": y, "dx": layer.backward(dy, call), **layer.grads(dy, call)}


def by_the_formula(x, dy):
    """The same from the formulas of the class, in float64."""
    x, dy = x.astype(np.float64), dy.astype(x.dtype).astype(np.float64)
    gamma, beta = np.array([1.0, 0.0, 1.75]), np.array([0.25, 0.0, -2.0])
    count, axes = x.size // 3, (0, 1, 2)
    inverse = 1 / np.sqrt(x.var(axis=axes) + 1e-3)
    normal = (x - x.mean(axis=axes)) * inverse
    plain, along = dy.sum(axis=axes), (dy * normal).sum(axis=axes)
    dx = gamma * inverse * (dy - plain / count - normal * along / count)
    return {"y": gamma * normal + beta, "dx": dx, "gamma": along, "beta": plain}


@pytest.mark.parametrize("offset", [0.0, 0.5, 4.0, 100.0, 1e5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_means_beside_which_the_deviations_are_small_lose_no_more_digits_than_x_has_lost(
    offset, dtype
):
    x, dy = drawn(offset, dtype)
    made, wanted = trained(x, dy), by_the_formula(x, dy)
    for name, array in made.items():
        assert array.dtype == dtype
        error = np.abs(array - wanted[name]).max() / np.abs(wanted[name]).max()
        assert error < np.finfo(dtype).eps * (30 + 20 * offset), name


def test_both_ways_give_the_same(monkeypatch):
    x, dy = drawn(0.5, np.float64)
    quick = trained(x, dy)
    monkeypatch.setattr(module, "NEAR", -1.0)
    for name, wanted in trained(x, dy).items():
        np.testing.assert_allclose(quick[name], wanted, rtol=1e-11, atol=1e-12)


def test_a_channel_without_deviations_is_all_shift():
    x, dy = drawn(0.0, np.float32)
    x[..., 1] = 7.3
    assert np.array_equal(trained(x, dy)["y"][..., 1], np.zeros(x.shape[:3], np.float32))
