"""What the report says of filters, layers and methods is what was computed."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from networks import SEEN
from pages import CASES, Page, cnn, dataset, deep

import nnviz as nv
from nnviz.draw.spreads import is_logarithmic
from nnviz.errors import ArgumentError
from nnviz.inspection.maximize.climb import Maximized
from nnviz.report import adjust, excited, inside, methods, spare, works
from nnviz.report.crop import crop
from nnviz.report.figure import Figure
from nnviz.report.study import Study

SIZES = ["digits", "colour", "wide residual", "100 nodes"]


def study_of(model, n=12, **options):
    return Study(model, dataset(model, n, **options), 0, "a", "b", "c")


def case(name):
    build, options = CASES[name]
    return study_of(build(), **options)


# One place by itself ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["digits", "wide"])
def test_a_crop_answers_as_the_whole_picture_does(kind):
    model = SEEN[kind]()
    node = [n.name for n in model.nodes if isinstance(n.layer, nv.Conv2D)][-1]
    at = tuple(size // 2 for size in model.shapes[node][:2])
    small, place = crop(model, node, at)
    assert small is not model
    top, left, bottom, right = nv.receptive_field(model, node).reads[at]
    x = np.random.default_rng(0).random((3, *model.input.shape), np.float32)
    whole = model.run(x, keep=(node,))[node].y[:, *at]
    part = small.run(x[:, top:bottom, left:right], keep=(node,))[node].y[:, *place]
    np.testing.assert_allclose(part, whole, rtol=1e-4, atol=1e-6)


def test_where_padding_or_all_of_the_picture_is_seen_nothing_is_cropped():
    model = deep()
    assert crop(model, "block23/conv", (8, 8))[0] is model
    assert crop(model, "stem", (0, 0)) == (model, (0, 0))


# Filters ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SIZES)
def test_every_strip_has_the_filter_and_its_patches(name):
    study = case(name)
    figure = excited.first_filters(study)
    node = study.convolutions[0]
    assert sum(map(len, figure.cells)) == study.model.shapes[node][2]
    found = nv.top_patches(study.model, study.data.x, node, 4)
    np.testing.assert_array_equal(figure.numbers["patch_pictures"], found.pictures)
    picture = figure.picture()
    assert picture is not None
    assert np.ptp(picture[..., :3]) > 100


def test_channels_that_say_nothing_are_named_once():
    model = cnn((12, 12, 1), 3)
    model.parameters()["conv2d_1/weight"][..., 1:] = 0
    figure = excited.first_filters(study_of(model))
    assert [w for w in figure.warnings if "2 of 3 filters answer the same" in w]


def test_of_wide_windows_in_large_pictures_fewer_channels_are_shown():
    layers = [nv.Conv2D(3, 3), nv.Conv2D(40, 201), nv.Flatten(), nv.Dense(2)]
    model = nv.Sequential(layers, (210, 210, 1))
    assert excited._shown(Study(model, None, 0, "", "", ""), "conv2d_2") == 8


# The ideal pictures -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reached", "best", "said"),
    [([2, 2, 2], [1, 1, 1], "all three score above the best of the 12 pictures"),
     ([2, 1, 0.5], [1, 1, 1], "1 of 3 score above the best of the 12 pictures"),
     ([2, 2, 2], None, "The picture that the network would like best for each class")],
)  # fmt: skip
def test_the_title_says_whether_the_climb_succeeded(reached, best, said):
    study = study_of(cnn((12, 12, 1), 3))
    made = nv.maximize(study.model, [0, 1, 2], steps=1)
    numbers = None if best is None else np.array(best, float)
    found = Maximized(
        made.values, np.array(reached, float), np.zeros(3), made.path, made.provenance,
        made.probability, numbers, numbers,
    )  # fmt: skip
    assert said in works._reached(study, found)[0]
    below = works._below(found, ["a", "b", "c"])
    assert bool(below) == (said[0] == "1")
    assert not below or below[0].startswith("b, c: ")


def test_large_numbers_are_short():
    said = [works.in_short(n) for n in (None, 0, 194688, 10616832, 2 * 10**9)]
    assert said == ["–", "0", "194,688", "10.6 million", "2 billion"]


# Layers and pictures ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", SIZES)
def test_of_many_layers_some_are_shown_and_it_is_said(name):
    study = case(name)
    figure = inside.sizes(study)
    many = len(study.model.nodes) > inside.BARS
    assert ("at most 24 are shown" in figure.caption) == many
    found = {s.name: s for s in nv.distributions(study.model, study.data.x).activations}
    last = study.model.logits_name
    assert figure.title.endswith(f"to {float(f'{found[last].std:.3g}'):.3g}")
    assert set(found) <= set(figure.numbers)


def test_the_scale_goes_by_powers_of_ten_only_where_it_must():
    model = cnn((12, 12, 1), 3)
    spreads = nv.distributions(model, dataset(model).x).weights
    assert not is_logarithmic(spreads)


def test_neighbours_are_counted():
    points = np.array([[0, 0], [0, 1], [5, 5], [5, 6], [0.2, 0]])
    assert inside.neighbours(points, np.array([0, 0, 1, 1, 1])) == 3 / 5


def test_the_legend_names_each_colour():
    study = study_of(cnn((12, 12, 1), 3))
    figure = inside.arranged(study)
    assert [name for _, name in figure.legend] == [str(c) for c in np.unique(study.labels)]
    assert len({colour for colour, _ in figure.legend}) == len(figure.legend)
    assert figure.numbers["points"].shape == (12, 2)


# Channels without work --------------------------------------------------------------------------


def test_dead_and_copied_channels_are_told_with_their_evidence():
    model = cnn((12, 12, 1), 3)
    weight, bias = (model.parameters()[f"conv2d_2/{k}"] for k in ("weight", "bias"))
    weight[..., 1], bias[1] = 2 * weight[..., 0], 2 * bias[0]
    weight[..., 2], bias[2] = 0, -1
    study = study_of(model)
    figure = spare.work(study, nv.health(model, study.data))
    assert isinstance(figure, Figure)
    assert "2 of 10 channels do no work of their own" in figure.title
    assert "1 never changes its answer, 1 copies another" in figure.title
    dead, copied, stuck = figure.table.rows
    assert dead[1] == copied[1] == "1"
    assert "it answers 0 at all" in dead[2]
    assert "2 times those of channel 0" in copied[2]
    assert stuck[1:] == ["0", "–"]
    lines = adjust.advice(study, nv.health(model, study.data))
    assert any("1 in conv2d_2" in line and "joined" in line for line in lines)


# Methods ----------------------------------------------------------------------------------------


def test_identical_maps_agree_fully_and_flat_ones_not_at_all():
    maps = np.random.default_rng(0).normal(size=(3, 4, 5))
    np.testing.assert_allclose(methods.correlations(maps, 3 * maps + 1), 1)
    np.testing.assert_allclose(methods.correlations(maps, -maps), -1)
    assert len(methods.correlations(maps, np.ones_like(maps))) == 0


@pytest.mark.parametrize(("gap", "said"), [(0.0, "< 0.1%"), (-0.034, "3.4%"), (7, "> 100%"),
                                       (np.nan, "> 100%")])  # fmt: skip
def test_gaps_in_words(gap, said):
    assert methods.in_words(gap) == said


def test_a_method_that_cannot_explain_this_model_is_named(monkeypatch):
    study = case("digits")

    def refuse(model, x, target, *, method, **options):
        if method == "lrp":
            raise ArgumentError("no rule for this layer")
        return nv.explain(model, x, target, method=method, **options)

    monkeypatch.setattr(methods, "explain", refuse)
    figure = methods.beside_each_other(study)
    assert "LRP is not shown: no rule for this layer" in figure.warnings
    assert len(figure.cells) == len(figure.row_heads) == 6


@pytest.mark.parametrize("name", SIZES)
def test_the_methods_own_python_makes_their_maps(galleries, name):
    folder, _ = galleries(name)
    page = Page((folder / "index.html").read_text("utf-8"))
    model = CASES[name][0]()
    data = dataset(model)
    for ident, last in (("methods", "deep_lift"), ("contrast", "map_")):
        code = next(t for t in page.texts if f"{last} = nv.explain" in t)
        code = code.replace("model = …", "pass").replace("data = …", "pass")
        scope = {"model": model, "data": data}
        exec(code, scope)
        with np.load(folder / f"{ident}.npz") as arrays:
            kept = arrays["deep_lift" if ident == "methods" else "values"]
        np.testing.assert_array_equal(scope[last].values, kept)


def test_why_this_and_not_that_is_about_the_surest_mistakes(galleries):
    folder, _ = galleries("digits")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    title = next(f["title"] for f in manifest["figures"] if f["id"] == "contrast")
    study = case("digits")
    wrong = study.mistakes.wrong[0]
    answer, true = study.class_name(study.predicted[wrong]), study.class_name(study.labels[wrong])
    assert re.match(f"Why {answer} and not {true}: the .* of the first picture tips it", title)
    with np.load(folder / "contrast.npz") as arrays:
        assert (arrays["leads"] > 0).all()
        assert arrays["pictures"][0] == wrong
