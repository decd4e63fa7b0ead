"""Class activation maps whose weights come from runs, against loops over channels and pictures."""

from __future__ import annotations

import numpy as np
import pytest
import reference_cam as reference
from networks import SEEN, pictures, residual
from scipy.ndimage import gaussian_filter
from test_cam import CLASSES, curved

import nnviz as nv
from nnviz.errors import ArgumentError
from nnviz.inspection import attribution as at
from nnviz.inspection.anatomy.receptive import place_on_picture
from nnviz.inspection.attribution import cam_scores
from nnviz.inspection.attribution.question import Question
from nnviz.inspection.attribution.target import Probability


def score_of(model, pixels, c):
    """One picture's logit."""
    return model.run(pixels[None])[model.logits_name].y[0, c]


def masks_of(model, maps):
    """The placed channels of one picture, each 0 … 1; None for the same everywhere."""
    placed = place_on_picture(model, "maps", maps.transpose(2, 0, 1))
    return [reference.mask(m) if np.ptp(maps[..., k]) else None for k, m in enumerate(placed)]


def by_masks(model, x, maps, c, points):
    """max(Σ softmax_k(mean S of points(mask_k)) A_k, 0) of one picture."""
    masks = masks_of(model, maps)
    there = [m is not None for m in masks]
    scores = [
        np.mean([score_of(model, p, c) for p in points(m)]) if yes else 0
        for m, yes in zip(masks, there, strict=True)
    ]
    return reference.weighted(maps, reference.softmax_weights(scores, there))


@pytest.fixture
def case():
    model, x = curved(1)  # its third channel is the same everywhere
    return model, x, model.run(x)["maps"].y


def test_score_cam_is_that_of_the_loops(case):
    model, x, maps = case
    got = at.score_cam(model, x, CLASSES, node="maps")
    for i, c in enumerate(CLASSES):
        wanted = by_masks(model, x[i], maps[i], c, lambda m, i=i: [x[i] * m[..., None]])
        np.testing.assert_allclose(got.at_node[i], wanted, rtol=1e-10, atol=1e-13)


def test_is_cam_integrates_from_black(case):
    model, x, maps = case
    got = at.is_cam(model, x, CLASSES, node="maps", steps=3)
    for i, c in enumerate(CLASSES):
        wanted = by_masks(
            model, x[i], maps[i], c,
            lambda m, i=i: [x[i] * m[..., None] * share for share in (1 / 3, 2 / 3, 1)],
        )  # fmt: skip
        np.testing.assert_allclose(got.at_node[i], wanted, rtol=1e-10, atol=1e-13)
    one, plain = at.is_cam(model, x, 1, steps=1), at.score_cam(model, x, 1)
    np.testing.assert_allclose(one.values, plain.values, rtol=1e-12)


def test_ss_cam_smooths_the_input(case):
    model, x, maps = case
    got = at.ss_cam(model, x, CLASSES, node="maps", smooth="input", samples=3, noise=0.3, seed=5)
    rng = np.random.default_rng(5)
    eps = [rng.standard_normal(x.shape[1:]) for _ in range(3)]
    for i, c in enumerate(CLASSES):
        copies = [x[i] + 0.3 * (x[i].max() - x[i].min()) * e for e in eps]
        wanted = by_masks(
            model, x[i], maps[i], c, lambda m, copies=copies: [p * m[..., None] for p in copies]
        )
        np.testing.assert_allclose(got.at_node[i], wanted, rtol=1e-10, atol=1e-13)


def test_ss_cam_smooths_the_channels(case):
    model, x, maps = case
    got = at.ss_cam(model, x, CLASSES, node="maps", samples=3, noise=0.3, seed=5)
    rng = np.random.default_rng(5)
    eps = [rng.standard_normal(maps.shape[1:]) for _ in range(3)]
    for i, c in enumerate(CLASSES):
        size = np.array([np.ptp(maps[i, ..., k]) for k in range(4)])
        masks = [masks_of(model, maps[i] + 0.3 * size * e) for e in eps]
        there = [m is not None for m in masks[0]]
        scores = [
            np.mean([score_of(model, x[i] * m[k][..., None], c) for m in masks]) if there[k] else 0
            for k in range(4)
        ]
        wanted = reference.weighted(maps[i], reference.softmax_weights(scores, there))
        np.testing.assert_allclose(got.at_node[i], wanted, rtol=1e-10, atol=1e-13)


def test_smoothing_without_noise_is_score_cam(case):
    model, x, _ = case
    plain = at.score_cam(model, x, 1).values
    for smooth in ("channels", "input"):
        got = at.ss_cam(model, x, 1, smooth=smooth, samples=2, noise=0)
        np.testing.assert_allclose(got.values, plain, rtol=1e-10)


def test_fast_score_cam_takes_the_channels_that_vary_most(case):
    model, x, maps = case
    got = at.fast_score_cam(model, x, CLASSES, node="maps", most=2)
    for i, c in enumerate(CLASSES):
        first = sorted(range(4), key=lambda k, i=i: -maps[i, ..., k].var())[:2]
        masks = masks_of(model, maps[i])
        scores = [score_of(model, x[i] * masks[k][..., None], c) for k in first]
        weights = reference.softmax_weights(scores, [True, True])
        wanted = reference.weighted(maps[i][..., first], weights)
        np.testing.assert_allclose(got.at_node[i], wanted, rtol=1e-10, atol=1e-13)
    every = at.fast_score_cam(model, x, CLASSES, node="maps", most=4)
    slow = at.score_cam(model, x, CLASSES, node="maps")
    np.testing.assert_allclose(every.values, slow.values, rtol=1e-10, atol=1e-13)


def test_masks_come_in_groups_of_any_size(case, monkeypatch):
    model, x, _ = case
    whole = at.score_cam(model, x, 1)
    monkeypatch.setattr(cam_scores, "BATCH_BYTES", 1)
    np.testing.assert_array_equal(at.score_cam(model, x, 1).values, whole.values)


def test_a_target_that_hears_no_channel_is_named():
    model = SEEN["digits"]()
    model.parameters()["preds/weight"][...] = 0
    for method in (at.score_cam, at.fast_score_cam, at.ss_cam, at.is_cam):
        options = {at.ss_cam: {"samples": 2}, at.is_cam: {"steps": 2}}.get(method, {})
        got = method(model, pictures(model, 2), 1, **options)
        assert len(got.warnings) == 2
        assert got.warnings[0].startswith("picture 0: every channel scores the same")
        alone = method(model, pictures(model, 1), 1, **options)
        assert alone.warnings[0].startswith("every channel scores the same")


def test_a_blank_picture_makes_no_masks():
    model = residual()
    got = at.score_cam(model, np.zeros((1, 8, 7, 2)), 0, node="stem/relu")
    assert not got.values.any()
    assert "no channel of this node answers differently at different places" in got.warnings[0]


# Groups ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("groups", "keep", "blur"), [(2, 30.0, 1.5), (3, 100.0, None)])
def test_group_cam_is_that_of_the_loops(groups, keep, blur):
    model, x = curved(3)
    target = Probability(1)
    got = at.group_cam(model, x, target, node="maps", groups=groups, keep=keep, blur=blur)
    trace = model.run(x)
    for i in range(3):
        p = np.exp(trace.output[i]) / np.exp(trace.output[i]).sum()
        dz = np.zeros_like(trace.output)
        dz[i] = p[1] * (np.eye(3)[1] - p)
        slopes = model.backward(trace, {model.logits_name: dz}, until=("maps",))["maps"][i]
        maps, width = trace["maps"].y[i], blur or max(min(x.shape[1:3]) / 10, 1)
        soft = np.stack([gaussian_filter(x[i, ..., k], width) for k in range(2)], axis=-1)

        def score(pixels):
            z = model.run(pixels[None]).output[0]
            return np.exp(z[1]) / np.exp(z).sum()

        alpha = [slopes[..., k].mean() for k in range(4)]
        wanted = np.zeros(x.shape[1:3])
        for ks in {2: [(0, 1), (2, 3)], 3: [(0, 1), (2, 3)]}[groups]:
            joined = np.maximum(sum(alpha[k] * maps[..., k] for k in ks), 0)
            if keep < 100:
                least = np.sort(joined.ravel())[int((joined.size - 1) * 0.7)]
                above = np.sort(joined.ravel())[int((joined.size - 1) * 0.7) + 1]
                share = (joined.size - 1) * 0.7 % 1
                joined[joined <= least + share * (above - least)] = 0
            placed = place_on_picture(model, "maps", joined[None])[0]
            if not np.ptp(placed):
                continue
            m = reference.mask(placed)[..., None]
            wanted += (score(x[i] * m + soft * (1 - m)) - score(soft)) * m[..., 0]
        np.testing.assert_allclose(got.values[i], np.maximum(wanted, 0), rtol=1e-9, atol=1e-13)


def test_group_cam_of_a_strip_blurs_along_it():
    layers = [nv.Conv2D(3, (1, 3), activation="relu", name="maps"), nv.GlobalAveragePooling2D()]
    model = nv.Sequential([*layers, nv.Dense(2)], (1, 9, 1), seed=1)
    x = pictures(model, 2)
    got = at.group_cam(model, x, [0, 1], node="maps")
    one_pixel = at.group_cam(model, x, [0, 1], node="maps", blur=1.0)
    np.testing.assert_array_equal(got.values, one_pixel.values)


def test_group_cam_is_0_where_blurring_changes_nothing_but_rounding():
    """Alone and in a batch, though both round in their own ways."""
    model = SEEN["digits"]()
    x = pictures(model, 3)
    got = at.group_cam(model, x, [0, 1, 2], blur=1e-9)
    flat = np.full_like(x, 0.37)  # a blurred flat picture is itself, but for the last bit
    again = at.group_cam(model, flat, [0, 1, 2], blur=3.0)
    for found in (got, again):
        assert not found.values.any()
        assert all("the map is zero everywhere" in text for text in found.warnings)
        assert len(found.warnings) == 3


# Ablation -------------------------------------------------------------------------------------


def test_ablation_cam_is_that_of_the_loops(case):
    model, x, maps = case
    got = at.ablation_cam(model, x, CLASSES, node="maps")
    for i, c in enumerate(CLASSES):
        trace, weights = model.run(x[i : i + 1]), []
        for k in range(4):
            changed = maps[i : i + 1].copy()
            changed[..., k] = 0
            after = model.rerun(trace, {"maps": changed})
            weights.append(trace.output[0, c] - after.output[0, c])
        wanted = reference.weighted(maps[i], weights)
        np.testing.assert_allclose(got.at_node[i], wanted, rtol=1e-9, atol=1e-13)


def test_a_channel_without_influence_weighs_nothing():
    layers = [nv.Conv2D(3, 3, activation="relu", name="maps"), nv.GlobalAveragePooling2D()]
    model = nv.Sequential([*layers, nv.Dense(2)], (6, 6, 1))
    model.parameters()["dense_1/weight"][1] = 0
    here = cam_scores.AtNode.of(model, pictures(model, 3), 1, "ablation_cam", None)
    drops = cam_scores._drops(here)
    assert not drops[:, 1].any()
    assert drops[:, [0, 2]].any()


@pytest.mark.parametrize("most", [1, 2, 5, 10**9])
def test_ablation_does_not_depend_on_how_much_runs_together(most, monkeypatch):
    """Pictures in slices, channels in groups that do not come out even, a skip past the node."""
    model = residual()
    x = pictures(model, 3)
    whole = at.ablation_cam(model, x, CLASSES, node="stem/relu")
    monkeypatch.setattr(Question, "most_traces", lambda self, size=2: most)
    again = at.ablation_cam(model, x, CLASSES, node="stem/relu")
    np.testing.assert_allclose(again.values, whole.values, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("method", "runs"), [("ablation_cam", 2), ("guided_grad_cam", 2)])
def test_pictures_go_through_the_whole_network_as_often_as_the_cost_says(method, runs, monkeypatch):
    seen, forward = [], nv.Conv2D.forward

    def counted(self, x, *, mode):
        if x.shape[1:] == (28, 28, 1):
            seen.append(len(x))
        return forward(self, x, mode=mode)

    monkeypatch.setattr(nv.Conv2D, "forward", counted)
    model = SEEN["digits"]()
    at.explain(model, pictures(model, 3), 1, method=method)
    assert sum(seen) == 3 * runs
    assert at.METHODS[method].cost.startswith(f"{runs} f + ")


BAD = [
    ("fast_score_cam", {"most": 0}, "most of fast_score_cam must be a whole number"),
    ("ss_cam", {"smooth": "chanels"}, "no smooth named 'chanels'"),
    ("ss_cam", {"samples": 2.5}, "samples of ss_cam must be a whole number"),
    ("ss_cam", {"noise": float("inf")}, "noise of ss_cam must be a finite number of at least 0"),
    ("ss_cam", {"seed": True}, "seed of ss_cam must be a whole number"),
    ("is_cam", {"steps": 10**6}, "steps of is_cam must be a whole number from 1 to 100,000"),
    ("group_cam", {"groups": -2}, "groups of group_cam must be a whole number"),
    ("group_cam", {"keep": 0}, "keep of group_cam must be .* number above 0 and at most 100"),
    (
        "group_cam",
        {"keep": 101},
        "keep of group_cam must be .* number above 0 and at most 100",
    ),
    ("group_cam", {"blur": 0}, "blur of group_cam must be a finite number above 0"),
]


@pytest.mark.parametrize(("method", "options", "message"), BAD)
def test_bad_options_are_one_clear_error(method, options, message):
    model = SEEN["digits"]()
    with pytest.raises(ArgumentError, match=message):
        getattr(at, method)(model, pictures(model, 1), 1, **options)
