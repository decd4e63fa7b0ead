"""The dead library's calls: its formulas by hand, its faults mended, its arguments in its order."""

from __future__ import annotations

import numpy as np
import pytest
from networks import SEEN, chain, normalized

import nnviz as nv
from nnviz.compat import keras_vis
from nnviz.compat.keras_vis import (
    Jitter,
    activations,
    utils,
    visualize_activation,
    visualize_cam,
    visualize_saliency,
)
from nnviz.compat.keras_vis.modifiers import GRADIENTS
from nnviz.compat.keras_vis.modifiers import normalized as scaled
from nnviz.errors import ArgumentError
from nnviz.inspection.anatomy.receptive import place_on_picture

QUICK = {"input_range": (0.0, 1.0), "max_iter": 12}


@pytest.fixture
def model():
    return linear(SEEN["digits"]())


def linear(net):
    """As the guide does it."""
    model = keras_vis.view(net)
    model.layers[-1].activation = activations.linear
    return utils.apply_modifications(model)


def digit(seed=0):
    return np.random.default_rng(seed).random((28, 28, 1)).astype(np.float32)


# The view -------------------------------------------------------------------------------------


def test_a_view_has_keras_layers():
    net = SEEN["digits"]()
    model = keras_vis.view(net)
    assert [layer.name for layer in model.layers] == [
        "conv2d_1", "max_pooling2d_1", "conv2d_2", "dropout_1", "flatten_1", "preds",
    ]  # fmt: skip
    assert [layer.activation for layer in model.layers[:3]] == ["relu", "linear", "relu"]
    assert model.layers[-1].activation == "softmax"
    kernel, bias = model.layers[0].get_weights()
    assert kernel.shape == (3, 3, 1, 4)
    kernel[...] = 0
    assert net.parameters()["conv2d_1/weight"].any()
    assert bias.shape == (4,)
    np.testing.assert_array_equal(model.predict(digit()[None]), net.predict(digit()[None]))
    assert keras_vis.view(model) is model
    assert repr(model.layers[0]) == "<Conv2D conv2d_1, activation relu>"
    assert len(keras_vis.view(chain()).layers[1].get_weights()) == 4  # batch normalization


def test_the_summary_is_printed(capsys):
    keras_vis.view(SEEN["digits"]()).summary()
    assert "Total params" in capsys.readouterr().out


def test_find_layer_idx():
    net = SEEN["digits"]()
    assert utils.find_layer_idx(net, "preds") == 5
    assert keras_vis.find_layer_idx(keras_vis.view(net), "conv2d_2") == 2
    with pytest.raises(ArgumentError, match=r"no layer named 'predictions'.* model has conv2d"):
        utils.find_layer_idx(net, "predictions")


def test_apply_modifications_replaces_the_softmax():
    net = SEEN["digits"]()
    model = keras_vis.view(net)
    model.layers[-1].activation = activations.linear
    np.testing.assert_array_equal(model.predict(digit()), net.predict(digit()))  # not yet
    new = utils.apply_modifications(model)
    np.testing.assert_array_equal(new.predict(digit()), net.run(digit())["preds"].y)
    assert new.layers[-1].activation == "linear"
    assert new.model.head == "logits"
    assert new.model.classes == net.classes
    assert new.model.node("preds").layer is net.node("preds").layer
    again = utils.apply_modifications(new)
    np.testing.assert_array_equal(again.predict(digit()), new.predict(digit()))


def test_any_activation_can_be_assigned():
    model = keras_vis.view(SEEN["digits"]())
    model.layers[0].activation = activations.tanh
    model.layers[1].activation = "relu"  # a layer that had none
    new = utils.apply_modifications(model)
    assert [layer.activation for layer in new.layers[:2]] == ["tanh", "relu"]
    assert len(new.layers) == len(model.layers)
    trace = new.model.run(digit())
    np.testing.assert_allclose(trace["conv2d_1/relu"].y, np.tanh(trace["conv2d_1"].y))
    with pytest.raises(ArgumentError, match="no activation named 'lineal'"):
        model.layers[0].activation = "lineal"
    with pytest.raises(ArgumentError, match="keras_vis looks at an nnviz model, got str"):
        keras_vis.view("model")


# Saliency and Grad-CAM ------------------------------------------------------------------------


def test_saliency_by_its_formula(model):
    wanted = nv.saliency(model.model, digit(), 1).values[0]
    np.testing.assert_allclose(visualize_saliency(model, 5, 1, digit(), raw=True), wanted)
    got = visualize_saliency(model, -1, 1, digit())
    np.testing.assert_allclose(got, (wanted - wanted.min()) / np.ptp(wanted), atol=1e-4)
    assert got.dtype == np.float32
    assert visualize_saliency(model, 5, 1, digit(), keepdims=True).shape == (28, 28, 1)
    # Several filters: the sum of their activations.
    both = visualize_saliency(model, 5, [0, 2], digit(), None, None, None, raw=True)
    single = [visualize_saliency(model, 5, k, digit(), None, None, None, raw=True) for k in (0, 2)]
    np.testing.assert_allclose(both, single[0] + single[1], atol=1e-6)
    every = visualize_saliency(model, 5, None, digit(), grad_modifier=None, raw=True)
    np.testing.assert_allclose(
        every, visualize_saliency(model, 5, [0, 1, 2], digit(), grad_modifier=None, raw=True)
    )


@pytest.mark.parametrize(
    ("modifier", "rule"),
    [(None, "plain"), ("guided", "guided"), ("relu", "rectified"), ("rectified", "rectified"),
     ("deconv", "rectified")],
)  # fmt: skip
def test_backprop_modifiers_are_our_rules(model, modifier, rule):
    wanted = nv.saliency(model.model, digit(), 0, rule=rule).values[0]
    got = visualize_saliency(model, 5, 0, digit(), backprop_modifier=modifier, raw=True)
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-8)
    # The release's order, where backprop_modifier stood in the place of wrt_tensor.
    if modifier:
        old = visualize_saliency(model, 5, 0, digit(), modifier, raw=True)
        np.testing.assert_array_equal(old, got)
        signed = visualize_saliency(model, 5, 0, digit(), modifier, "negate", raw=True)
        new = visualize_saliency(model, 5, 0, digit(), None, modifier, "negate", raw=True)
        np.testing.assert_array_equal(signed, new)


def test_gradient_modifiers():
    g = np.array([-2.0, 0.5], np.float32)
    wanted = {
        None: [-2, 0.5], "negate": [2, -0.5], "absolute": [2, 0.5], "invert": [-0.5, 2],
        "relu": [0, 0.5], "small_values": [0.5, 2],
    }  # fmt: skip
    assert wanted.keys() == GRADIENTS.keys()
    for name, values in wanted.items():
        np.testing.assert_allclose(GRADIENTS[name](g), values, rtol=1e-5)
    assert scaled(np.full(3, 7.0)).tolist() == [0, 0, 0]


def test_cam_by_its_formula(model):
    trace = model.model.run(digit())
    maps = trace["conv2d_2/relu"].y
    slope = model.model.backward(
        trace, {"preds": np.eye(3, dtype=np.float32)[[2]]}, until=["conv2d_2/relu"]
    )["conv2d_2/relu"]
    weights = slope.mean(axis=(1, 2))
    map_ = np.maximum((maps * weights[:, None, None]).sum(axis=-1), 0)
    wanted = place_on_picture(model.model, "conv2d_2/relu", map_)[0]
    got = visualize_cam(model, 5, 2, digit(), raw=True)
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-7)
    assert got.shape == (28, 28)
    np.testing.assert_array_equal(got, visualize_cam(model, 5, 2, digit(), 2, raw=True))
    shown = visualize_cam(model, 5, 2, digit(), None, "guided", "small_values")
    assert 0 <= shown.min() <= shown.max() <= 1


def test_evidence_against_a_class_is_not_drawn_as_evidence_for_it():
    """Where all gradients are negative, dividing by their maximum turned their sign."""
    layers = [nv.Conv2D(2, 3, activation="relu"), nv.Flatten(), nv.Dense(2, name="preds")]
    net = nv.Sequential(layers, (6, 6, 1))
    net.parameters()["conv2d_1/weight"][...] = 1
    net.parameters()["preds/weight"][...] = [[-1, 1]]
    picture = np.ones((6, 6, 1), np.float32)
    assert not visualize_cam(net, 2, 0, picture, raw=True).any()
    assert visualize_cam(net, 2, 1, picture, raw=True).all()


def test_the_layer_directly_before_is_not_passed_over():
    layers = [nv.Conv2D(2, 3, name="a"), nv.Conv2D(2, 3, name="b"), nv.Conv2D(3, 4, name="c")]
    net = nv.Sequential([*layers, nv.Flatten()], (9, 9, 1))
    picture = digit()[:9, :9]
    near = visualize_cam(net, 2, 0, picture, raw=True)
    np.testing.assert_array_equal(near, visualize_cam(net, 2, 0, picture, 1, raw=True))
    with pytest.raises(ArgumentError, match="no convolution or pooling layer before 'a'"):
        visualize_cam(net, 0, 0, picture)
    with pytest.raises(ArgumentError, match="layer 'flatten_1' has no rows and cols"):
        visualize_cam(net, 3, 0, picture, 3)


def test_a_rule_with_nothing_to_act_on_is_told():
    net = nv.Sequential([nv.Conv2D(2, 3), nv.Flatten(), nv.Dense(2)], (6, 6, 1))
    with pytest.warns(UserWarning, match="this model has no ReLU"):
        visualize_saliency(net, 2, 0, digit()[:6, :6], backprop_modifier="guided")
    with pytest.warns(UserWarning, match="this model has no ReLU"):
        visualize_activation(net, 2, 0, max_iter=1, backprop_modifier="guided")


# Activation maximization ----------------------------------------------------------------------


def test_the_walk_by_its_formula():
    """Loss, normalized gradient and RMSProp as documented, on a linear model by hand."""
    net = nv.Sequential([nv.Flatten(), nv.Dense(2, use_bias=False)], (3, 4, 1))
    weight = net.parameters()["dense_1/weight"][:, 1].reshape(3, 4).astype(np.float64)
    x = np.random.default_rng(0).random((3, 4)) * 4 + 3
    low, high = 0.0, 10.0
    told = []
    got = visualize_activation(
        net, 1, 1, None, x[..., None], (low, high), None, None, 2.0, 3.0, 0.5, 6,
        callbacks=lambda *given: told.append(given),
    )  # fmt: skip
    h, best, least = np.zeros((3, 4)), None, np.inf

    def loss(x):
        act = 2 * (weight * x / 10).sum()
        lp = 3 * (np.abs(x) ** 6).sum() ** (1 / 6) / 12
        tv = 0.5 * ((np.diff(x, axis=0) ** 2).sum() + (np.diff(x, axis=1) ** 2).sum()) / 12
        return lp + tv - act

    for step in range(6):
        value = loss(x)
        assert told[step][2] == pytest.approx(value, rel=1e-4)
        if value < least:
            best, least = x.copy(), value
        gradient = np.zeros((3, 4))
        for place in np.ndindex(3, 4):
            poke = np.zeros((3, 4))
            poke[place] = 1e-5
            gradient[place] = (loss(x + poke) - loss(x - poke)) / 2e-5
        gradient /= np.linalg.norm(gradient)
        np.testing.assert_allclose(told[step][3][..., 0], gradient, atol=1e-4)
        h = 0.95 * h + 0.05 * gradient**2
        x = np.clip(x - 10 / 255 * gradient / np.sqrt(h + 1e-7), low, high)
    np.testing.assert_allclose(got[..., 0], best, rtol=1e-3)


def test_the_picture_is_in_its_range_and_is_the_best_one_seen(model):
    seen = []
    got = visualize_activation(
        model, 5, 1, input_range=(-1.0, 3.0), max_iter=30, callbacks=[lambda *t: seen.append(t)]
    )
    assert got.shape == (28, 28, 1)
    assert got.dtype == np.float32
    assert got.min() >= -1
    assert got.max() <= 3
    best = min(seen, key=lambda t: t[2])
    np.testing.assert_array_equal(got, best[4])
    assert best[2] < seen[0][2]
    assert [name for name, _ in seen[0][1]] == ["ActivationMax Loss", "LpNorm", "TotalVariation"]
    # It begins around the middle, 5 % of the range wide.
    assert seen[0][4].mean() == pytest.approx(1, abs=0.05)
    assert seen[0][4].std() == pytest.approx(0.2, rel=0.1)


def test_the_range_changes_nothing_but_the_units(model):
    settings = {"max_iter": 10, "lp_norm_weight": 0, "tv_weight": 0}
    one = visualize_activation(model, 5, 0, input_range=(0, 1), **settings)
    other = visualize_activation(model, 5, 0, input_range=(0, 255), **settings)
    np.testing.assert_allclose(one * 255, other, atol=0.05)


def test_the_same_seed_the_same_picture(model):
    one, two = (visualize_activation(model, 5, 0, seed=3, **QUICK) for _ in range(2))
    assert one.tobytes() == two.tobytes()
    assert one.tobytes() != visualize_activation(model, 5, 0, **QUICK).tobytes()


def test_filters_and_all_of_a_layer(model):
    for filters in (2, [0, 2], None):
        got = visualize_activation(model, 2, filters, **QUICK)
        assert got.shape == (28, 28, 1)
    with pytest.raises(ArgumentError, match="has 5 channels 0 … 4, got 7"):
        visualize_activation(model, 2, 7, **QUICK)
    with pytest.raises(ArgumentError, match="filter_indices is empty"):
        visualize_activation(model, 2, [], **QUICK)
    with pytest.raises(ArgumentError, match="layer_idx must be a whole number in -6 … 5, got 6"):
        visualize_activation(model, 6, 0, **QUICK)


def test_jitter_is_undone():
    """With a jitter the gradient is moved back: only the pixels that a neuron reads change."""
    layers = [nv.Conv2D(1, 3, use_bias=False), nv.Flatten(), nv.Dense(1, use_bias=False)]
    net = nv.Sequential(layers, (8, 8, 1))
    dense = net.parameters()["dense_1/weight"]
    dense[...] = 0
    dense[14] = 1
    start = np.full((8, 8, 1), 0.5, np.float32)
    got = visualize_activation(
        net, 2, 0, None, start, (0, 1), None, None, 1, 0, 0, 12, input_modifiers=[Jitter(1)]
    )
    changed = (got != 0.5)[..., 0]
    assert changed.any()
    assert not changed[7:].any()  # rows 2 … 4 are read, moved by one at the most
    assert Jitter(0.25).draw(np.random.default_rng(0), (8, 8)).forward(start[None]).shape[1] == 8


def test_the_releases_order_of_arguments(model):
    old = visualize_activation(model, 5, 0, digit(), **QUICK)
    new = visualize_activation(model, 5, 0, seed_input=digit(), **QUICK)
    np.testing.assert_array_equal(old, new)
    with pytest.raises(ArgumentError, match="wrt_tensor has no meaning here"):
        visualize_activation(model, 5, 0, digit(), digit(), **QUICK)
    with pytest.raises(ArgumentError, match="wrt_tensor has no meaning here"):
        visualize_saliency(model, 5, 0, digit(), digit())


def test_modifiers_and_talk(model, capsys):
    class Counter:
        steps = 0

        def callback(self, step, *_):
            self.steps += 1

    counter = Counter()
    visualize_activation(
        model, 5, 0, grad_modifier="relu", backprop_modifier="guided", callbacks=[counter],
        verbose=True, **QUICK,
    )  # fmt: skip
    assert counter.steps == 12
    assert "step 12: ActivationMax Loss" in capsys.readouterr().out


def test_a_model_that_wants_other_pixels():
    got = visualize_activation(normalized(), 1, 0, **QUICK)
    assert got.shape == (4, 4, 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"input_range": 3}, r"input_range must be \(low, high\), got 3"),
        ({"input_range": (0, float("nan"))}, r"input_range must be \(low, high\)"),
        ({"input_range": (1, 0)}, "input_range must rise from low to high"),
        ({"max_iter": 0}, "max_iter must be a whole number of at least 1, got 0"),
        ({"grad_modifier": "abs"}, "no grad_modifier named 'abs'"),
        ({"backprop_modifier": "giuded"}, r"no rule named 'giuded' \(did you mean 'guided'"),
        ({"tv_weight": -1}, "weight of TotalVariation must be a finite number of at least 0"),
        ({"seed_input": np.zeros((2, 28, 28, 1))}, "seed_input is one picture, got 2"),
    ],
)
def test_nonsense_is_told(model, settings, message):
    with pytest.raises(ArgumentError, match=message):
        visualize_activation(model, 5, 0, **settings)
