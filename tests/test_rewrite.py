"""Models made from models share arrays and compute the same."""

from __future__ import annotations

import networks
import numpy as np
import pytest
from same import assert_same

from nnviz.engine.folding import Folded, folds
from nnviz.engine.graph import Input
from nnviz.engine.input import InputSpec
from nnviz.engine.layers import (
    Add,
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePooling2D,
    ReLU,
    Softmax,
    Subsampling2D,
    TrueConv2D,
)
from nnviz.engine.model import FOLD_FROM, Model
from nnviz.engine.rewrite import drop_softmax, fold_batch_norm, up_to
from nnviz.engine.sequential import Sequential
from nnviz.errors import ArgumentError


def lively(model, seed=2):
    """Batch normalization with other numbers than its first ones."""
    rng = np.random.default_rng(seed)
    for node in model.nodes:
        for store in (node.layer.params, node.layer.buffers):
            for name, array in store.items():
                if name in ("gamma", "beta", "moving_mean", "moving_variance"):
                    array[...] = rng.uniform(0.3, 2, array.shape)
    return model


def kinds(model):
    return [type(node.layer).__name__ for node in model.nodes]


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_dropping_the_head_gives_its_logits(kind):
    model = Sequential([Dense(5), ReLU(), Dense(3, activation=kind)], (4,), classes="abc")
    x = networks.pictures(model)
    bare = drop_softmax(model)
    assert (bare.head, bare.classes) == ("logits", ["a", "b", "c"])
    np.testing.assert_array_equal(bare.predict(x), model.run(x)[model.logits_name].y)
    assert bare.node("dense_1").layer is model.node("dense_1").layer
    assert model.head == kind, "the old model is as it was"


def test_a_flattening_after_the_softmax_stays():
    x = Input((1, 1, 4))
    model = Model(x, Flatten()(Softmax()(Conv2D(3, 1)(x))))
    bare = drop_softmax(model)
    assert kinds(bare) == ["Conv2D", "Flatten"]
    pixels = networks.pictures(model)
    logits = model.run(pixels)["conv2d_1"].y.reshape(9, 3)
    assert_same(bare.predict(pixels), logits)


def test_without_a_head_the_model_comes_back():
    model = networks.inception()
    assert drop_softmax(model) is model
    alone = Sequential([Softmax()], (4,))
    assert drop_softmax(alone) is alone


FOLDED = {
    "after a convolution": lambda x: BatchNormalization()(Conv2D(4, 3)(x)),
    "without a bias": lambda x: BatchNormalization()(Conv2D(4, 3, use_bias=False)(x)),
    "in groups": lambda x: BatchNormalization()(Conv2D(4, 3, groups=2, strides=2)(x)),
    "after a dense layer": lambda x: BatchNormalization()(Dense(4)(Flatten()(x))),
    "both of two": lambda x: BatchNormalization()(BatchNormalization()(Conv2D(4, 3)(x))),
    "after a true convolution": lambda x: BatchNormalization()(TrueConv2D(4, (3, 2))(x)),
    "after a transposed one": lambda x: BatchNormalization()(Conv2DTranspose(4, 3, strides=2)(x)),
    "after a transposed square": lambda x: BatchNormalization()(Conv2DTranspose(2, 3)(x)),
    "after a depthwise one": lambda x: BatchNormalization()(
        DepthwiseConv2D(3, depth_multiplier=3, use_bias=False)(x)
    ),
    "after subsampling": lambda x: BatchNormalization()(Subsampling2D(2)(x)),
    "before a convolution": lambda x: Conv2D(3, (3, 2), strides=2, dilation_rate=2)(
        BatchNormalization()(x)
    ),
    "before one in groups": lambda x: Conv2D(6, 3, groups=2, use_bias=False)(
        BatchNormalization()(x)
    ),
    "before a true convolution": lambda x: TrueConv2D(3, (3, 2))(BatchNormalization()(x)),
    "before a dense layer": lambda x: Dense(3)(BatchNormalization()(Flatten()(x))),
    "on both sides": lambda x: BatchNormalization()(Conv2D(4, 3)(BatchNormalization()(x))),
}


@pytest.mark.parametrize("build", FOLDED.values(), ids=FOLDED)
def test_folding_batch_normalization_computes_the_same(build):
    x = Input((6, 5, 2))
    model = lively(Model(x, ReLU()(build(x)))).astype(np.float64)
    folded = fold_batch_norm(model)
    assert "BatchNormalization" not in kinds(folded)
    pixels = networks.pictures(model, dtype=np.float64)
    np.testing.assert_allclose(
        folded.predict(pixels), model.predict(pixels), rtol=1e-10, atol=1e-12
    )


def test_folding_shares_what_it_does_not_change_and_keeps_the_old_model():
    model = lively(networks.residual())
    before = model.fingerprint()
    folded = fold_batch_norm(model)
    assert "batch_normalization_1" not in kinds(folded)
    assert folded.node("stem").layer is model.node("stem").layer
    assert folded.node("join").inputs == ("conv2d_1", "stem/relu")
    assert model.fingerprint() == before
    pixels = networks.pictures(model)
    np.testing.assert_allclose(folded.predict(pixels), model.predict(pixels), rtol=1e-4)
    assert folded.parameters()["conv2d_1/weight"].dtype == np.float32


def test_a_normalization_that_cannot_be_folded_stays():
    x = Input((6, 5, 2))
    conv = Conv2D(4, 3)(x)
    read_twice = Model(x, Add()(BatchNormalization()(conv), conv))
    assert fold_batch_norm(read_twice) is read_twice
    first = Sequential([BatchNormalization(), GlobalAveragePooling2D()], (6, 5, 2))
    assert fold_batch_norm(first) is first
    after_relu = Sequential([Conv2D(4, 3, activation="relu"), BatchNormalization()], (6, 5, 2))
    assert fold_batch_norm(after_relu) is after_relu


def test_a_normalization_before_padding_stays_unless_it_adds_nothing():
    """The padding is 0 after the normalization; a constant before it would miss it."""
    x = Input((6, 5, 2))
    model = lively(Model(x, Conv2D(4, 3, padding="same")(BatchNormalization()(x))))
    assert fold_batch_norm(model) is model
    norm = model.node("batch_normalization_1").layer
    norm.params["beta"][:] = norm.buffers["moving_mean"][:] = 0
    folded = fold_batch_norm(model)
    assert kinds(folded) == ["Conv2D"]
    pixels = networks.pictures(model)
    np.testing.assert_allclose(folded.predict(pixels), model.predict(pixels), rtol=1e-4, atol=1e-5)
    turned = lively(Model(x, Conv2DTranspose(4, 3)(BatchNormalization()(x))))
    assert fold_batch_norm(turned) is turned


@pytest.mark.parametrize("kept", ["conv2d_1", "batch_normalization_1"])
def test_what_is_to_be_read_is_not_folded(kept):
    model = lively(networks.residual())
    folded = fold_batch_norm(model, keep=(kept,))
    assert folded is model
    assert kinds(fold_batch_norm(model, keep=("stem",))).count("BatchNormalization") == 0


def test_a_shared_convolution_is_folded_at_each_place_by_itself():
    x = Input((6, 5, 2))
    conv, norm = Conv2D(2, 3, padding="same"), BatchNormalization()
    model = lively(Model(x, norm(conv(ReLU()(norm(conv(x))))))).astype(np.float64)
    folded = fold_batch_norm(model)
    assert kinds(folded) == ["Conv2D", "ReLU", "Conv2D"]
    pixels = networks.pictures(model, dtype=np.float64)
    np.testing.assert_allclose(folded.predict(pixels), model.predict(pixels), rtol=1e-10)


def test_other_layers_at_some_places():
    model = networks.chain()
    other = model.with_layers({"conv2d_1/relu": Softmax()})
    assert kinds(other)[1] == "Softmax"
    assert other.node("preds").layer is model.node("preds").layer
    assert kinds(model)[1] == "ReLU"


def test_a_model_up_to_a_node_holds_only_what_leads_there():
    model = networks.inception()
    part = up_to(model, "conv2d_1/sigmoid")
    assert kinds(part) == ["Conv2D", "Sigmoid"]
    assert part.node("conv2d_1").layer is model.node("conv2d_1").layer
    pixels = networks.pictures(model)
    wanted = model.run(pixels)["conv2d_1/sigmoid"].y
    assert_same(part.predict(pixels), wanted)
    assert up_to(model, model.output_name) is model
    with pytest.raises(ArgumentError, match="no node named 'nix'"):
        up_to(model, "nix")


def normalized(last=Dense):
    """A network whose normalization folds into both neighbours."""
    layers = [Conv2D(4, 3), BatchNormalization(), ReLU(), GlobalAveragePooling2D(),
              BatchNormalization(), last(3)]  # fmt: skip
    return lively(Sequential(layers, (6, 6, 2)))


def test_prediction_of_many_folds_normalization_anew_at_every_run():
    model = normalized()
    x = networks.pictures(model, n=FOLD_FROM)
    assert len(Folded(list(enumerate(model.nodes)), model.shapes, {model.output_name}).nodes) == 4
    for _ in range(2):
        np.testing.assert_allclose(model.predict(x), model.run(x).output, rtol=1e-5, atol=1e-5)
        model.nodes[0].layer.params["weight"][...] *= 2


def test_a_normalization_that_is_the_output_stays():
    model = lively(Sequential([Conv2D(4, 3), BatchNormalization()], (6, 6, 2)))
    x = networks.pictures(model, n=FOLD_FROM)
    np.testing.assert_allclose(model.predict(x), model.run(x).output, rtol=1e-5, atol=1e-5)


def test_a_users_own_layer_is_not_folded():
    class Half(Dense):
        def forward(self, *xs, mode):
            y, saved = super().forward(*xs, mode=mode)
            return y / 2, saved

    model = normalized(Half)
    assert [name for name, _ in folds(model.nodes, model.shapes)[0].items()] == [
        "batch_normalization_1"
    ]


def test_numbers_that_leave_the_range_are_not_folded():
    model = normalized()
    model.node("batch_normalization_1").layer.params["gamma"][...] = 3e38
    model.node("conv2d_1").layer.params["weight"][...] = 1e3
    assert "batch_normalization_1" not in folds(model.nodes, model.shapes)[0]


def test_what_is_behind_the_output_is_not_run():
    class Never(ReLU):
        def forward(self, *xs, mode):
            raise AssertionError("nobody asked for it")

    nodes = Sequential([Dense(3), Never()], (4,)).nodes
    model = Model.from_nodes(nodes, input=InputSpec((4,)), output=nodes[0].name)
    assert model.predict(np.ones((2, 4), np.float32)).shape == (2, 3)
    with pytest.raises(AssertionError, match="nobody asked"):
        model.run(np.ones((2, 4), np.float32), keep=(nodes[1].name,))
