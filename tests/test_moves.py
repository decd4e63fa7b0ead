"""Convolutions of what moves alone give what full passes give, wherever the change lies."""

import numpy as np
import pytest
from test_boxes import agree, drawn, full, one_for_all_threads, some_boxes

from nnviz.engine.boxes import plan
from nnviz.engine.graph import INPUT, Input
from nnviz.engine.layers import (
    Add,
    AveragePooling2D,
    Concatenate,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePooling2D,
    LeakyReLU,
    MaxPooling2D,
    ReLU,
    TrueConv2D,
)
from nnviz.engine.model import Model
from nnviz.engine.moves import lightened, lined_up
from nnviz.engine.rerun import rerun_boxes

SIZE = (23, 22, 3)


def chain(*layers):
    x = y = Input(SIZE)
    for layer in (Conv2D(8, 2), ReLU(), *layers):
        y = layer(y)
    return x, y


def head(x, y):
    return Model(x, Dense(3)(Flatten()(y)), seed=0)


def branches():
    x, y = chain(Conv2D(9, 3, padding="same"))
    other = MaxPooling2D(2)(ReLU()(y))
    return head(x, Concatenate()(other, MaxPooling2D(2)(y), AveragePooling2D(2)(LeakyReLU()(y))))


def residual():
    x, y = chain(Conv2D(8, 3))
    z = Conv2D(8, 3, padding="same")(ReLU()(y))
    return head(x, MaxPooling2D(2)(ReLU()(Add()(z, y))))


def straight_to_dense():
    x, y = chain(Conv2D(8, 3))
    return head(x, y)


def averaged():
    x, y = chain(Conv2D(8, 3), MaxPooling2D(3, strides=2), Conv2D(8, 3))
    return Model(x, Dense(3)(GlobalAveragePooling2D()(ReLU()(y))), seed=0)


MODELS = {
    "valid": lambda: head(*chain(Conv2D(10, 3), ReLU(), MaxPooling2D(2))),
    "same": lambda: head(*chain(Conv2D(8, 3, padding="same"), ReLU(), MaxPooling2D(2))),
    "framed": lambda: head(*chain(Conv2D(8, 3, padding=((2, 0), (1, 3))), MaxPooling2D(3))),
    "one col": lambda: head(*chain(Conv2D(8, (3, 1)), LeakyReLU(), AveragePooling2D(2))),
    "turned": lambda: head(*chain(TrueConv2D(8, 3), ReLU(), MaxPooling2D(2))),
    "without bias": lambda: head(*chain(Conv2D(8, 3, use_bias=False), MaxPooling2D(2))),
    "one after the other": lambda: head(*chain(Conv2D(8, 3), Conv2D(8, 3), MaxPooling2D(2))),
    "framed after": lambda: head(
        *chain(Conv2D(8, 3, padding="same"), Conv2D(4, 3, padding="same"))
    ),
    "averaged with a frame": lambda: head(
        *chain(Conv2D(8, 3, padding="same"), AveragePooling2D(3, strides=2, padding="same"))
    ),
    "branches": branches,
    "residual": residual,
    "averaged": averaged,
}


def moved(model, boxes):
    """The names of the steps on what moves alone."""
    made = lightened(plan(model, INPUT, boxes, [model.output_name]))
    return [step.node.name for step in made.steps if step.moves is not None]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("patch", [(1, 1), (4, 4), (7, 2), None], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_numbers_are_those_of_full_passes(name, patch, dtype):
    model = drawn(MODELS[name](), dtype)
    rng = np.random.default_rng(0)
    x = rng.random((1, *SIZE)).astype(dtype)
    boxes = some_boxes(SIZE[:2], rng, 40, patch)
    corners = [(0, 0, 1, 1), (22, 21, 23, 22), (0, 20, 2, 22), (21, 0, 23, 3)]
    boxes = np.concatenate([boxes, corners]) if patch is None else boxes
    assert moved(model, boxes) or patch != (4, 4)
    trace = model.run(x, prepared=True)
    for want in ([model.output_name], [n.name for n in model.nodes]):
        got = rerun_boxes(model, trace, boxes, 0.3, want)
        agree(got, full(model, x, boxes, 0.3, want), dtype, np.abs(x).max())


def test_a_dense_layer_that_reads_the_convolution_wants_it_whole():
    boxes = some_boxes(SIZE[:2], np.random.default_rng(0), 5, (3, 3))
    assert moved(straight_to_dense(), boxes) == []


def test_a_large_region_is_gathered():
    assert moved(MODELS["valid"](), np.array([(4, 4, 8, 8)])) == ["conv2d_2"]
    assert moved(MODELS["valid"](), np.array([(4, 4, 17, 17)])) == []


def test_copies_that_lie_alike_have_one_number():
    model = MODELS["valid"]()
    grid = np.array([(r, c, r + 4, c + 4) for c in range(19) for r in range(20)])
    made = lightened(plan(model, INPUT, grid, [model.output_name]))
    kinds = lined_up(made).reshape(19, 20)
    inner = kinds[6:13, 6:14]  # away from the border each other row and col lies alike
    np.testing.assert_array_equal(inner[:-2], inner[2:])
    np.testing.assert_array_equal(inner[:, :-2], inner[:, 2:])
    assert len(np.unique(inner)) == 4


@pytest.mark.parametrize("name", ["valid", "same"])
def test_the_bits_do_not_depend_on_the_threads(name):
    one_for_all_threads(MODELS[name]())
