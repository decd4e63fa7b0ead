"""The later layers in a model: built, run, and the way back."""

from __future__ import annotations

import numpy as np
import pytest
from networks import pictures
from test_later_layers import random

import nnviz as nv
from nnviz.errors import ArgumentError


def small(*layers, shape=(8, 7, 2), **settings):
    return nv.Sequential(list(layers), shape, seed=0, **settings)


def test_a_place_has_no_gradient_and_the_error_names_its_node():
    model = small(nv.Conv2D(3, 3), nv.ArgMax(name="where"), nv.Flatten(), nv.Dense(2))
    x = pictures(model, 2)
    trace = model.run(x)
    with pytest.raises(ArgumentError, match=r"node 'where' \(ArgMax\) has no derivative, and the"):
        model.backward(trace, {model.output_name: np.ones((2, 2))})
    with pytest.raises(ArgumentError, match=r"node 'where' \(ArgMax\) has no derivative"):
        nv.gradient(model, x, 0)
    with pytest.raises(ArgumentError, match="ArgMax gives a place, which has no derivative"):
        nv.saliency(small(nv.ReLU(), nv.ArgMax(), nv.Flatten(), nv.Dense(2)), x, 0, rule="guided")
    until = model.backward(trace, {model.output_name: np.ones((2, 2))}, until=("flatten_1",))
    assert until["flatten_1"].shape == (2, 30)
    assert np.isfinite(nv.occlusion(model, x[:1], 0, patch=3, stride=2).values).all()


def test_the_logarithm_of_a_softmax_is_a_head():
    plain = small(nv.Flatten(), nv.Dense(3, name="z"), nv.Softmax(), classes="abc")
    logs = small(nv.Flatten(), nv.Dense(3, name="z"), nv.LogSoftmax(), classes="abc")
    x = pictures(plain)
    assert (logs.head, logs.logits_name) == ("logits", "z")
    np.testing.assert_allclose(np.exp(logs.predict(x)), plain.predict(x), rtol=1e-5)
    bare = nv.drop_softmax(logs)
    assert (bare.output_name, bare.head) == ("z", "logits")
    ours, theirs = (nv.gradient(m, x, 1).values for m in (logs, plain))
    np.testing.assert_array_equal(ours, theirs)
    ours, theirs = (nv.gradient(m, x, nv.Probability("b")).values for m in (logs, plain))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-7)


def test_a_softmax_over_rows_is_no_head():
    model = small(nv.Conv2D(3, 1), nv.Softmax(1))
    assert (model.head, model.logits_name) == ("none", model.output_name)


def test_a_relu_with_a_ceiling_is_a_relu_to_the_rules():
    model = small(nv.Conv2D(3, 3), nv.ReLU6(), nv.Flatten(), nv.Dense(2))
    x = pictures(model, 2)
    assert nv.saliency(model, x, 0, rule="guided").warnings == ()
    clip = small(nv.Conv2D(3, 3), nv.ReLU(), nv.Clip(0, 1), nv.Flatten(), nv.Dense(2))
    (warning,) = nv.saliency(clip, x, 0, rule="guided").warnings
    assert "is for ReLUs alone: clip_1 kept the plain gradient" in warning


def gate(shape=(8, 7, 2)):
    """Channels weighted by what their means say, in the way other frameworks write it."""
    x = nv.Input(shape)
    y = nv.Conv2D(4, 3, name="conv")(x)
    y = nv.WithConstant.of("add", [0.1, -0.2, 0.3, 0.0], name="shift")(y)
    y = nv.ReLU()(nv.WithConstant.of("multiply", [[[1.5]]], name="scale")(y))
    means = nv.GlobalAveragePooling2D(keepdims=True)(y)
    share = nv.HardSigmoid()(nv.Conv2D(4, 1)(means))
    y = nv.Arithmetic("multiply", broadcast=True)(y, share)
    y = nv.Gather([2, 0, 3, 1], 3)(nv.Pad(((1, 1), (0, 0), (0, 0)))(y))
    y = nv.Reduce("max", (1, 2))(nv.Slice(1, 1, None, 2)(y))
    return nv.Model(x, nv.Dense(3)(y), seed=0)


def test_constants_fold_into_their_neighbour():
    model = gate()
    x = pictures(model)
    folded = nv.fold_batch_norm(model)
    assert {"shift", "scale"} & {n.name for n in folded.nodes} == set()
    np.testing.assert_allclose(folded.predict(x), model.predict(x), rtol=1e-4, atol=1e-6)
    for layer in (
        nv.WithConstant.of("subtract", 2.0, first=True),
        nv.WithConstant.of("divide", 4.0),
    ):
        model = small(nv.Conv2D(3, 3, name="conv"), layer, nv.ReLU())
        folded = nv.fold_batch_norm(model)
        assert len(folded.nodes) == 2
        np.testing.assert_allclose(folded.predict(x), model.predict(x), rtol=1e-4, atol=1e-6)
    for layer in (nv.WithConstant.of("divide", 4.0, first=True), nv.WithConstant.of("power", 2.0),
                  nv.WithConstant.of("add", random(6, 5, 1))):  # fmt: skip
        model = small(nv.Conv2D(3, 3, name="conv"), layer)
        assert nv.fold_batch_norm(model) is model


def test_relevance_goes_through_what_lays_out_and_gates():
    model = gate().astype(np.float64)
    x = pictures(model, 2, np.float64)
    found = nv.explain(model, x, 1, method="lrp")
    assert np.isfinite(found.values).all()
    assert found.values.any()


def test_multipliers_explain_all_of_a_difference():
    model = gate().astype(np.float64)
    x = pictures(model, 2, np.float64)
    found = nv.explain(model, x, 1, method="deep_lift")
    assert np.abs(found.gap).max() < 1e-3


@pytest.mark.parametrize(
    "layer",
    [nv.LayerNormalization((1, 2, 3)), nv.GroupNormalization(3), nv.InstanceNormalization(),
     nv.Reduce("l2", 3, keepdims=True), nv.LpPooling2D(2),
     nv.Resize((1, 2), scales=(2.0, 2.0), interpolation="cubic")],
    ids=lambda layer: type(layer).__name__,
)  # fmt: skip
def test_relevance_names_what_it_has_no_rule_for(layer):
    model = small(nv.Conv2D(3, 3, name="conv"), layer, nv.Flatten(), nv.Dense(2))
    x = pictures(model, 1)
    name = model.nodes[1].name
    with pytest.raises(ArgumentError, match=f"lrp has no rule for node '{name}' .*use a method"):
        nv.explain(model, x, 0, method="lrp")
    assert np.isfinite(nv.explain(model, x, 0, method="deep_lift").values).all()


def test_relevance_of_a_stretched_input_is_that_of_its_copies():
    """A constant that stretches its input hands on the sum of what its copies got."""
    layers = [nv.Conv2D(2, (8, 7)), nv.WithConstant.of("maximum", -9 * np.ones((3, 1, 2)))]
    model = small(*layers, nv.Flatten(), nv.Dense(2, use_bias=False)).astype(np.float64)
    plain = small(layers[0], nv.BroadcastTo((3, 1, 2)), nv.Flatten(), nv.Dense(2, use_bias=False))
    plain.nodes[3].layer.params = model.nodes[3].layer.params
    plain = plain.astype(np.float64)
    x = pictures(model, 2, np.float64)
    maps = [
        nv.explain(m, x, 0, method=k).values for m in (model, plain) for k in ("lrp", "deep_lift")
    ]
    np.testing.assert_allclose(maps[0], maps[2], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(maps[1], maps[3], rtol=1e-6, atol=1e-9)


def test_a_node_of_single_numbers_has_no_channels():
    model = small(nv.Flatten(), nv.Dense(2), nv.Reduce("sum", name="all"))
    assert model.output_shape == ()
    assert model.class_count == 1
    x = pictures(model, 3)
    with pytest.raises(ArgumentError, match="node 'all' gives one number, which has no channels"):
        nv.gradient(model, x, nv.Channel("all", 0))
    with pytest.raises(ArgumentError, match="node 'all' gives one number, which has no channels"):
        nv.top_patches(model, x, "all")
    assert nv.health(model, x).findings is not None
    assert "Reduce" in str(model.summary())
    assert nv.picture(nv.diagram(model)).size


def test_folding_the_full_gradient_counts_what_a_ceiling_takes():
    layers = [nv.Conv2D(3, 3, use_bias=False), nv.WithConstant.of("multiply", 40.0), nv.ReLU6()]
    model = small(*layers, nv.Flatten(), nv.Dense(2, use_bias=False)).astype(np.float64)
    found = nv.explain(model, pictures(model, 2, np.float64), 0, method="full_grad")
    assert np.abs(found.gap).max() < 1e-9


def attention():
    """Patches of the picture as a row of vectors that look at each other."""
    x = nv.Input((8, 8, 3))
    y = nv.Reshape((16, 4), name="tokens")(nv.Conv2D(4, 2, strides=2, name="patch")(x))
    seen = nv.Softmax()(nv.MatMul(name="scores")(y, nv.Permute((0, 2, 1))(y)))
    y = nv.LayerNormalization()(nv.Add()(y, nv.MatMul()(seen, y)))
    y = nv.GELU()(nv.Dense(6, everywhere=True, name="mlp")(y))
    return nv.Model(x, nv.Softmax()(nv.Dense(3)(nv.Reduce("mean", 1)(y))), seed=0)


def test_a_network_of_rows_of_vectors_is_inspected_as_far_as_it_has_places():
    model = attention()
    x = pictures(model, 6)
    patches = nv.top_patches(model, x, "tokens", k=2).patches
    assert patches.shape[2:] == (8, 8, 3), "tokens have no place, so they are shown whole pictures"
    assert nv.filters(model, "mlp").values.shape == (6, 1, 4, 1)
    assert nv.gradient(model, x, nv.Channel("tokens", 1)).values.any()
    assert nv.grad_cam(model, x, 0).provenance.node == "patch"
    found = nv.explain(model.astype(np.float64), x.astype(float), 1, method="integrated_gradients")
    assert np.abs(found.gap).max() < 1e-3
    with pytest.raises(ArgumentError, match=r"lrp has no rule for node 'scores' \(MatMul\)"):
        nv.explain(model, x, 0, method="lrp")
    history = model.fit(x, np.array([0, 1, 2, 0, 1, 2]), epochs=1, batch_size=3, verbose=False)
    assert len(history.epochs) == 1


def test_frames_of_minus_infinity_before_a_maximum():
    """As other frameworks write `same` max pools: nothing of it leaks into maps or charts."""
    layers = [
        nv.Pad(((1, 1), (1, 1), (0, 0)), value=-np.inf),
        nv.MaxPooling2D(3, strides=2),
        nv.Conv2D(3, 3, activation="relu"),
        nv.Flatten(),
        nv.Dense(3),
        nv.WithConstant.of("maximum", np.float32(-np.inf)),
        nv.Softmax(),
    ]
    model = nv.Sequential(layers, (10, 9, 1), seed=0)
    x = np.random.default_rng(0).random((2, 10, 9, 1)).astype(np.float32)
    for method in ("deep_lift", "gradient", "lrp", "integrated_gradients", "occlusion"):
        options = {"baseline": 0.5} if method == "deep_lift" else {}
        assert np.isfinite(nv.explain(model, x, 0, method=method, **options).values).all(), method
    told = [one.name for one in nv.distributions(model, x).activations]
    assert not {node.name for node in model.nodes[:1]} & set(told)
    assert len(told) == 5  # the pool, the convolution, its ReLU, dense layer and softmax
