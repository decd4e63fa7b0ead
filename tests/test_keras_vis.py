"""The dead library's calls: its formulas by hand, its faults mended, its arguments in its order."""

from __future__ import annotations

import numpy as np
import pytest
from keras_style import digit, linear
from networks import SEEN, chain
from same import assert_same

import nnviz as nv
from nnviz.compat import keras_vis
from nnviz.compat.keras_vis import (
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
    assert_same(new.predict(digit()), net.run(digit())["preds"].y)
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
    dense = nv.Sequential([*layers[:1], nv.Flatten(), nv.Dense(2)], (9, 9, 1))
    with pytest.raises(ArgumentError, match="layer 'flatten_1' has no rows and cols"):
        visualize_cam(dense, 2, 0, picture, 1)


def test_a_layer_that_does_not_lead_to_the_explained_one_is_refused():
    """After it, itself, or on another branch: its map would be zero everywhere."""
    x = nv.Input((9, 9, 1))
    stem = nv.Conv2D(2, 3, name="stem")(x)
    aside = nv.Conv2D(2, 3, name="aside")(stem)
    way = nv.GlobalAveragePooling2D(name="mean")(stem)
    ends = [nv.Dense(2, name="out")(way), nv.Dense(2, name="other")(nv.Flatten()(aside))]
    net = nv.Model(x, nv.Add(name="sum")(*ends))
    at, picture = keras_vis.find_layer_idx, digit()[:9, :9]
    for name in ("aside", "out", "sum"):
        with pytest.raises(ArgumentError, match=f"layer '{name}' does not lead to 'out'"):
            visualize_cam(net, at(net, "out"), 0, picture, at(net, name))
    near = visualize_cam(net, at(net, "out"), 0, picture, raw=True)
    chosen = visualize_cam(net, at(net, "out"), 0, picture, at(net, "stem"), raw=True)
    np.testing.assert_array_equal(near, chosen)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_maps_follow_their_pictures_dtype(model, dtype):
    picture = digit().astype(dtype)
    assert visualize_saliency(model, 5, 0, picture).dtype == dtype
    assert visualize_cam(model, 5, 0, picture).dtype == dtype
    assert visualize_activation(model, 5, 0, seed_input=picture, **QUICK).dtype == np.float32


def test_a_rule_with_nothing_to_act_on_is_told():
    net = nv.Sequential([nv.Conv2D(2, 3), nv.Flatten(), nv.Dense(2)], (6, 6, 1))
    with pytest.warns(UserWarning, match="this model has no ReLU"):
        visualize_saliency(net, 2, 0, digit()[:6, :6], backprop_modifier="guided")
    with pytest.warns(UserWarning, match="this model has no ReLU"):
        visualize_activation(net, 2, 0, max_iter=1, backprop_modifier="guided")


@pytest.mark.parametrize("modifier", ["negate", "absolute", "invert", "small_values", np.square])
def test_saliency_by_place_of_the_release(model, modifier):
    old = visualize_saliency(model, 5, 0, digit(), None, modifier, raw=True)
    new = visualize_saliency(model, 5, 0, digit(), grad_modifier=modifier, raw=True)
    np.testing.assert_array_equal(old, new)
