"""The battery itself: each mistake that a student can make is found and named."""

from __future__ import annotations

import numpy as np
import pytest

from nnviz.engine.layer import Layer
from nnviz.engine.layers import Dense, ReLU
from nnviz.engine.window import POINTWISE, SlidingWindow
from nnviz.errors import ArgumentError, NnvizError
from nnviz.testing import CheckError, check_layer


class _Double(Layer):
    """A right layer, y = 2x, of which the wrong ones are made."""

    def window(self, i=0):
        return POINTWISE

    def forward(self, *xs, mode):
        return 2 * xs[0], None

    def backward(self, dy, call):
        return 2 * dy


class _WrongGradient(_Double):
    def backward(self, dy, call):
        dx = 2 * dy
        dx[0, 1, 2, 0] = 7
        return dx


class _WrongShape(_Double):
    def out_shape(self, *shapes):
        return (*shapes[0][:-1], 9)


class _Remembers(_Double):
    def forward(self, *xs, mode):
        self.x = xs[0]
        return 2 * xs[0], None


class _WritesToItsInput(_Double):
    def forward(self, *xs, mode):
        xs[0][...] *= 2
        return xs[0], None


class _WritesToDy(_Double):
    def backward(self, dy, call):
        dy *= 2
        return dy


class _OneOutputForAll(_Double):
    shelf: dict = {}

    def forward(self, *xs, mode):
        y = self.shelf.setdefault((xs[0].shape, xs[0].dtype), np.empty_like(xs[0]))
        y.flags.writeable = True
        np.multiply(xs[0], 2, out=y)
        return y, None


class _DoubleOnly(_Double):
    def forward(self, *xs, mode):
        return np.float64(2) * xs[0], None


class _KeepsATemporary(_Double):
    def forward(self, *xs, mode):
        return np.multiply(xs[0], 2, out=mode.temp(xs[0].shape, xs[0].dtype)), None


class _Centres(_Double):
    """Takes the chunk's mean off, without saying that it couples the samples."""

    def forward(self, *xs, mode):
        return xs[0] - xs[0].mean(axis=0), None

    def backward(self, dy, call):
        return dy - dy.mean(axis=0)


class _Forgets(_Double):
    """Its config is always another one."""

    def __init__(self, factor=2.0):
        super().__init__()
        self.factor = factor

    def config(self):
        return {"factor": 5.0}

    def forward(self, *xs, mode):
        return self.factor * xs[0], None

    def backward(self, dy, call):
        return self.factor * dy


class _ForgetsAll(_Forgets):
    def config(self):
        return {}


class _WideWindow(_Double):
    def window(self, i=0):
        return SlidingWindow((3, 3), pads="same")


class _NarrowWindow(_Double):
    """A row's sum: it reads more than it says."""

    def forward(self, *xs, mode):
        return xs[0] + xs[0].sum(axis=2, keepdims=True), None

    def backward(self, dy, call):
        return dy + dy.sum(axis=2, keepdims=True)


class _NarrowNeeds(_Double):
    """Touched is right, needed is not."""

    def window(self, i=0):
        class Wrong(SlidingWindow):
            def needed(self, box, size):
                return (box[0], box[1], box[2], box[1])

        return Wrong()


class _WrongOutSize(_Double):
    def window(self, i=0):
        return SlidingWindow((2, 2))


class _WrongParamGradient(Dense):
    def grads(self, dy, call):
        return {**super().grads(dy, call), "bias": dy.mean(axis=0)}


class _LostParamGradient(Dense):
    def grads(self, dy, call):
        return {"weight": call.x.T @ dy}


class _WrongParamShapes(Dense):
    def forward(self, *xs, mode):
        self.params.setdefault("extra", np.zeros(1))
        return super().forward(*xs, mode=mode)


PICTURE = (6, 5, 4)
MISTAKES = [
    (
        _WrongGradient(),
        PICTURE,
        r"gradient of input 0 is wrong.*worst at \(0, 1, 2, 0\): it gives 7",
    ),
    (_WrongShape(), PICTURE, r"shape of one output: got \(6, 5, 4\), expected \(6, 5, 9\)"),
    (_Remembers(), PICTURE, "forward stores 'x' on the layer"),
    (_WritesToItsInput(), PICTURE, "forward writes to an array that it was given"),
    (_WritesToDy(), PICTURE, "backward writes to an array that it was given"),
    (_OneOutputForAll(), PICTURE, "changed the output of the first run"),
    (_DoubleOnly(), PICTURE, "dtype of y at prediction for float32 inputs: got float64"),
    (_KeepsATemporary(), PICTURE, "with reused memory"),
    (_Centres(), PICTURE, "on a batch cut in two"),
    (_Forgets(3.0), PICTURE, "a layer made from config"),
    (_ForgetsAll(3.0), PICTURE, "a layer made from config.. gives another result"),
    (_WideWindow(), PICTURE, r"touched of input \(0, 0\) is .*, but only \(0, 0, 1, 1\)"),
    (_NarrowWindow(), PICTURE, r"touched of input \(0, 0\) is .*, but \(0, 1\) belongs to it"),
    (_NarrowNeeds(), PICTURE, r"needed of output \(0, 0\) is .*, but \(0, 0\) belongs to it"),
    (_WrongOutSize(), PICTURE, r"window\(0\).out_size is \(5, 4\), the output is \(6, 5\)"),
    (_WrongParamGradient(3), (5,), "grads at prediction: the gradient of 'bias' is wrong"),
    (_LostParamGradient(3), (5,), "shapes that grads gives"),
    (_WrongParamShapes(3), (5,), "shapes of params"),
]


@pytest.mark.parametrize(("layer", "shape", "message"), MISTAKES, ids=lambda v: type(v).__name__)
def test_a_mistake_is_found_and_named(layer, shape, message):
    _OneOutputForAll.shelf.clear()
    with pytest.raises(CheckError, match=message):
        check_layer(layer, shape)


def test_a_right_layer_passes_and_shapes_must_be_given():
    check_layer(_Double(), PICTURE)
    check_layer(ReLU(), (28,))
    with pytest.raises(ArgumentError, match="needs the shape of each input"):
        check_layer(ReLU())


def test_an_error_of_another_kind_comes_through():
    class _Crashes(_Double):
        def backward(self, dy, call):
            raise ValueError("another matter")

    class _CrashesInTraining(_Double):
        def backward(self, dy, call):
            if call.mode.train:
                raise ValueError("only in training")
            return 2 * dy

    with pytest.raises(ValueError, match="another matter"):
        check_layer(_Crashes(), PICTURE)
    with pytest.raises(ValueError, match="only in training"):
        check_layer(_CrashesInTraining(), PICTURE)
    assert issubclass(CheckError, NnvizError)
    assert issubclass(CheckError, AssertionError)
