"""Models: how they are built, named and described; heads, inputs and errors."""

from __future__ import annotations

import networks
import numpy as np
import pytest

from nnviz.engine.graph import INPUT, Input, Node
from nnviz.engine.input import InputSpec
from nnviz.engine.layer import Layer
from nnviz.engine.layers import (
    Add,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    ReLU,
    Sigmoid,
    Softmax,
)
from nnviz.engine.model import Model
from nnviz.engine.sequential import Sequential
from nnviz.errors import ArgumentError


def names(model):
    return [node.name for node in model.nodes]


def test_names_are_counted_by_kind_and_activations_are_nodes():
    assert names(networks.chain()) == [
        "conv2d_1",
        "conv2d_1/relu",
        "batch_normalization_1",
        "max_pooling2d_1",
        "dropout_1",
        "flatten_1",
        "dense_1",
        "dense_1/tanh",
        "preds",
        "preds/softmax",
    ]


def test_names_of_graphs_and_of_layers_at_two_places():
    assert names(networks.residual())[:5] == [
        "stem",
        "stem/relu",
        "conv2d_1",
        "batch_normalization_1",
        "join",
    ]
    assert networks.residual().node("join").inputs == ("batch_normalization_1", "stem/relu")
    assert names(networks.twice())[:6] == [
        "conv2d_1",
        "conv2d_1/tanh",
        "batch_normalization_1",
        "conv2d_1_2",
        "conv2d_1_2/tanh",
        "batch_normalization_1_2",
    ]


def test_the_order_is_topological_and_a_name_that_is_wished_is_not_given_twice():
    x = Input((4,))
    late = Dense(4, name="dense_2")(x)
    model = Model(x, Add()(Dense(4)(late), Dense(4)(late), Dense(4)(x)))
    assert names(model) == ["dense_2", "dense_1", "dense_3", "dense_4", "add_1"]
    seen = {INPUT}
    for node in model.nodes:
        assert set(node.inputs) <= seen
        seen.add(node.name)


def test_shapes_parameters_and_repr():
    model = networks.chain()
    assert model.shapes["conv2d_1"] == (6, 5, 4)
    assert model.output_shape == (3,)
    assert {k: v.shape for k, v in model.parameters().items()} == {
        "conv2d_1/weight": (3, 3, 2, 4),
        "conv2d_1/bias": (4,),
        "batch_normalization_1/gamma": (4,),
        "batch_normalization_1/beta": (4,),
        "dense_1/weight": (24, 6),
        "dense_1/bias": (6,),
        "preds/weight": (6, 3),
        "preds/bias": (3,),
    }
    assert repr(model) == "<Model 8×7×2 -> (3,), 10 nodes, 255 params>"
    assert repr(Dense(3)) == "Dense(units=3, use_bias=True, weight_init='glorot_uniform')"
    assert sorted(networks.twice().parameters())[-2:] == ["dense_1/bias", "dense_1/weight"]
    assert len(networks.twice().parameters()) == 6, "a layer at two places is counted once"


def test_a_seed_gives_the_same_weights_and_the_same_fingerprint():
    one, other, third = networks.chain(0), networks.chain(0), networks.chain(1)
    assert one.fingerprint() == other.fingerprint() != third.fingerprint()
    other.nodes[0].layer.params["bias"][0] += 1
    assert one.fingerprint() != other.fingerprint()


def test_the_same_answer_alone_and_in_a_batch_and_for_one_picture_without_n():
    model = networks.chain()
    x = networks.pictures(model)
    whole = model.predict(x)
    assert whole.shape == (9, 3)
    np.testing.assert_allclose(whole.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(model.predict(x[4]), whole[4:5], rtol=1e-5)


HEADS = [
    ([Dense(3, activation="softmax")], "softmax", "dense_1"),
    ([Dense(3, activation="sigmoid")], "sigmoid", "dense_1"),
    ([Dense(3)], "logits", "dense_1"),
    ([Dense(1)], "none", "dense_1"),
    ([Dense(3), Softmax(), Flatten()], "softmax", "dense_1"),
    ([Dense(3), Softmax(), Flatten(), Flatten()], "softmax", "dense_1"),
    ([Dense(3), ReLU()], "logits", "re_lu_1"),
    ([Softmax()], "softmax", INPUT),
]


@pytest.mark.parametrize(("layers", "head", "logits"), HEADS, ids=str)
def test_the_head_is_recognised_and_its_logits_found(layers, head, logits):
    model = Sequential(layers, (4,))
    assert (model.head, model.logits_name) == (head, logits)


def test_a_head_can_be_said_and_pictures_have_none():
    x = Input((4,))
    model = Model(x, Dense(3, activation="softmax")(x), head="none")
    assert (model.head, model.logits_name) == ("none", "dense_1/softmax")
    assert Sequential([Conv2D(2, 3)], (5, 5, 1)).head == "none"
    x = Input((1, 1, 4))
    spatial = Model(x, Flatten()(Softmax()(Conv2D(3, 1)(x))))
    assert (spatial.head, spatial.logits_name) == ("softmax", "conv2d_1")


def test_classes_by_number_and_by_name():
    model = networks.chain()
    assert model.class_index("bee") == model.class_index(1) == model.class_index(np.int64(1)) == 1
    assert model.class_name(2) == "cat"
    assert networks.residual().class_name(2) == "2"
    for target, message in (
        ("bea", r"no class named 'bea' \(did you mean 'bee'\?\); this model has ant, bee, cat"),
        (3, "class 3 is not among the model's 3: 0 … 2"),
        (-1, "class -1 is not among"),
        (1.5, "a class is a number or a name, got 1.5"),
        (True, "a class is a number or a name, got True"),
    ):
        with pytest.raises(ArgumentError, match=message):
            model.class_index(target)
    with pytest.raises(ArgumentError, match="no class named 'ant'; this model has 0, 1, 2"):
        networks.residual().class_index("ant")


# The input -----------------------------------------------------------------------------------


def test_pixels_are_prepared_as_the_network_was_taught():
    spec = networks.normalized().input
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3)).astype(np.uint8)
    wanted = (pixels[..., ::-1] - np.array([104.0, 117, 123])) / [2, 3, 4]
    np.testing.assert_allclose(spec.prepare(pixels), wanted, atol=1e-4)
    np.testing.assert_allclose(spec.prepare(pixels / 255.0), wanted, atol=1e-10)
    assert spec.prepare(pixels).dtype == np.float32
    assert spec.prepare(pixels.astype(np.float32) / 255).dtype == np.float32
    assert spec.prepare(pixels.astype(np.int64)).dtype == np.float32
    plain = InputSpec((2,))
    values = np.array([[0.25, 3.0]])
    assert plain.prepare(values) is values
    np.testing.assert_array_equal(plain.prepare(np.array([[0, 255]], np.uint8)), [[0, 1]])
    np.testing.assert_array_equal(plain.prepare(np.array([[2, 255]])), [[2, 255]])


def test_prepared_input_is_taken_as_it_is():
    model = networks.normalized()
    x = networks.pictures(model)
    trace = model.run(x)
    again = model.run(model.input.prepare(x), prepared=True)
    np.testing.assert_array_equal(again.output, trace.output)
    np.testing.assert_array_equal(again.input, model.input.prepare(x))
    assert model.run(np.ones((1, 4, 4, 3), int), prepared=True).output.dtype == np.float32


def test_an_input_spec_may_be_given_as_numbers_and_lists():
    spec = InputSpec([4, 4, 3], [0, 255], 0.5, np.array([1, 2, 3]))
    assert spec == InputSpec((4, 4, 3), (0.0, 255.0), (0.5,), (1.0, 2.0, 3.0))
    assert repr(spec) == repr(InputSpec((4, 4, 3), (0.0, 255.0), (0.5,), (1.0, 2.0, 3.0)))


def test_a_gradient_for_the_networks_input_is_one_for_the_pixels():
    spec = networks.normalized().input
    rng = np.random.default_rng(0)
    x, dx, step = (rng.random((2, 4, 4, 3)) for _ in range(3))
    slope = (spec.prepare(x + 1e-6 * step) - spec.prepare(x - 1e-6 * step)) / 2e-6
    assert float((spec.pixel_gradient(dx) * step).sum()) == pytest.approx(float((dx * slope).sum()))
    assert spec.pixel_gradient(dx.astype(np.float32)).dtype == np.float32


def test_missing_axes_are_given():
    spec = InputSpec((4, 5, 1))
    for shape in ((4, 5), (4, 5, 1), (1, 4, 5), (1, 4, 5, 1)):
        assert spec.check(np.zeros(shape)).shape == (1, 4, 5, 1)
    assert spec.check(np.zeros((3, 4, 5))).shape == (3, 4, 5, 1)
    assert InputSpec((4,)).check([1, 2, 3, 4]).shape == (1, 4)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 5, 4, 1)), r"shape \(2, 5, 4, 1\), expected N×4×5×1: the model was made for"),
        (np.zeros((2, 4, 5, 3)), "resize the pictures first"),
        (np.zeros((0, 4, 5, 1)), "the input is empty"),
        (np.full((1, 4, 5, 1), np.nan), r"the input has 20 value\(s\) that are NaN or infinite"),
        (np.full((1, 4, 5, 1), "a"), "the input must be numbers, got an array of <U1"),
        (np.zeros((1, 4, 5, 1), complex), "the input must be numbers, got an array of complex128"),
        ([[1, 2], [3]], "the input must be one array, got rows of different shapes"),
    ],
    ids=str,
)
def test_what_is_no_input_is_refused(x, message):
    with pytest.raises(ArgumentError, match=message):
        InputSpec((4, 5, 1)).check(x)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mean": (1.0, 2.0)}, r"mean of the input must have 1 or 3 finite numbers"),
        ({"std": (np.inf,)}, r"std of the input must have 1 or 3 finite numbers"),
        ({"std": (0.0,)}, "std of the input must be above 0"),
        ({"value_range": (1, 1)}, r"value_range must be \(low, high\)"),
        ({"value_range": 3}, r"value_range must be \(low, high\), got \(3.0,\)"),
        ({"mean": ("a",)}, r"mean of the input must be numbers, got \['a'\]"),
        ({"mean": ((1,), (1, 2))}, "mean must be one array"),
        ({"channel_order": "GBR"}, "channel_order must be RGB or BGR, got 'GBR'"),
    ],
    ids=str,
)
def test_an_input_spec_that_makes_no_sense_is_refused(settings, message):
    with pytest.raises(ArgumentError, match=message):
        InputSpec((4, 5, 3), **settings)


# Errors of building ----------------------------------------------------------------------------


def functional(*build):
    """A call that applies `build` to an Input of (6, 5, 4)."""
    return lambda: build[0](Input((6, 5, 4)), *build[1:])


def two_inputs(x):
    return Model(x, Add()(x, Input((6, 5, 4))))


def clash(x):
    return Model(x, ReLU(name="a")(ReLU(name="a")(x)))


def other_shape(x):
    return Model(x, ReLU()(x), input=InputSpec((6, 5, 3)))


def shared_badly(x):
    conv = Conv2D(3, 1)
    return Model(x, conv(conv(x)))


BUILDING = [
    (lambda: Input((6, 0)), r"shape of Input must be \(rows, cols, channels\).*got \(6, 0\)"),
    (lambda: Input(2.5), "shape of Input must be"),
    (lambda: Sequential([ReLU()], (0, 5, 1)), r"input_shape must be .*got \(0, 5, 1\)"),
    (lambda: Sequential([ReLU(), 5], (4,)), "layer 2 is no layer but int"),
    (lambda: Sequential([Dense(3)], (6, 5, 4)), r"layer 1 \(Dense\): Dense needs vectors"),
    (lambda: Sequential([], (4,)), "a model needs at least one layer"),
    (lambda: Sequential([Add()], (4,)), r"Add takes two or more inputs, got 1"),
    (lambda: Sequential([Dense(2)], (4,), classes=["a"]), "1 class names for 2 outputs"),
    (lambda: Dense(3, activation="rleu")(Input((4,))), "no activation named 'rleu'.*mean 'relu'"),
    (
        lambda: ReLU()(np.zeros((1, 4))),
        "ReLU was called with ndarray, expected the result of Input",
    ),
    (lambda: ReLU()(), r"ReLU takes 1 input\(s\), got 0"),
    (functional(two_inputs), "also depends on another Input"),
    (functional(clash), "two nodes want the name 'a'"),
    (functional(other_shape), r"input.shape is \(6, 5, 3\), but the graph begins \(6, 5, 4\)"),
    (functional(shared_badly), "node 'conv2d_1_2': weight has shape .* a layer used twice"),
    (functional(lambda x: Model(x, ReLU()(x), head="soft")), "no head named 'soft'"),
    (functional(lambda x: Add()(x, Input((6, 5, 3)))), r"Add needs inputs of one shape"),
    (functional(lambda x: Concatenate()(x, Input((6, 4, 4)))), "inputs of the same rows and cols"),
    (functional(lambda x: ReLU()(x, x)), r"ReLU takes 1 input\(s\), got 2"),
    (functional(lambda x: Conv2D(6, 3, groups=3)(x)), "4 channels do not divide into 3 groups"),
    (lambda: Conv2D(3, 3)(Input((4,))), r"Conv2D needs pictures \(rows, cols, channels\), got"),
    (lambda: GlobalAveragePooling2D()(Input((4,))), "GlobalAveragePooling2D needs pictures"),
]


@pytest.mark.parametrize(
    ("build", "message"), BUILDING, ids=lambda v: v if isinstance(v, str) else ""
)
def test_a_graph_that_cannot_be_is_refused(build, message):
    with pytest.raises(ArgumentError, match=message):
        build()


def test_a_node_that_does_not_fit_is_named():
    nodes = [Node("a", Dense(3), (INPUT,))]
    with pytest.raises(ArgumentError, match="node 'a': Dense needs vectors"):
        Model.from_nodes(nodes, input=InputSpec((2, 2, 1)))


def test_an_unknown_node_is_named_with_those_there_are():
    message = r"no node named 'conv2d_2' \(did you mean 'conv2d_1'\?\); this model has conv2d_1, "
    with pytest.raises(ArgumentError, match=message):
        networks.chain().node("conv2d_2")


def test_numpy_integers_and_single_numbers_are_shapes():
    assert Input(np.int64(7)).shape == Input(7).shape == (7,)
    assert all(type(s) is int for s in Input(np.array([4, 5, 1])).shape)


def test_a_layer_of_a_user_does_not_take_the_place_of_ours():
    ours = Layer.registry["Dropout"]
    user = type("Dropout", (Layer,), {"__module__": "notebook"})
    assert Layer.registry["Dropout"] is ours is Dropout is not user
    mine = type("TestsOwnLayer", (Layer,), {})
    newer = type("TestsOwnLayer", (Layer,), {})
    assert Layer.registry.pop("TestsOwnLayer") is newer is not mine


def test_a_layer_without_a_body_says_so():
    layer = Layer()
    for do in (lambda: layer.forward(np.zeros(1), mode=None), lambda: layer.backward(None, None)):
        with pytest.raises(NotImplementedError, match=r"Layer has no (forward|backward)"):
            do()


def test_the_sigmoid_and_softmax_heads_agree_with_their_logits():
    model = Sequential([Dense(3, activation="sigmoid")], (4,))
    trace = model.run(networks.pictures(model))
    logits = trace[model.logits_name].y
    np.testing.assert_allclose(trace.output, 1 / (1 + np.exp(-logits)), rtol=1e-6)
    assert isinstance(model.nodes[-1].layer, Sigmoid)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([("a", "input"), ("a", "a")], "two nodes are named 'a': names must be unique"),
        ([("a", "input"), ("b", "c")], "node 'b' reads 'c', which is not before it"),
    ],
)
def test_from_nodes_refuses_what_is_no_graph(nodes, message):
    made = [Node(name, ReLU(), (source,)) for name, source in nodes]
    with pytest.raises(ArgumentError, match=message):
        Model.from_nodes(made, input=InputSpec((3,)))
