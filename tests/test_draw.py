"""Drawing: every result as a picture, one scale, neutral zeros, no overlap, nothing swapped."""

from __future__ import annotations

import io
from dataclasses import fields, replace
from xml.etree import ElementTree

import numpy as np
import pytest
from networks import SEEN, pictures
from PIL import Image
from test_results import RESULTS

import nnviz as nv
from nnviz.draw import picture, save_picture
from nnviz.draw.colour import CATEGORIES, REST, class_colours, coloured, colours, limits, table
from nnviz.draw.image import below, beside, factor_for, number, pixels, scale_bar, sheet, text
from nnviz.draw.png import write_png
from nnviz.draw.results import answers, legend
from nnviz.draw.scores import class_changes, precision_recall
from nnviz.errors import ArgumentError, FileError
from nnviz.inspection.anatomy import Filters
from nnviz.inspection.evaluation import (
    Change,
    ClassScore,
    Comparison,
    ExplainedMistakes,
    calibration,
    compare,
    explain_mistakes,
    flips,
)
from nnviz.inspection.results import Attribution, Provenance

MADE = Provenance("m", "test")
HOSTILE = ['<script>alert(1)</script>"', "a&b]]>", "日本語😀", r"$\frac$", "x" * 300]


def name_of(model):
    """Which of the models this is."""
    return next(name for name, build in SEEN.items() if build().input.shape == model.input.shape)


def drawn(model, x):
    """Everything that can be drawn of a model."""
    yield nv.diagram(model)
    yield nv.filters(model)
    node = next(n.name for n in model.nodes if len(model.shapes[n.name]) == 3)
    yield nv.feature_maps(model, x, node)
    yield nv.saliency(model, x)
    yield nv.grad_cam(model, x, 0)
    yield nv.occlusion(model, x, 0, patch=9, stride=9)
    yield nv.maximize(model, [0, 1], steps=2)
    y = np.zeros(len(x), int)
    yield nv.mistakes(model, x, y)
    yield calibration(nv.mistakes(model, x, y))
    yield flips(model, x, y, changes=[Change("noise", 0.1), Change("rotate", -3)])
    yield explain_mistakes(model, x, (model.predict(x).argmax(axis=1) + 1) % 3)
    for maps in (2, 0):
        yield compare(model, SEEN[name_of(model)](seed=1), x, y, maps=maps)


def quiet(result):
    """The result without its warnings."""
    every = {f.name: () for f in fields(result) if f.name.endswith("warnings")}
    return replace(result, **every)


@pytest.mark.parametrize("name", SEEN)
def test_everything_is_drawn_and_twice_the_same(name):
    model = SEEN[name]()
    x = pictures(model, 2)
    for result in drawn(model, x):
        got = picture(result)
        assert got.dtype == np.uint8
        assert got.ndim == 3
        assert got.shape[2] == 4
        assert got[..., 3].any(), f"{type(result).__name__} is empty"
        np.testing.assert_array_equal(got, picture(result))
        has_maps = isinstance(result, Comparison) and len(result.shown)
        if isinstance(result, Attribution | ExplainedMistakes) or has_maps:
            silent = quiet(result)  # warnings may be wider than the maps
            assert picture(silent, x).shape[1] > picture(silent).shape[1]


@pytest.mark.parametrize("kind", ["Summary", "Health", "ReceptiveField"])
def test_what_is_text_is_not_drawn(kind):
    with pytest.raises(ArgumentError, match=f"a {kind} is shown as text, not as a picture: print"):
        picture(RESULTS[kind])


def test_judgements_on_one_scale():
    model, other = SEEN["digits"](), SEEN["digits"](seed=1)
    x = pictures(model, 3)
    same = compare(model, model, x, maps=2)
    got = picture(same)
    neutral = colours(np.zeros(1), -1, 1, "RdBu_r")[0]
    assert (got[30:100, -100:-10, :3] == neutral).all(), "no difference is white"
    two = picture(compare(model, other, x, method="occlusion", maps=2))
    assert two.shape[1] == got.shape[1]
    assert two.shape[0] < got.shape[0], "signed maps need one scale bar, others two"
    right = model.predict(x).argmax(axis=1)
    assert picture(explain_mistakes(model, x, right)).shape[0] < 40, "no mistakes, in words"
    for bad in (x[:, :5], x[0], x[:0]):
        with pytest.raises(ArgumentError, match="give all the pictures that were judged"):
            picture(same, bad)
    for changes in (same.classes, compare(model, other, x, right).classes):
        assert class_changes(changes)[..., 3].any()


def test_of_many_classes_the_worst_twenty_are_charted():
    scores = [ClassScore(c, str(c), 9, 9, 0, c / 30, (0, 1), None, None) for c in range(30)]
    few, many = precision_recall(scores[:20]), precision_recall(scores[::-1])
    assert few.shape == many.shape
    assert precision_recall(scores[:1]).shape[0] < few.shape[0]


# Colours --------------------------------------------------------------------------------------


def test_a_signed_scale_is_symmetric_and_zero_is_neutral():
    assert limits(np.array([-1.0, 3.0]), signed=True) == (-3, 3)
    assert limits(np.array([-4.0, 3.0, np.nan, np.inf]), signed=True) == (-4, 4)
    neutral = colours(np.zeros((1, 1)), -3, 3, "RdBu_r")[0, 0].astype(int)
    assert neutral.min() > 235, "white, nearly"
    assert np.ptp(neutral) < 8
    red, blue = (colours(np.array([v]), -3, 3, "RdBu_r")[0].astype(int) for v in (3, -3))
    assert red[0] > red[2]
    assert blue[2] > blue[0]
    low, high = limits(np.zeros((2, 2)), signed=True)
    np.testing.assert_array_equal(colours(np.zeros(1), low, high, "RdBu_r")[0], neutral)


def test_an_unsigned_scale_begins_at_zero():
    assert limits(np.array([2.0, 5.0]), signed=False) == (0, 5)
    assert limits(np.array([-2.0, 5.0]), signed=False) == (-2, 5)
    assert limits(np.array([np.nan]), signed=False) == (0, 1)
    assert limits(np.array([np.nan]), signed=True) == (-1, 1)
    black = colours(np.zeros(1), 0, 0, "inferno")[0]
    np.testing.assert_array_equal(black, table("inferno")[0])


def test_what_is_no_number_is_grey():
    got = colours(np.array([np.nan, np.inf, -np.inf, 1]), 0, 1, "inferno")
    assert (got[:3] == 128).all()
    np.testing.assert_array_equal(got[3], table("inferno")[255])


def test_ten_answers_have_ten_colours():
    for classes in (np.arange(10), np.arange(0, 100, 10), np.array([3, 13, 7])):
        got = class_colours(classes)[classes]
        assert len(np.unique(got, axis=0)) == len(classes)
    np.testing.assert_array_equal(class_colours(np.array([7, 2]))[[7, 2]], CATEGORIES[[7, 2]])


def test_no_colour_means_two_classes():
    """Of more than ten classes the most frequent have a colour each; the others share the grey."""
    answers = np.repeat(np.arange(100, 117), [1] * 7 + [2] * 10)
    palette = class_colours(answers)
    own = coloured(answers)
    assert own.tolist() == list(range(107, 117))
    assert len(np.unique(palette[own], axis=0)) == 10
    assert (palette[100:107] == REST).all()
    assert not (palette[own] == REST).all(axis=1).any()


def test_an_unknown_colour_map():
    with pytest.raises(ArgumentError, match="no colour map named 'rainbows'; matplotlib's names"):
        picture(RESULTS["Attribution"], cmap="rainbows")
    assert not np.array_equal(
        picture(RESULTS["Attribution"], cmap="jet"), picture(RESULTS["Attribution"])
    )


# Pictures -------------------------------------------------------------------------------------


def test_grey_stays_grey_and_colour_colour():
    grey = pixels(np.array([[[0], [128], [255]]], np.uint8))
    assert grey[0].tolist() == [[0, 0, 0, 255], [128, 128, 128, 255], [255, 255, 255, 255]]
    red = pixels(np.array([[[1.0, 0, 0]]]))
    assert red[0, 0].tolist() == [255, 0, 0, 255]
    two = pixels(np.array([[[0.2, 0.4]]]))
    assert two[0, 0].tolist() == [76, 76, 76, 255] or two[0, 0].tolist() == [77, 77, 77, 255]
    assert pixels(np.array([[[2.0], [-1.0]]]))[0, :, 0].tolist() == [255, 0]


def test_rows_and_cols_are_not_swapped():
    values = np.zeros((1, 20, 45), np.float32)
    values[0, 3, 40] = 1
    result = Attribution(values, np.ones(1), MADE)
    got = picture(result).astype(int)
    factor = factor_for(45, 112)
    bright = np.argwhere(got[: 20 * factor, :, :3].sum(axis=2) > 600)
    assert set(bright[:, 0] // factor) == {3}
    assert set(bright[:, 1] // factor) == {40}


def test_maps_of_one_result_share_a_scale():
    values = np.zeros((2, 28, 28), np.float32)
    values[0, :14] = 1
    values[1, :14] = 0.5
    got = picture(Attribution(values, np.ones(2), MADE))
    strong, weak = got[0, 0, :3], got[112 + 4, 0, :3]
    np.testing.assert_array_equal(strong, table("inferno")[255])
    np.testing.assert_array_equal(weak, table("inferno")[128])


def test_pixels_are_whole_squares():
    values = np.arange(28 * 28, dtype=np.float32).reshape(1, 28, 28)
    got = picture(Attribution(values, np.ones(1), MADE))[:112, :112]
    blocks = got.reshape(28, 4, 28, 4, 4)
    assert (blocks == blocks[:, :1, :, :1]).all()


def test_tiles_do_not_overlap():
    rng = np.random.default_rng(0)
    tiles = []
    for i in range(7):
        shape = (*rng.integers(3, 9, 2), 4)
        tiles.append(np.full(shape, i + 1, np.uint8))
    for joined in (sheet(tiles, 3, gap=2), below(tiles), beside(tiles)):
        for i, tile in enumerate(tiles):
            assert (joined[..., 0] == i + 1).sum() == tile[..., 0].size, "a tile is cut or covered"
    assert sheet(tiles[:1], 5).shape == tiles[0].shape


def test_pictures_must_belong_to_the_maps():
    result = RESULTS["Attribution"]
    for wrong in (np.zeros((5, 28, 28, 1)), np.zeros((6, 28, 28)), np.zeros((6, 28, 27, 1))):
        with pytest.raises(ArgumentError, match=r"pictures of shape .* for maps of shape \(6, 28"):
            picture(result, wrong)


def test_the_standard_error_stands_beside_the_map():
    result = RESULTS["Attribution"]
    error = np.linspace(0, 1, result.values.size).reshape(result.values.shape)
    plain, drawn = picture(result), picture(replace(result, error=error))
    assert drawn.shape[1] > plain.shape[1]
    assert drawn.shape[0] > plain.shape[0], "its own scale"


def test_a_scale_bar_is_wide_enough_for_its_numbers():
    narrow = scale_bar("-0.123", "0.123", "inferno", 4)
    ends = text("-0.123").shape[1] + text("0.123").shape[1]
    assert narrow.shape[1] > ends
    np.testing.assert_array_equal(narrow[0, 0, :3], table("inferno")[0])
    np.testing.assert_array_equal(narrow[0, -1, :3], table("inferno")[255])


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0"), (-0.0, "0"), (0.01234, "0.0123"), (12.345, "12.3"), (1234.5, "1,234"),
     (1e-5, "1.0e−05"), (-123456, "−1.2e+05"), (-2.76, "−2.76"), (999.9, "1,000")],
)  # fmt: skip
def test_numbers_have_the_digits_they_deserve(value, words):
    assert number(value) == words


def test_kernels_of_three_channels_are_colours_others_are_rows_of_tiles():
    three = Filters(np.full((2, 3, 3, 3), 0.0), MADE)
    assert picture(three)[0, 0].tolist() == [128, 128, 128, 255], "no weight is mid-grey"
    four = picture(Filters(np.random.default_rng(0).normal(size=(2, 3, 3, 4)), MADE))
    assert four.shape[1] >= 4 * 3


# Occlusion's answers --------------------------------------------------------------------------


def test_the_answers_map_and_its_legend():
    result = RESULTS["Occlusion"]
    maps = answers(result)
    assert len(maps) == 6
    assert maps[0].shape == (28, 28, 4)
    down, along = result.grid
    corner = result.predicted[0].reshape(down, along)[0, 0]
    np.testing.assert_array_equal(maps[0][0, 0, :3], CATEGORIES[corner])
    corners = replace(result, predicted=(np.arange(down * along) % 10)[None])
    map_ = answers(corners)[0]
    for place, (r, c) in ((0, (0, 0)), (along - 1, (0, 27)), ((down - 1) * along, (27, 0))):
        np.testing.assert_array_equal(map_[r, c, :3], CATEGORIES[place % 10])
    lines = legend(result)
    assert len(lines) == 6
    many = replace(result, predicted=np.arange(len(result.boxes))[None] % 12)
    assert legend(many)[0].shape[1] > lines[0].shape[1], "cut after a few, and says so"


# Files ----------------------------------------------------------------------------------------


def test_pictures_are_saved(tmp_path):
    path = save_picture(RESULTS["Filters"], tmp_path / "filters.png")
    image = np.asarray(Image.open(path))
    np.testing.assert_array_equal(image, picture(RESULTS["Filters"]))
    svg = save_picture(RESULTS["Diagram"], str(tmp_path / "diagram.svg"))
    assert ElementTree.parse(svg).getroot().tag.endswith("svg")
    write_png(tmp_path / "rgb.png", np.zeros((2, 3, 3), np.uint8))
    assert Image.open(io.BytesIO((tmp_path / "rgb.png").read_bytes())).size == (3, 2)


def test_pictures_that_cannot_be_saved(tmp_path):
    with pytest.raises(ArgumentError, match=r"into 'a\.jpg': the file must end in \.png$"):
        save_picture(RESULTS["Filters"], tmp_path / "a.jpg")
    with pytest.raises(ArgumentError, match=r"into 'a\.svg': the file must end in \.png$"):
        save_picture(RESULTS["Filters"], tmp_path / "a.svg")
    with pytest.raises(ArgumentError, match=r"into 'a': the file must end in \.png or \.svg$"):
        save_picture(RESULTS["Diagram"], tmp_path / "a")
    with pytest.raises(FileError, match=r"cannot write .*nowhere.*: No such file"):
        save_picture(RESULTS["Filters"], tmp_path / "nowhere" / "a.png")
    assert list(tmp_path.iterdir()) == []
