"""A layer that a student writes in one file: it passes when right, and each mistake is named."""

from __future__ import annotations

import importlib.util

import networks
import numpy as np
import pytest

import nnviz
from nnviz.engine.layer import Layer
from nnviz.testing import CheckError, check_layer
from nnviz.training import check_gradients

RIGHT = '''
"""y = x * scale + shift, for each channel: all that a layer needs, in one file."""

import numpy as np
import nnviz as nv


class TestsScale(nv.Layer):
    def __init__(self, start=1.0, *, name=None):
        super().__init__(name=name)
        self.start = start

    def param_shapes(self, shape):
        return {"scale": shape[-1:], "shift": shape[-1:]}

    def initial(self, name, shape, rng):
        return np.full(shape, self.start if name == "scale" else 0, np.float32)

    def forward(self, x, *, mode):
        return x * self.param("scale", x.dtype) + self.param("shift", x.dtype), None

    def backward(self, dy, call):
        return dy * self.param("scale", dy.dtype)

    def grads(self, dy, call):
        axes = tuple(range(dy.ndim - 1))
        return {"scale": (dy * call.x).sum(axis=axes), "shift": dy.sum(axis=axes)}
'''


@pytest.fixture
def student(tmp_path, monkeypatch):
    """text -> the layer's class, imported from a file of its own."""
    monkeypatch.setattr(Layer, "registry", dict(Layer.registry))

    def write(text):
        path = tmp_path / "my_layer.py"
        path.write_text(text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location("my_layer", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.TestsScale

    return write


def test_a_right_layer_passes_and_is_used_like_any_other(student, tmp_path):
    cls = student(RIGHT)
    layer = cls(1.5)
    check_layer(layer, (6, 5, 4))
    check_layer(layer, (7,))
    assert layer.params == {}, "the layer given is not changed"
    layers = [nnviz.Conv2D(3, 3), layer, nnviz.Flatten(), nnviz.Dense(3, activation="softmax")]
    model = nnviz.Sequential(layers, networks.SHAPE)
    x, y = networks.pictures(model, 12), np.arange(12) % 3
    assert check_gradients(model, x, y).ok
    model.fit(x, y, epochs=2, verbose=False)
    assert (layer.params["scale"] != 1.5).any()
    model.save(tmp_path / "m")
    again = nnviz.load(tmp_path / "m.npz")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert again.nodes[1].layer.start == 1.5


PLANTED = [
    # what is right, what the student wrote, what the battery says
    (
        'dy * self.param("scale", dy.dtype)',
        "dy",
        r"backward at prediction: the gradient of input 0 is wrong by .*worst at \(\d, \d, \d",
    ),
    (
        '"shift": dy.sum(axis=axes)}',
        '"shift": dy.mean(axis=axes)}',
        r"grads at prediction: the gradient of 'shift' is wrong by",
    ),
    (
        "(dy * call.x).sum(axis=axes)",
        "dy.sum(axis=axes)",
        "grads at prediction: the gradient of 'scale' is wrong by",
    ),
    (
        ', "shift": dy.sum(axis=axes)}',
        "}",
        r"shapes that grads gives: got \{'scale': \(4,\)\}, expected \{.*'shift': \(4",
    ),
    (
        '"shift": dy.sum(axis=axes)}',
        '"shift": dy.sum()}',
        r"shapes that grads gives: got .*'shift': \(\)",
    ),
    (
        'return {"scale": (dy',
        'return [(dy * call.x).sum(axis=axes)]\n        return {"scale": (dy',
        "grads must return a dict of arrays by parameter, got a single list",
    ),
    (
        "        return dy * self",
        "        dy * self",
        r"backward must return an array per input, got None \(is a return missing\?\)",
    ),
    (
        ", None\n",
        "\n",
        r"forward must return \(y, saved\), an array and what backward needs; got a single ndarray",
    ),
    (
        'return x * self.param("scale", x.dtype) + self.param("shift", x.dtype), None',
        "pass",
        r"forward must return \(y, saved\), .*got None \(is a return missing\?\)",
    ),
    (
        ", None\n",
        ", None, x\n",
        r"forward must return \(y, saved\), .*got a tuple of ndarray, NoneType, ndarray",
    ),
    (
        "        return x * self",
        "        self.x = x\n        return x * self",
        "forward stores 'x' on the layer: return it as `saved` instead",
    ),
    (
        "        return x * self",
        "        x *= 2\n        return x * self",
        "forward writes to an array that it was given: make a new one",
    ),
    (
        'x * self.param("scale", x.dtype)',
        'x * self.params["scale"].astype(np.float64)',
        "the dtype of y at prediction for float32 inputs: got float64, expected float32",
    ),
    (
        "        super().__init__(name=name)\n",
        "",
        r"TestsScale: __init__ must begin with super\(\).__init__\(\)",
    ),
    (
        "self.start = start",
        "self.begin = start",
        r"TestsScale: config\(\) finds the constructor's arguments .*no attribute 'start'",
    ),
    (
        'return {"scale": shape[-1:], "shift": shape[-1:]}',
        'return {"scale": shape[-1:], "shift": shape[-1:], "extra": (2,)}',
        "shapes that grads gives: got .* expected .*'extra'",
    ),
    (
        "    def forward(",
        "    def out_shape(self, shape):\n        return (9,)\n\n    def forward(",
        r"the shape of one output: got \(6, 5, 4\), expected \(9,\)",
    ),
    (
        "    def forward(",
        "    def window(self, i=0):\n        from nnviz.engine.window import SlidingWindow\n"
        '        return SlidingWindow((3, 3), pads="same")\n\n    def forward(',
        r"window\(0\).touched of input \(0, 0\) is .*, but only \(0, 0, 1, 1\) belongs to it",
    ),
]


@pytest.mark.parametrize("place", range(len(PLANTED)), ids=lambda i: PLANTED[i][2][:40])
def test_each_planted_mistake_is_named(place, student):
    right, wrong, message = PLANTED[place]
    assert RIGHT.count(right) == 1
    text = RIGHT.replace(right, wrong).replace(
        'self.start if name == "scale"', '1.5 if name == "scale"'
    )
    with pytest.raises(CheckError, match=message):
        check_layer(student(text)(), (6, 5, 4))


def test_a_layer_without_a_body_says_what_it_lacks():
    class _Empty(Layer):
        pass

    with pytest.raises(NotImplementedError, match="_Empty has no forward"):
        check_layer(_Empty(), (4,))

    class _HalfDone(Layer):
        def forward(self, *xs, mode):
            return xs[0], None

    with pytest.raises(NotImplementedError, match="_HalfDone has no backward"):
        check_layer(_HalfDone(), (4,))


def test_one_gradient_for_two_inputs_is_named():
    class _Sum(nnviz.Add):
        def backward(self, dy, call):
            return dy

    with pytest.raises(CheckError, match=r"shapes that backward gives: got \[\(5, 4\)\], expected"):
        check_layer(_Sum(), (4,), (4,))


def test_the_error_can_be_caught_as_ours_and_as_a_failed_test():
    class _Wrong(nnviz.ReLU):
        def backward(self, dy, call):
            return dy

    with pytest.raises(nnviz.NnvizError):
        check_layer(_Wrong(), (4,))
    with pytest.raises(AssertionError):
        check_layer(_Wrong(), (4,))
