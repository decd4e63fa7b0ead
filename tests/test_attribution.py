"""Saliency, Grad-CAM and occlusion against loop-level references and by their identities."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from networks import SEEN, chain, inception, normalized, pictures, residual

import nnviz as nv
from nnviz.engine.graph import Node
from nnviz.engine.model import Model
from nnviz.errors import ArgumentError
from nnviz.inspection.attribution import OCCLUSION_GUIDE, Probability, occlusion
from nnviz.inspection.attribution.occlusion import places

RULES = ["plain", "guided", "rectified"]
CLASSES = (2, 0, 1)


def small(seed=0):
    """A net of a convolution, a ReLU and a dense layer, with its weights as plain arrays."""
    model = nv.Sequential(
        [nv.Conv2D(3, (3, 2), activation="relu"), nv.Flatten(), nv.Dense(3)], (6, 5, 2), seed=seed
    ).astype(np.float64)
    params = model.parameters()
    params["conv2d_1/bias"][:] = [0.1, -0.2, 0.05]
    keys = ("conv2d_1/weight", "conv2d_1/bias", "dense_1/weight", "dense_1/bias")
    return model, [params[key] for key in keys], pictures(model, 3, np.float64)


@pytest.mark.parametrize("rule", RULES)
def test_saliency_is_that_of_the_loops(rule):
    model, net, x = small()
    got = nv.saliency(model, x, list(CLASSES), rule=rule)
    gradient, _ = reference.small_gradient(x, net, CLASSES, rule)
    np.testing.assert_allclose(got.raw, gradient, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(got.values, reference.saliency(gradient), rtol=1e-12, atol=1e-15)
    logits = reference.small_net(x, net)[1]
    np.testing.assert_allclose(got.scores, logits[np.arange(3), CLASSES], rtol=1e-12)
    assert not got.signed


def test_grad_cam_is_that_of_the_loops():
    model, net, x = small(1)
    got = nv.grad_cam(model, x, list(CLASSES), node="conv2d_1/relu")
    a, _ = reference.small_net(x, net)
    _, gradient = reference.small_gradient(x, net, CLASSES, "plain")
    wanted = reference.grad_cam(np.maximum(a, 0), gradient)
    np.testing.assert_allclose(got.at_node, wanted, rtol=1e-12, atol=1e-15)
    assert got.values.shape == (3, 6, 5)
    assert got.provenance.node == "conv2d_1/relu"


def test_raw_is_of_the_networks_input_and_can_be_made_the_pixels():
    model = normalized().astype(np.float64)  # BGR, with mean and spread
    x = pictures(model, 1, np.float64)
    raw = nv.explain(model, x, 1, method="gradient").raw
    weight = model.parameters()["dense_1/weight"][:, 1].reshape(1, 4, 4, 3)
    np.testing.assert_allclose(raw, weight, rtol=1e-12)
    pixels = model.input.pixel_gradient(raw)
    for at in ((0, 1, 2, 0), (0, 3, 0, 2)):
        moved = x.copy()
        moved[at] += 1e-3
        rise = (model.predict(moved) - model.predict(x))[0, 1] / 1e-3
        np.testing.assert_allclose(pixels[at], rise, rtol=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_grad_cam_before_a_relu_uses_the_rule(rule):
    model, net, x = small(2)
    got = nv.grad_cam(model, x, list(CLASSES), node="conv2d_1", rule=rule)
    a, _ = reference.small_net(x, net)
    _, dr = reference.small_gradient(x, net, CLASSES, rule)
    passes = {"plain": a > 0, "guided": (a > 0) & (dr > 0), "rectified": dr > 0}[rule]
    np.testing.assert_allclose(got.at_node, reference.grad_cam(a, dr * passes), atol=1e-14)


def test_the_rules_on_a_net_computed_by_hand():
    # h = x · (1, −1, 1, −1) for x = 2: (2, −2, 2, −2); z = h⁺ · (1, 1, −1, −1)
    model = nv.Sequential(
        [nv.Conv2D(4, 1, activation="relu"), nv.Flatten(), nv.Dense(1)], (1, 1, 1)
    )
    params = model.parameters()
    params["conv2d_1/weight"][...] = [[[[1, -1, 1, -1]]]]
    params["dense_1/weight"][:] = [[1], [1], [-1], [-1]]
    x = np.full((1, 1, 1, 1), 2, np.float32)
    raw = {rule: nv.saliency(model, x, 0, rule=rule).raw.item() for rule in RULES}
    assert raw == {
        "plain": 1 * 1 + 1 * -1,  # both open units
        "guided": 1 * 1,  # open, and the slope from above is positive
        "rectified": 1 * 1 + -1 * 1,  # the slope from above is positive, open or not
    }


@pytest.mark.parametrize("alias", ["relu", "deconv", "deconvnet"])
def test_the_names_of_the_dead_library_are_known(alias):
    model, _, x = small()
    got = nv.saliency(model, x, 1, rule=alias)
    assert got.provenance.settings == {"rule": "rectified"}
    np.testing.assert_array_equal(got.raw, nv.saliency(model, x, 1, rule="rectified").raw)
    np.testing.assert_array_equal(
        nv.saliency(model, x, 1, rule=None).raw, nv.saliency(model, x, 1).raw
    )


@pytest.mark.parametrize("rule", ["guided", "rectified"])
def test_without_a_relu_the_rules_are_the_gradient_and_say_so(rule):
    model = inception()
    x = pictures(model, 2)
    got, plain = nv.saliency(model, x, 1, rule=rule), nv.saliency(model, x, 1)
    np.testing.assert_array_equal(got.raw, plain.raw)
    assert plain.warnings == ()
    assert f"this model has no ReLU, so the {rule} rule changes nothing" in got.warnings[0]


class _Capped(nv.engine.layers.ReLU):
    """y = min(max(x, 0), 0.5): a ReLU of a user's own."""

    def forward(self, *xs, mode):
        return np.clip(xs[0], 0, 0.5), None

    def backward(self, dy, call):
        return dy * (call.x > 0) * (call.x < 0.5)


@pytest.mark.parametrize("method", ["guided_backprop", "deconvnet"])
def test_a_relu_of_a_users_own_gets_the_rules_too(method):
    model, _, x = small()
    nodes = [
        Node(n.name, _Capped() if n.name == "conv2d_1/relu" else n.layer, n.inputs)
        for n in model.nodes
    ]
    own = Model.from_nodes(nodes, input=model.input)
    got, plain = nv.explain(own, x, 1, method=method), nv.explain(own, x, 1, method="gradient")
    weight, head = (own.parameters()[f"{k}/weight"] for k in ("conv2d_1", "dense_1"))
    a = own.run(x)["conv2d_1"].y
    above = np.broadcast_to(head[:, 1].reshape(a.shape[1:]), a.shape)
    passed = np.maximum(above, 0)
    if method == "guided_backprop":
        passed = passed * (a > 0) * (a < 0.5)
    wanted = np.zeros(x.shape)
    for i, j in np.ndindex(weight.shape[:2]):
        part = wanted[:, i : i + a.shape[1], j : j + a.shape[2]]
        part += passed @ weight[i, j].T
    np.testing.assert_allclose(got.raw, wanted, atol=1e-14)
    assert np.abs(got.raw - plain.raw).max() > 0.01
    assert got.warnings == ()


class _Mine(nv.engine.layers.activation.Pointwise):
    """An activation that nobody knows."""

    def forward(self, *xs, mode):
        return np.maximum(xs[0], -1), None

    def backward(self, dy, call):
        return dy * (call.x > -1)


@pytest.mark.parametrize("layer", [nv.engine.layers.Softplus(), _Mine()])
def test_activations_that_the_rules_do_not_know_are_named(layer):
    layers = [nv.Conv2D(2, 3, activation="relu"), nv.Conv2D(2, 3), layer, nv.Flatten()]
    model = nv.Sequential([*layers, nv.Dense(2, activation="tanh")], (6, 5, 1))
    got = nv.explain(model, pictures(model, 1), 0, method="guided_backprop")
    name = model.nodes[3].name
    assert got.warnings == (f"the guided rule is for ReLUs alone: {name} kept the plain gradient",)


def test_grad_cam_is_cam_on_a_pooled_head():
    """S = Σ_k w_k · mean(A_k) + b, so α_k = w_k / Z, and L is max(Σ_k w_k A_k, 0) / Z."""
    model = residual().astype(np.float64)
    x = pictures(model, 3, np.float64)
    got = nv.grad_cam(model, x, 2, node="join")
    weight = model.parameters()["dense_1/weight"][:, 2]
    maps = model.run(x)["join"].y
    cam = np.maximum(maps @ weight, 0)
    np.testing.assert_allclose(got.at_node * maps[0, ..., 0].size, cam, rtol=1e-10)
    np.testing.assert_allclose(
        got.values, got.at_node, atol=1e-12
    )  # the map has the picture's size


def test_grad_cam_chooses_the_last_node_with_places():
    assert nv.grad_cam(chain(), pictures(chain(), 1), 0).provenance.node == "max_pooling2d_1"
    with pytest.raises(ArgumentError, match=r"'preds' has shape \(3,\).*such as 'max_pooling2d_1'"):
        nv.grad_cam(chain(), pictures(chain(), 1), 0, node="preds")
    with pytest.raises(ArgumentError, match="no node named 'conv9'"):
        nv.grad_cam(chain(), pictures(chain(), 1), 0, node="conv9")
    flat = nv.Sequential([nv.Flatten(), nv.Dense(2)], (4, 4, 1))
    with pytest.raises(ArgumentError, match=r"no node with rows and cols, .* use saliency or occl"):
        nv.grad_cam(flat, pictures(flat, 1), 0)


def test_names_of_strange_kinds_are_unknown():
    model = chain()
    x = pictures(model, 1)
    with pytest.raises(ArgumentError, match=r"no node named \"\['conv2d_1'\]\""):
        nv.grad_cam(model, x, 0, node=["conv2d_1"])
    with pytest.raises(ArgumentError, match=r"no method named \"\['grad_cam'\]\""):
        nv.explain(model, x, 0, method=["grad_cam"])
    with pytest.raises(ArgumentError, match=r"no rule named \"\{'guided'\}\""):
        nv.saliency(model, x, 0, rule={"guided"})
    with pytest.raises(ArgumentError, match=r"fill must be a finite pixel value .* got 1e\+300"):
        occlusion(model, x, 0, fill=1e300)


# Occlusion ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patch", "stride", "border"),
    [((3, 2), (2, 2), "inside"), ((4, 4), (3, 2), "inside"), ((5, 3), (2, 2), "beyond")],
)
def test_occlusion_is_that_of_the_loops(patch, stride, border):
    model, net, x = small(3)
    got = occlusion(model, x, list(CLASSES), patch=patch, stride=stride, fill=0.3, border=border)
    for n, class_ in enumerate(CLASSES):
        wanted, drops = reference.occlusion(
            lambda pixels, c=class_: reference.small_net(pixels[None], net)[1][0, c],
            x[n], patch, stride, 0.3, border == "beyond",
        )  # fmt: skip
        np.testing.assert_allclose(got.drop[n], drops, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(got.values[n], wanted, rtol=1e-9, atol=1e-12)
    assert got.signed
    assert got.grid[0] * got.grid[1] == len(got.boxes)


def test_probabilities_and_answers_at_each_place():
    model = chain()
    x = pictures(model, 2)
    got = occlusion(model, x, 1, patch=3, stride=2)
    for n in range(2):
        for place, (top, left, bottom, right) in enumerate(got.boxes):
            covered = x[n : n + 1].copy()
            covered[:, top:bottom, left:right] = 0.5
            output = model.predict(covered)[0]
            assert got.probability[n, place] == pytest.approx(output[1], rel=1e-5)
            assert got.predicted[n, place] == output.argmax()
    counts = got.counts(3)
    assert counts.sum(axis=1).tolist() == [len(got.boxes)] * 2
    as_probability = occlusion(model, x, Probability(1), patch=3, stride=2)
    np.testing.assert_allclose(
        as_probability.drop, model.predict(x)[:, 1:2] - got.probability, atol=1e-6
    )


def test_a_network_without_softmax_still_has_probabilities():
    model = inception()
    x = pictures(model, 2)
    got = occlusion(model, x, 0, patch=4, stride=2)
    assert ((got.probability >= 0) & (got.probability <= 1)).all()
    other = occlusion(model, x, 1, patch=4, stride=2)
    np.testing.assert_allclose(got.probability + other.probability, 1, rtol=1e-5)


def test_covering_with_the_pictures_own_pixels_changes_nothing():
    model = chain()
    x = np.full((2, 8, 7, 2), 0.25, np.float32)
    got = occlusion(model, x, 0, patch=3, fill=0.25)
    assert not got.drop.any()
    assert not got.values.any()
    assert "picture 0: the map is zero everywhere: covering changes nothing" in got.warnings[0]


@pytest.mark.parametrize("size", [(28, 28), (20, 45), (7, 8)])
@pytest.mark.parametrize(
    ("patch", "stride"), [((4, 4), (1, 1)), ((5, 3), (4, 3)), ((4, 6), (4, 5))]
)
def test_the_borders_are_covered(size, patch, stride):
    boxes, grid = places(size, patch, stride, "inside")
    seen = np.zeros(size, int)
    for top, left, bottom, right in boxes:
        assert (bottom - top, right - left) == patch
        seen[top:bottom, left:right] += 1
    assert seen.all()
    assert grid[0] * grid[1] == len(boxes)
    assert grid[1] == len(np.unique(boxes[:, 1]))


def test_the_guides_form_has_its_49_places():
    model = SEEN["digits"]()
    x = pictures(model, 1)
    got = occlusion(model, x, 0, **OCCLUSION_GUIDE)
    assert got.grid == (7, 7)
    assert got.counts(3).sum() == 49
    # The square of 20×20 centred on the cell 0..4 begins at −8 of the padded picture.
    assert got.boxes[0].tolist() == [0, 0, 12, 12]
    assert got.boxes[24].tolist() == [4, 4, 24, 24]
    assert got.boxes[48].tolist() == [16, 16, 28, 28]


def test_bytes_and_floats_agree():
    model = SEEN["digits"]()
    bytes_ = (pictures(model, 2) * 255).astype(np.uint8)
    floats = bytes_ / np.float32(255)
    for method in (nv.saliency, nv.grad_cam, lambda *a: occlusion(*a, patch=7, stride=7)):
        np.testing.assert_array_equal(
            method(model, bytes_, 1).values, method(model, floats, 1).values
        )
    numbers = bytes_.astype(np.int64)
    assert occlusion(model, numbers, 1, patch=9, stride=9).values.dtype == np.float32


def test_pixels_under_no_patch_are_told():
    model = chain()
    got = occlusion(model, pictures(model, 1), 0, patch=1, stride=3)
    assert (
        "of 56 pixels lie under no patch and show 0: make the stride no larger" in got.warnings[0]
    )
    assert occlusion(model, pictures(model, 1), 0, patch=3, stride=3).warnings == ()


BAD_OCCLUSION = [
    ({"patch": 0}, "patch must be one or two whole numbers of at least 1, got 0"),
    ({"patch": (9, 2)}, "a patch of 9×2 is larger than the picture of 8×7"),
    ({"patch": 2.5}, "patch must be one or two whole numbers"),
    ({"stride": 0}, "stride must be one or two whole numbers"),
    ({"fill": float("nan")}, "fill must be a finite pixel value such as 0.5, got nan"),
    ({"fill": "gray"}, "no fill named 'gray'"),
    ({"fill": True}, "fill must be a finite pixel value"),
    ({"border": "wrap"}, "no border named 'wrap'; occlusion has inside, beyond"),
]


@pytest.mark.parametrize(("settings", "message"), BAD_OCCLUSION, ids=str)
def test_occlusion_is_told_nonsense(settings, message):
    model = chain()
    with pytest.raises(ArgumentError, match=message):
        occlusion(model, pictures(model, 1), 0, **settings)


def test_a_fill_may_be_numpys():
    model = chain()
    x = pictures(model, 1)
    np.testing.assert_array_equal(
        occlusion(model, x, 0, fill=np.float32(0.5)).values, occlusion(model, x, 0).values
    )


def test_models_for_no_pictures():
    model = nv.Sequential([nv.Dense(3)], (5,))
    x = np.ones((2, 5), np.float32)
    with pytest.raises(
        ArgumentError, match=r"occlusion covers pictures, this model's input is \(5"
    ):
        occlusion(model, x, 0)
    with pytest.raises(ArgumentError, match=r"saliency explains pictures, .* has shape \(5,\)"):
        nv.saliency(model, x, 0)
