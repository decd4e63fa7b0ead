"""Incremental recomputation equals the full one, for every layer that there is."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import ALL, SEEN, pictures

import nnviz as nv
from nnviz.engine import again_copies, rerun
from nnviz.engine.boxes import plan
from nnviz.engine.graph import INPUT, Input
from nnviz.engine.layer import Layer
from nnviz.engine.layers import (
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    MaxPooling2D,
    ReLU,
    Reshape,
    Softplus,
    UpSampling2D,
    WithConstant,
    ZeroPadding2D,
)
from nnviz.engine.model import Model
from nnviz.engine.rerun import rerun_boxes
from nnviz.engine.scratch import ScratchShelf
from nnviz.engine.sequential import Sequential
from nnviz.errors import ArgumentError

MODELS = {k: f for k, f in {**ALL, **SEEN}.items() if len(f().input.shape) == 3}
TOLERANCE = {np.float32: 1e-5, np.float64: 1e-10}


def some_boxes(size, rng, count=12, patch=None):
    found = []
    for _ in range(count):
        high, wide = patch or (rng.integers(1, max(2, n // 2)) for n in size)
        top, left = rng.integers(0, size[0] - high + 1), rng.integers(0, size[1] - wide + 1)
        found.append((top, left, top + high, left + wide))
    return np.array(found)


def full(model, x, boxes, values, want, source=INPUT):
    """One run for each box; x is one picture."""
    copies = np.repeat(x, len(boxes), axis=0)
    trace = model.run(copies, prepared=True)
    changed = (copies if source == INPUT else trace[source].y).copy()
    for i, (copy, (top, left, bottom, right)) in enumerate(zip(changed, boxes, strict=True)):
        copy[top:bottom, left:right] = values if np.ndim(values) < 4 else values[i]
    if source == INPUT:
        trace = model.run(changed, prepared=True)
    else:
        trace = model.rerun(trace, {source: changed})
    return {name: trace[name].y for name in want}


def agree(got, wanted, dtype, least=0.0):
    """least: the scale where large inputs cancel, so that rounding is that of the inputs."""
    assert got.keys() == wanted.keys()
    for node, there in wanted.items():
        assert got[node].dtype == dtype
        scale = max(np.abs(there).max(), least) or 1
        np.testing.assert_allclose(
            got[node], there, rtol=0, atol=TOLERANCE[dtype] * scale, err_msg=node
        )


def drawn(model, dtype, seed=0):
    """All parameters and statistics random, so that nothing is 0 or 1 by chance."""
    rng = np.random.default_rng(seed)
    model = model.astype(dtype)
    for node in model.nodes:
        for store in (node.layer.params, node.layer.buffers):
            for name, array in store.items():
                low = 0.5 if name in ("gamma", "moving_variance", "value") else -0.5
                array[...] = rng.uniform(low, low + 1, array.shape)
    return model


def one_for_all_threads(model, **options):
    """The bits are the same for one, two and three threads."""
    trace, want = model.run(pictures(model, 1)), model.output_name
    boxes = some_boxes(model.input.shape[:2], np.random.default_rng(4), 90, (4, 4))
    answers = []
    for count in (1, 2, 3):
        with nv.threads(count):
            answers.append(rerun_boxes(model, trace, boxes, 0.5, [want], **options)[want])
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])


def stays_below(memory, model, patch, monkeypatch):
    """So many bytes and what convolutions multiply at a time are all that 300 copies take."""
    boxes = some_boxes(model.input.shape[:2], np.random.default_rng(6), 300, patch)
    trace = model.run(pictures(model, 1))
    monkeypatch.setattr(rerun, "shelf", ScratchShelf())  # none that is filled already
    tracemalloc.start()
    try:
        rerun_boxes(model, trace, boxes, 0.5, [model.output_name], memory=memory)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    blocks = 2 * (3 << 20)  # on each of two threads
    assert peak < memory + blocks


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("patch", [(1, 1), (2, 3), (4, 4), None], ids=str)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_the_numbers_are_those_of_full_passes(name, patch, dtype):
    model = drawn(MODELS[name](), dtype)
    rng = np.random.default_rng(0)
    x = model.input.prepare(pictures(model, 3, dtype))
    boxes = some_boxes(model.input.shape[:2], rng, 30, patch)
    trace = model.run(x, prepared=True)
    want = [model.output_name, model.nodes[0].name]
    got = rerun_boxes(model, trace, boxes, 0.25, want, sample=1)
    agree(got, full(model, x[1:2], boxes, 0.25, want), dtype, np.abs(x).max())


# Every layer -----------------------------------------------------------------------------------

EXAMPLES = [
    (f"{name}-{i}", name, i)
    for name, cls in sorted(Layer.registry.items())
    if cls.__module__.startswith("nnviz.")
    for i, (_, shapes) in enumerate(cls.examples())
    if any(len(shape) == 3 for shape in shapes)
]


def around(name, i):
    """A model with the layer between convolutions that make its inputs, and a head."""
    layer, shapes = Layer.registry[name].examples()[i]
    shapes = enlarged(layer, shapes)
    rows = max(4, *(shape[0] for shape in shapes if len(shape) == 3))
    cols = max(4, *(shape[1] for shape in shapes if len(shape) == 3))
    x, ins = Input((rows, cols, 2)), []
    for shape in shapes:
        if len(shape) == 3:
            kernel = (rows - shape[0] + 1, cols - shape[1] + 1)
            made = Conv2D(shape[2], kernel, name=f"in_{len(ins)}")(x)
        else:
            made = Reshape(shape)(Dense(int(np.prod(shape)))(Flatten()(x)))
        if layer.domain[0] > 0:  # it is not defined for all numbers
            made = WithConstant.of("add", 0.5)(Softplus()(made))
        ins.append(made)
    y = layer(ins if len(ins) > 1 else ins[0])
    size = Model(x, y).output_shape
    if len(size) == 3:
        y = Flatten()(Conv2D(3, (min(3, size[0]), min(2, size[1])), padding="same")(y))
    y = y if len(Model(x, y).output_shape) == 1 else Flatten()(y)
    return Model(x, Dense(3)(y), seed=0)


def enlarged(layer, shapes):
    """The shapes with more rows and cols, where the layer takes them: room for boxes."""
    places = {shape[:2] for shape in shapes if len(shape) == 3}
    for more in ((9, 8), (12, 12)):
        if len(places) == 1 and all(len(shape) == 3 for shape in shapes):
            large = [(shape[0] + more[0], shape[1] + more[1], shape[2]) for shape in shapes]
            try:
                layer.out_shape(*large)
            except ArgumentError:
                continue
            return large
    return shapes


@pytest.mark.parametrize(("name", "i"), [e[1:] for e in EXAMPLES], ids=[e[0] for e in EXAMPLES])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("noted", [True, False], ids=["noted", "walked"])
def test_every_layer_agrees(name, i, dtype, noted, monkeypatch):
    if not noted:
        monkeypatch.setattr(again_copies, "MOST_BYTES", 0)
    model = drawn(around(name, i), dtype)
    size = model.input.shape[:2]
    x, other = pictures(model, 2, dtype)[:, None]
    rng = np.random.default_rng(1)
    corners = [
        (0, 0, 1, 2),
        (size[0] - 1, size[1] - 2, size[0], size[1]),
        (0, size[1] - 2, 1, size[1]),
    ]
    trace, next_ = model.run(x, prepared=True), model.run(other, prepared=True)
    want = [n.name for n in model.nodes]
    for boxes in (np.array(corners), some_boxes(size, rng, 9), np.array([(0, 0, *size)])):
        first = rerun_boxes(model, trace, boxes, 0.3, want)
        agree(first, full(model, x, boxes, 0.3, want), dtype)
        again = rerun_boxes(model, next_, boxes, 0.7, want)
        agree(again, full(model, other, boxes, 0.7, want), dtype)
        for name_, values in rerun_boxes(model, trace, boxes, 0.3, want).items():
            np.testing.assert_array_equal(values, first[name_])


def test_layers_with_a_window_are_not_run_on_whole_maps():
    layers = [
        ZeroPadding2D(2), Conv2D(3, 3, padding="same"), BatchNormalization(), ReLU(),
        DepthwiseConv2D(3), AveragePooling2D(2, padding="same"), Dropout(0.5),
        Flatten(), Dropout(0.2), Dense(3), ReLU(), Dense(2),
    ]  # fmt: skip
    model = Sequential(layers, (30, 31, 2))
    steps = plan(model, INPUT, np.array([(9, 9, 12, 13)]), [model.output_name]).steps
    kinds = ["patches"] * 7 + ["flatten", "patches", "difference", "whole", "whole"]
    assert [step.how for step in steps] == kinds


GROWING = [
    Conv2DTranspose(3, 3), Conv2DTranspose(2, (3, 2), strides=2, padding="same"),
    Conv2DTranspose(2, 2, strides=4, padding="same"), Conv2DTranspose(2, (1, 2), strides=(3, 5)),
    Conv2DTranspose(2, 4, strides=2, padding=((1, 0), (2, 1)), dilation_rate=2),
    Conv2DTranspose(2, 1, strides=3, padding=((1, 1), (2, 0))),
    UpSampling2D(2), UpSampling2D((3, 1)), UpSampling2D((2, 4), interpolation="bilinear"),
]  # fmt: skip


@pytest.mark.parametrize("layer", GROWING, ids=repr)
def test_layers_that_make_pictures_larger_are_run_on_patches(layer):
    layers = [Conv2D(2, 2, strides=2), layer, Conv2D(2, 2), ReLU(), Flatten(), Dense(2)]
    model = drawn(Sequential(layers, (21, 20, 1), seed=0), np.float64)
    x = pictures(model, 1, np.float64)
    want = [model.output_name, model.nodes[1].name]
    trace = model.run(x, prepared=True)
    for patch in ((1, 1), (2, 3), (5, 4)):
        tops, lefts = np.mgrid[: 22 - patch[0], : 21 - patch[1]].reshape(2, -1)
        boxes = np.stack([tops, lefts, tops + patch[0], lefts + patch[1]], axis=1)
        assert plan(model, INPUT, boxes, want).steps[1].how == "patches"
        agree(rerun_boxes(model, trace, boxes, 0.3, want), full(model, x, boxes, 0.3, want),
              np.float64)  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_any_map_can_be_changed(name):
    model = drawn(MODELS[name](), np.float64)
    x = model.input.prepare(pictures(model, 1, np.float64))
    trace, rng = model.run(x, prepared=True), np.random.default_rng(2)
    for node in model.nodes[:-1]:
        shape = model.shapes[node.name]
        if len(shape) == 3:
            boxes = some_boxes(shape[:2], rng, 7)
            want = [model.output_name]
            got = rerun_boxes(model, trace, boxes, -0.5, want, source=node.name)
            agree(got, full(model, x, boxes, -0.5, want, node.name), np.float64)


# Any network -----------------------------------------------------------------------------------

SMALL = st.integers(1, 3)
PADS = st.one_of(
    st.sampled_from(["valid", "same"]),
    st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2),
)


@st.composite
def networks(draw):
    """Two ways with free strides, dilations, pads and groups, joined, pooled and flattened."""
    x = Input((draw(st.integers(9, 16)), draw(st.integers(9, 16)), 2))
    kernel, stride = draw(st.tuples(SMALL, SMALL)), draw(st.tuples(SMALL, st.integers(1, 2)))
    y = Conv2D(4, kernel, strides=stride, padding=draw(PADS), activation="relu")(x)
    ways = [
        Conv2D(4, draw(SMALL), padding="same", groups=draw(st.sampled_from([1, 2])))(y),
        BatchNormalization()(Conv2D(4, 2, dilation_rate=draw(SMALL), padding="same")(y)),
        y,
    ]
    y = draw(st.sampled_from([Add, Concatenate]))()(ways)
    pool = draw(st.sampled_from([MaxPooling2D, AveragePooling2D]))
    y = pool(2, strides=draw(SMALL), padding="same")(y)
    return Model(x, Dense(3)(Flatten()(y)), seed=draw(st.integers(0, 9)))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(networks(), st.integers(0, 99), st.booleans())
def test_any_network_and_any_boxes(model, seed, one_size):
    model = drawn(model, np.float64, seed)
    rng = np.random.default_rng(seed)
    boxes = some_boxes(model.input.shape[:2], rng, 8, (2, 3) if one_size else None)
    x = pictures(model, 2, np.float64, seed)
    want = [model.output_name]
    values = rng.normal(size=(8, 2, 3, 2)) if one_size else rng.normal(size=2)
    got = rerun_boxes(model, model.run(x, prepared=True), boxes, values, want, sample=1)
    agree(got, full(model, x[1:], boxes, values, want), np.float64)


def test_a_whole_map_as_values_shows_through_the_boxes():
    model = MODELS["wide"]().astype(np.float64)
    rng = np.random.default_rng(3)
    x, other = pictures(model, 1, np.float64), rng.random(model.input.shape)
    for patch in (None, (3, 4)):
        boxes = some_boxes(model.input.shape[:2], rng, 9, patch)
        want = [model.output_name]
        got = rerun_boxes(model, model.run(x), boxes, other, want)
        for i, (top, left, bottom, right) in enumerate(boxes):
            shown = x.copy()
            shown[0, top:bottom, left:right] = other[top:bottom, left:right]
            np.testing.assert_allclose(got[want[0]][i], model.run(shown).output[0], atol=1e-10)


# Threads and memory ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["digits", "wide"])
def test_the_bits_do_not_depend_on_the_threads(name):
    one_for_all_threads(MODELS[name](), memory=300_000)


def test_little_memory_is_enough_and_changes_no_number():
    model = drawn(MODELS["colour"](), np.float64)
    x = pictures(model, 1, np.float64)
    boxes = some_boxes((32, 32), np.random.default_rng(5), 40)
    want = [model.output_name]
    got = [rerun_boxes(model, model.run(x), boxes, 0.5, want, memory=m) for m in (1, 1 << 28)]
    np.testing.assert_allclose(got[0][want[0]], got[1][want[0]], rtol=1e-12)


@pytest.mark.parametrize("patch", [(3, 3), (9, 9), (24, 24)], ids=str)
@pytest.mark.parametrize("name", ["colour", "digits"])
def test_no_more_memory_is_taken_than_was_said(name, patch, monkeypatch):
    stays_below(12 << 20, MODELS[name](), patch, monkeypatch)


@pytest.mark.parametrize("patch", [(2, 2), (11, 10)], ids=str)
def test_what_another_layer_still_reads_is_not_written_over(patch):
    x = Input((12, 11, 2))
    y = Conv2D(3, 3, padding="same")(x)
    handed = ReLU()(Dropout(0.5)(y))  # at prediction dropout hands on its input itself
    model = Model(x, Dense(2)(Flatten()(Add()(handed, y, ReLU()(y)))), seed=0).astype(np.float64)
    picture = pictures(model, 1, np.float64)
    boxes = some_boxes((12, 11), np.random.default_rng(8), 9, patch)
    want = [model.output_name]
    got = rerun_boxes(model, model.run(picture), boxes, 0.9, want)
    agree(got, full(model, picture, boxes, 0.9, want), np.float64)


def test_what_has_not_changed_gives_the_very_numbers_of_before():
    model = MODELS["digits"]()
    trace = model.run(pictures(model, 1))
    boxes = some_boxes(model.input.shape[:2], np.random.default_rng(7), 20)
    name = model.output_name
    got = rerun_boxes(model, trace, boxes, trace.input[0], [name])[name]
    np.testing.assert_array_equal(got, np.repeat(trace.output, 20, axis=0))


BOX = np.array([(0, 0, 2, 2)])
BAD = [
    ({"boxes": np.zeros((0, 4), int)}, r"boxes are whole numbers \(P, 4\), .* got shape \(0, 4\)"),
    ({"boxes": BOX.astype(float)}, r"boxes are whole numbers"),
    ({"boxes": np.array([(0, 0, 0, 2)])}, "a box is empty or sticks out of the map of 8×7"),
    ({"boxes": np.array([(0, 0, 2, 8)])}, "a box is empty or sticks out"),
    ({"values": np.zeros(3)}, r"values of shape \(3,\) do not stretch over 1 boxes of 2×2 with 2"),
    ({"values": np.zeros((2, 2, 2, 2))}, r"values of shape .* do not stretch"),
    ({"source": "flatten_1"}, r"'flatten_1' has shape \(24,\), which has no rows and cols"),
    ({"source": "conv9"}, "no node named 'conv9'"),
    ({"want": ["conv9"]}, "no node named 'conv9'"),
    ({"sample": 2}, "no picture 2 in a trace of 2"),
    ({"memory": 0}, "memory must be a whole number of bytes, at least 1, got 0"),
    ({"memory": 1.5}, "memory must be a whole number of bytes"),
]


@pytest.mark.parametrize(("wrong", "message"), BAD, ids=str)
def test_nonsense_is_refused(wrong, message):
    model = ALL["chain"]()
    given_ = {"boxes": BOX, "values": 0.5, "want": ["preds"], **wrong}
    trace = model.run(pictures(model, 2))
    with pytest.raises(ArgumentError, match=message):
        rerun_boxes(model, trace, **given_)


def test_a_trace_must_be_whole():
    model = ALL["chain"]()
    with pytest.raises(ArgumentError, match="rerun_boxes needs a whole trace"):
        rerun_boxes(model, model.run(pictures(model, 1), keep=()), BOX, 0.5, ["preds"])
