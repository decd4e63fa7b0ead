"""The layers that networks from elsewhere need: what the battery does not ask of them."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import nnviz as nv
from nnviz.engine.layer import Call, Mode
from nnviz.engine.layers.interpolate import keeping_aspect
from nnviz.engine.window import SlidingWindow
from nnviz.errors import ArgumentError


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def run(layer, *xs):
    y, saved = layer.forward(*xs, mode=Mode())
    return Call(xs, y, saved, Mode())


# What is refused ----------------------------------------------------------------------------------

SETTINGS = [
    (lambda: nv.Arithmetic("plus"), "no operation named 'plus'; Arithmetic has add"),
    (lambda: nv.WithConstant("mean"), "no operation named 'mean'; WithConstant has add"),
    (lambda: nv.WithConstant.of("add", "ab"), "value of WithConstant must be numbers, got <U2"),
    (lambda: nv.Reshape((2, -1, -1)), "shape of Reshape may leave one size free"),
    (lambda: nv.Reshape(4), "shape of Reshape must be up to 6 whole numbers"),
    (lambda: nv.Permute((1, 0)), "order of Permute must be all axes from 0 with the batch's 0"),
    (lambda: nv.Permute((0, 1, 1)), "order of Permute must be all axes"),
    (lambda: nv.Permute(3), "order of Permute must be all axes"),
    (lambda: nv.BroadcastTo((0,)), "shape of BroadcastTo must be up to 6 whole numbers"),
    (lambda: nv.SpaceToDepth(0), "block of SpaceToDepth must be a whole number of at least 1"),
    (lambda: nv.DepthToSpace(1.5), "block of DepthToSpace must be a whole number of at least 1"),
    (lambda: nv.DepthToSpace(2, mode="RCD"), "no mode named 'RCD'.*; DepthToSpace has DCR, CRD"),
    (lambda: nv.Slice(0, 1), "axes of Slice must be different axes of a sample, from 1 .axis 0 is"),
    (lambda: nv.Slice((1, 1), 0), "axes of Slice must be different axes"),
    (lambda: nv.Slice(1, 0.5), "starts of Slice must be a whole number, got 0.5"),
    (lambda: nv.Slice(1, None), "starts and steps of Slice must be whole numbers"),
    (lambda: nv.Slice(1, 0, None, 0), "starts and steps of Slice must be whole .* steps not 0"),
    (lambda: nv.Slice((1, 2), (0,)), "Slice has 1 starts for 2 axes"),
    (lambda: nv.Gather([0.5]), "indices of Gather must be whole numbers, at least one"),
    (lambda: nv.Gather([]), "indices of Gather must be whole numbers, at least one"),
    (lambda: nv.Gather([[1], [1, 2]]), "indices of Gather must be whole numbers"),
    (lambda: nv.Gather([0], True), "axis of Gather must be a whole number, got True"),
    (lambda: nv.Pad((1, 1)), r"amounts of Pad must be \(\(before, after\), …\)"),
    (lambda: nv.Pad(((1, 1, 1),)), "amounts of Pad must be"),
    (lambda: nv.Pad(((1, 0.5),)), "amounts of Pad must be a whole number, got 0.5"),
    (lambda: nv.Pad(((1, 1),), mode="mirror"), "no mode named 'mirror'; Pad has constant"),
    (lambda: nv.Pad(((1, 1),), value=math.nan), "value of Pad must be a finite number, got nan"),
    (lambda: nv.LpPooling2D(2, 0.5), "p of LpPooling2D must be at least 1, got 0.5"),
    (lambda: nv.GlobalLpPooling2D("2"), "p of GlobalLpPooling2D must be a finite number"),
    (lambda: nv.MaxPooling2D(2, dilation_rate=0), "dilation_rate must be one or two whole numbers"),
    (
        lambda: nv.Reduce("median"),
        "no operation named 'median' .did you mean 'mean'.*; Reduce has mean",
    ),
    (lambda: nv.Reduce("sum", 0), "axes of Reduce must be different axes of a sample"),
    (lambda: nv.ArgMax(0), "axis of ArgMax must be different axes of a sample"),
    (lambda: nv.ArgMin("last"), "axis of ArgMin must be a whole number, got 'last'"),
    (lambda: nv.Softmax((1, 1)), "axis of Softmax must be different axes of a sample"),
    (lambda: nv.LogSoftmax(0), "axis of LogSoftmax must be different axes of a sample"),
    (lambda: nv.Concatenate(0), "axis of Concatenate must be different axes of a sample"),
    (lambda: nv.Clip("a"), "low of Clip must be a finite number, got 'a'"),
    (lambda: nv.Clip(high=math.inf), "high of Clip must be a finite number, got inf"),
    (lambda: nv.CELU(0), "alpha of CELU must not be 0"),
    (lambda: nv.CELU(None), "alpha of CELU must be a finite number"),
    (lambda: nv.SELU(scale="1"), "scale of SELU must be a finite number"),
    (lambda: nv.Swish(math.nan), "beta of Swish must be a finite number, got nan"),
    (lambda: nv.ThresholdedReLU(None), "theta of ThresholdedReLU must be a finite number"),
    (lambda: nv.HardSigmoid(math.nan), "slope of HardSigmoid must be a finite number, got nan"),
    (lambda: nv.PReLU(0), "shared_axes of PReLU must be different axes of a sample"),
    (lambda: nv.Function("expp"), "no function named 'expp' .did you mean 'exp'.*; Function has"),
    (lambda: nv.GroupNormalization(0), "groups of GroupNormalization must be a whole number"),
    (lambda: nv.LayerNormalization(epsilon=0), "epsilon of LayerNormalization must be above 0"),
    (lambda: nv.InstanceNormalization(epsilon="1"), "epsilon of InstanceNormalization must be a"),
    (lambda: nv.LayerNormalization(0), "axis of LayerNormalization must be different axes"),
    (lambda: nv.Resize(1), "Resize needs sizes or scales, one for each of its 1 axes"),
    (lambda: nv.Resize((1, 2), sizes=(3,)), "Resize needs sizes or scales, one for each of its 2"),
    (lambda: nv.Resize(1, sizes=3), "sizes of Resize must be one for each axis, got 3"),
    (lambda: nv.Resize(1, sizes=(0,)), "sizes of Resize must be above 0, got 0"),
    (lambda: nv.Resize(1, scales=(-1.0,)), "scales of Resize must be above 0, got -1.0"),
    (lambda: nv.Resize(1, sizes=(2,), crop=(1,)), r"crop of Resize must be \(start, end\) of each"),
    (lambda: nv.Resize(1, sizes=(2,), cubic=None), "cubic must be a finite number"),
    (lambda: nv.Resize(1, sizes=(2,), rounding="up"), "no rounding named 'up'; Resize has round_"),
    (
        lambda: nv.Resize(1, sizes=(2,), coordinates="x"),
        "no coordinates named 'x'; Resize has",
    ),
    (lambda: nv.Resize(1, sizes=(2,), interpolation="x"), "no interpolation named 'x'; Resize has"),
]

SHAPES = [
    (nv.Arithmetic("add"), [(2,), (3,)], "Arithmetic needs inputs of one shape"),
    (nv.Arithmetic("power"), [(2,)] * 3, r"Arithmetic\('power'\) takes exactly 2 inputs, got 3"),
    (nv.Arithmetic("add", broadcast=True), [(2,), (3,)], "Arithmetic cannot bring the shapes"),
    (nv.WithConstant("add", (2,)), [(3,)], r"cannot bring a constant of shape \(2,\) and inputs"),
    (nv.Reshape((4,)), [(2, 3)], r"Reshape cannot lay out 6 numbers of inputs \(2, 3\) as \(4,\)"),
    (nv.Reshape((4, -1)), [(2, 3)], "Reshape cannot lay out 6 numbers"),
    (nv.Permute((0, 2, 1)), [(2, 3, 4)], r"Permute\(\(0, 2, 1\)\) needs inputs of 2 axes besides"),
    (nv.BroadcastTo((2,)), [(3,)], r"BroadcastTo cannot stretch inputs of \(3,\) to \(2,\)"),
    (nv.SpaceToDepth(2), [(3, 4, 1)], r"SpaceToDepth\(2\) needs rows and cols that 2 divides"),
    (nv.SpaceToDepth(2), [(4,)], "SpaceToDepth needs pictures"),
    (nv.DepthToSpace(2), [(3, 4, 6)], r"DepthToSpace\(2\) needs channels that 4 divides, got 6"),
    (nv.Slice(2, 0), [(3,)], r"Slice works along axes \(2,\), but inputs of shape \(3,\) have the"),
    (nv.Slice((1, -1), 0), [(3,)], r"Slice works along axes \(1, -1\)"),
    (nv.Slice(1, 3), [(3,)], r"leaves nothing of inputs of shape \(3,\)"),
    (nv.Gather([3]), [(3,)], r"Gather wants the places 3 … 3 along axis -1, but inputs of shape"),
    (nv.Gather([-4]), [(3,)], "Gather wants the places -4 … -4"),
    (nv.Pad(((1, 1),)), [(3, 2)], r"Pad has amounts for 1 axes, inputs have shape \(3, 2\)"),
    (nv.Pad(((-2, -1),)), [(3,)], r"Pad by \(\(-2, -1\),\) leaves nothing of inputs of shape"),
    (nv.Pad(((-3, 2),)), [(3,)], "leaves nothing of inputs"),
    (nv.Reduce("sum", 2), [(3,)], r"Reduce works along axes \(2,\)"),
    (nv.ArgMax(3), [(3, 2)], r"ArgMax works along axes \(3,\)"),
    (nv.Softmax(2), [(3,)], r"Softmax works along axes \(2,\)"),
    (nv.Softmax(), [()], r"Softmax works along axes \(-1,\)"),
    (nv.Concatenate(1), [(2, 3), (2, 4)], "Concatenate needs inputs of one shape but for axis 1"),
    (nv.MatMul(), [(2, 3), (2, 3)], r"MatMul cannot multiply \(2, 3\) by \(2, 3\)"),
    (nv.MatMul(), [(), (3,)], r"MatMul cannot multiply \(\) by \(3,\)"),
    (nv.MatMul(), [(2, 2, 3), (5, 3, 1)], "MatMul cannot multiply"),
    (nv.GroupNormalization(2), [(4, 4, 3)], "3 channels do not divide into 2 groups of norm"),
    (nv.GroupNormalization(1), [()], "GroupNormalization needs channels, got samples of one"),
    (nv.InstanceNormalization(), [()], "InstanceNormalization needs channels"),
    (nv.LayerNormalization(3), [(4,)], r"LayerNormalization works along axes \(3,\)"),
    (nv.Resize(2, sizes=(2,)), [(4,)], r"Resize works along axes \(2,\)"),
    (nv.Resize(1, scales=(0.1,)), [(4,)], r"Resize by \(0.1,\) leaves nothing of inputs \(4,\)"),
    (nv.GlobalMaxPooling2D(), [(4,)], "GlobalMaxPooling2D needs pictures"),
    (nv.Dense(2), [(3, 4)], r"put Flatten\(\) before it, or say everywhere=True"),
]


@pytest.mark.parametrize(("make", "message"), SETTINGS, ids=[m[:40] for _, m in SETTINGS])
def test_a_setting_that_cannot_be_is_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


@pytest.mark.parametrize(("layer", "shapes", "message"), SHAPES, ids=[m[:40] for *_, m in SHAPES])
def test_inputs_that_do_not_fit_are_refused(layer, shapes, message):
    with pytest.raises(ArgumentError, match=message):
        layer.out_shape(*shapes)


# Values that are not like the others --------------------------------------------------------------


def test_what_is_not_defined_is_nan_or_infinite_without_a_warning():
    x = np.array([[-1.0, 0.0, 1.0]])
    root = run(nv.Function("sqrt"), x)
    assert np.isnan(root.y[0, 0])
    assert root.y[0, 1] == 0
    assert np.isinf(nv.Function("sqrt").backward(np.ones((1, 3)), root)[0, 1])
    assert np.isinf(run(nv.Function("log"), x).y[0, 1])
    assert np.isinf(run(nv.WithConstant.of("divide", 1.0, first=True), x).y[0, 1])
    assert np.isnan(run(nv.Arithmetic("power"), x, np.full((1, 3), 0.5)).y[0, 0])


def test_powers_have_their_slopes_at_zero():
    base, exponent = np.array([[0.0, 0.0, 2.0, -2.0]]), np.array([[2.0, 0.0, 0.0, 2.0]])
    layer = nv.Arithmetic("power")
    da, db = layer.backward(np.ones((1, 4)), run(layer, base, exponent))
    np.testing.assert_allclose(da, [[0, 0, 0, -4]])
    np.testing.assert_allclose(db[0, [0, 2]], [0, math.log(2)])


def test_of_equal_ones_the_first_receives_the_gradient():
    x = np.zeros((1, 2, 2, 1))
    dy = np.ones((1, 2, 2, 1))
    first, second = nv.Arithmetic("maximum").backward(dy, run(nv.Arithmetic("maximum"), x, x))
    assert (first.sum(), second.sum()) == (4, 0)
    for layer in (nv.Reduce("max", (1, 2)), nv.Reduce("min", (2, 1)), nv.GlobalMaxPooling2D()):
        dx = layer.backward(np.ones((1, 1)), run(layer, x))
        np.testing.assert_array_equal(dx.ravel(), [1, 0, 0, 0])


def test_a_product_with_zeros_has_its_slopes():
    x = np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 3.0], [2.0, 5.0, 3.0]])
    layer = nv.Reduce("prod", 1)
    dx = layer.backward(np.ones(3), run(layer, x))
    np.testing.assert_allclose(dx, [[0, 6, 0], [0, 0, 0], [15, 6, 10]])


def test_norms_of_nothing_have_no_slope():
    x = np.zeros((1, 4, 4, 1))
    for layer in (nv.Reduce("l2"), nv.GlobalLpPooling2D(3.0), nv.LpPooling2D(2)):
        call = run(layer, x)
        np.testing.assert_array_equal(layer.backward(np.ones_like(call.y), call), x)


def test_a_logarithm_of_a_sum_does_not_overflow():
    x = np.array([[1000.0, 1000.0], [-1000.0, -1000.0]])
    y = run(nv.Reduce("log_sum_exp", 1), x).y
    np.testing.assert_allclose(y, [1000 + math.log(2), -1000 + math.log(2)])
    np.testing.assert_allclose(run(nv.LogSoftmax(), x).y, -math.log(2))


def test_the_last_of_equal_ones_where_that_is_said():
    x = np.array([[1.0, 3.0, 3.0, 0.0, 0.0]])
    assert [float(run(nv.ArgMax(last=last), x).y[0]) for last in (False, True)] == [1, 2]
    assert [float(run(nv.ArgMin(last=last), x).y[0]) for last in (False, True)] == [3, 4]


def test_space_to_depth_is_undone():
    x = random(2, 4, 6, 3)
    np.testing.assert_array_equal(run(nv.DepthToSpace(2), run(nv.SpaceToDepth(2), x).y).y, x)


def test_a_resize_with_half_pixels_is_upsampling():
    x = random(2, 3, 4, 2)
    for name, other in (("nearest", "nearest"), ("linear", "bilinear")):
        ours = run(nv.Resize((1, 2), scales=(2.0, 3.0), interpolation=name), x).y
        theirs = run(nv.UpSampling2D((2, 3), interpolation=other), x).y
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_sizes_that_keep_the_proportions():
    assert keeping_aspect((4, 6), (8, 8), larger=False) == ((5, 8), 8 / 6)
    assert keeping_aspect((4, 6), (8, 8), larger=True) == ((8, 12), 2.0)
    assert keeping_aspect((2, 5), (1, 5), larger=False) == ((1, 3), 0.5)  # 2.5 is rounded up


@given(
    st.tuples(st.integers(1, 4), st.integers(1, 4)), st.integers(1, 3), st.integers(1, 3),
    st.tuples(st.integers(0, 3), st.integers(0, 3)), st.integers(1, 9),
)  # fmt: skip
def test_rounding_up_adds_a_window_where_something_is_left(kernel, stride, step, pads, size):
    reach = step * (kernel[0] - 1) + 1
    room = size + sum(pads) - reach
    if room < 0:
        return
    window = SlidingWindow((kernel[0], 1), (stride, 1), (pads, (0, 0)), (step, 1), ceil=True)
    starts = [i * stride for i in range(-(-room // stride) + 1)]
    starts = [at for at in starts if at < size + pads[0]]  # begins before the padding at the end
    if not starts or starts[0] >= size + pads[0]:
        return
    assert window.out_size((size, 1))[0] == len(starts)
    front, back = window.padding((size, 1))[0]
    assert front == pads[0]
    assert back == max(0, starts[-1] + reach - size - front)


def test_old_settings_leave_the_configuration_as_it_was():
    assert nv.MaxPooling2D(2).config().keys() == {"pool_size", "strides", "padding"}
    assert nv.AveragePooling2D(2, count_include_pad=True).config()["count_include_pad"]
    for layer in (nv.Concatenate(), nv.Softmax(), nv.PReLU(), nv.SELU(), nv.GELU(), nv.Swish(),
                  nv.GlobalAveragePooling2D()):  # fmt: skip
        assert layer.config() == {}
    assert "everywhere" not in nv.Dense(2).config()
    assert nv.Concatenate(1).config() == {"axis": 1}


def test_dense_everywhere_is_a_convolution_of_one_cell():
    x = random(2, 4, 3, 5)
    dense, conv = nv.Dense(3, everywhere=True), nv.Conv2D(3, 1)
    dense.build(np.random.default_rng(0), (4, 3, 5))
    conv.params = {"weight": dense.params["weight"][None, None], "bias": dense.params["bias"]}
    np.testing.assert_allclose(run(dense, x).y, run(conv, x).y, atol=1e-12)
