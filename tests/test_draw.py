"""Drawing: every result as a picture, one scale, neutral zeros, no overlap, nothing swapped."""

from __future__ import annotations

import io
from dataclasses import fields, replace
from itertools import pairwise
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from networks import ALL, SEEN, pictures
from PIL import Image
from test_results import RESULTS

import nnviz as nv
from nnviz.draw import diagram as draw_diagram
from nnviz.draw import image, judged, picture, results, save_picture
from nnviz.draw.chart import confusion, curves, histograms
from nnviz.draw.colour import CATEGORIES, REST, class_colours, coloured, colours, limits, table
from nnviz.draw.image import below, beside, factor_for, number, pixels, scale_bar, sheet, text
from nnviz.draw.png import write_png
from nnviz.draw.results import answers, legend
from nnviz.draw.scores import class_changes, precision_recall
from nnviz.draw.spreads import ranges
from nnviz.errors import ArgumentError, FileError
from nnviz.inspection.anatomy import Filters
from nnviz.inspection.anatomy.health import Spread
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
from nnviz.inspection.maximize import Maximized
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


@pytest.mark.parametrize("counts", [(60, 40, 70), (100, 60), (49, 51), (3, 1000, 30), (5, 5)])
def test_the_words_of_a_logarithmic_scale_stand_apart(monkeypatch, counts):
    monkeypatch.setattr("nnviz.draw.chart._drawn", lambda figure: figure)
    spread = SimpleNamespace(name="a", counts=counts, edges=np.arange(len(counts) + 1.0))
    figure = histograms([spread], "weight", logarithmic=True)
    figure.canvas.draw()
    axis = figure.axes[0].yaxis
    low, high = figure.axes[0].get_ylim()
    words = [label for label in (*axis.get_majorticklabels(), *axis.get_minorticklabels())
             if low <= label.get_position()[1] <= high and label.get_text()]  # fmt: skip
    assert len(words) > 1
    ends = sorted((box.y0, box.y1) for box in (label.get_window_extent() for label in words))
    assert all(upper[0] >= lower[1] for lower, upper in pairwise(ends))


def test_the_words_of_a_scale_that_bends_at_zero_stand_apart(monkeypatch):
    monkeypatch.setattr("nnviz.draw.spreads._drawn", lambda figure: figure)
    one = Spread("a", (1,), (0.0, 1.0), 0.0, 1.0, 0.1)
    spreads = [replace(one, std=s, low=-30.0 * s, high=40.0 * s) for s in (70.0, 900.0, 50.0)]
    figure = ranges([], spreads)
    figure.canvas.draw()
    words = [label for label in figure.axes[0].get_xticklabels() if label.get_text()]
    ends = sorted((box.x0, box.x1) for box in (label.get_window_extent() for label in words))
    assert len(words) > 2
    assert all(right[0] >= left[1] for left, right in pairwise(ends))


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
     (1e-5, "1.0e-05"), (-123456, "-1.2e+05"), (999.9, "1,000")],
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


# The diagram ----------------------------------------------------------------------------------


def hostile_model():
    layers = [nv.Conv2D(2, 3, name=HOSTILE[0]), nv.Flatten(name=HOSTILE[1])]
    rest = [nv.Dense(3, name=name) for name in HOSTILE[2:]]
    return nv.Sequential([*layers, *rest], (8, 8, 1))


def test_names_are_text_never_markup():
    written = draw_diagram.svg(nv.diagram(hostile_model()))
    root = ElementTree.fromstring(written)
    said = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert said[3] == HOSTILE[0]
    assert HOSTILE[1] in said
    assert HOSTILE[2] in said
    assert "x" * 46 + "…" in said
    assert "<script" not in written
    kinds = {element.tag.split("}")[1] for element in root.iter()}
    assert kinds == {"svg", "title", "polyline", "polygon", "g", "rect", "text"}


@pytest.mark.parametrize("name", [*ALL, *SEEN])
def test_the_boxes_lie_inside_and_apart(name):
    drawn = nv.diagram({**ALL, **SEEN}[name]())
    root = ElementTree.fromstring(draw_diagram.svg(drawn))
    width, height = draw_diagram.size(drawn)
    boxes = []
    for element in root.iter("{http://www.w3.org/2000/svg}rect"):
        if element.get("fill-opacity"):
            x, y, w, h = (float(element.get(key)) for key in ("x", "y", "width", "height"))
            boxes.append((x, y, x + w, y + h))
            assert 0 <= x < x + w <= width
            assert 0 <= y < y + h <= height
    assert len(boxes) == len(drawn.blocks)
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    lines = root.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == len(drawn.arrows)
    corners = [p.split(",") for line in lines for p in line.get("points").split()]
    assert all(0 <= float(x) <= width and 0 <= float(y) <= height for x, y in corners)


def test_the_diagrams_picture_has_the_same_size():
    drawn = nv.diagram(hostile_model())
    width, height = draw_diagram.size(drawn)
    got = picture(drawn)
    assert got.shape == (2 * height, 2 * width, 4)
    assert (got[..., 3] == 255).all(), "what is behind it would show through the boxes"
    assert np.median(got[..., :3]) > 200, "boxes are pale, so that dark words can be read on them"


# Charts ---------------------------------------------------------------------------------------


def spread(name):
    return Spread(name, (1, 0, 3), (0.0, 1.0, 2.0, 3.0), 1.0, 0.5, 0.1)


def test_charts_touch_no_global_setting():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    confusion(np.array([[3, 1], [0, 2]]))
    curves({"a": [0.1, 0.2], "b": [0.3]}, "accuracy", percent=True)
    histograms([spread("a"), spread("b"), spread("c")], "weight", logarithmic=True)
    assert dict(mpl.rcParams) == before
    import sys

    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


@pytest.mark.parametrize("name", HOSTILE)
def test_charts_take_any_name(name):
    got = histograms([spread(name), spread("b")], "weight", columns=4)
    same = histograms([spread("aaa"), spread("b")], "weight", columns=4)
    assert got.shape == same.shape


@pytest.mark.parametrize("classes", [2, 10, 25])
def test_confusion_matrices_of_any_size(classes):
    matrix = np.random.default_rng(0).integers(0, 9, (classes, classes))
    got = confusion(matrix)
    assert got.shape[2] == 4
    np.testing.assert_array_equal(got, confusion(matrix))
    assert confusion(np.diag(np.arange(classes) + 1)).any()


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


# What a figure says of its own result -----------------------------------------------------------


@pytest.fixture
def said(monkeypatch):
    """The words that stand in the pictures drawn."""
    words = []

    def listening(line, *args):
        words.append(line)
        return text(line, *args)

    for module in (image, results, judged):
        monkeypatch.setattr(module, "text", listening)
    return words


def climbed(**numbers):
    """A `Maximized` of three pictures with these numbers."""
    start = np.zeros(3, np.float32)
    values = np.random.default_rng(0).random((3, 28, 28, 1), np.float32)
    reached = np.array([2.0, 0.5, -1.0], np.float32)
    return Maximized(values, reached, start, np.zeros((1, 3)), MADE, **numbers)


def test_a_maximized_picture_says_what_it_reaches(said):
    picture(climbed(probability=np.array([0.9, 0.25, 0.1])))
    assert said == [
        *("0: reaches 2", "p = 0.9"),
        *("1: reaches 0.5", "p = 0.25"),
        *("2: reaches -1", "p = 0.1", "did NOT rise"),
    ]


def test_beside_real_pictures_it_says_whether_it_is_above_them(said):
    best, high = np.array([1.5, 0.75, 2.0]), np.array([1.25, 0.5, 1.0])
    got = picture(climbed(best=best, high=high, warnings=("picture 1: try more steps",)))
    assert said == [
        *("0: reaches 2", "above real ones", "best 1.5", "99 % 1.25"),
        *("1: reaches 0.5", "NOT above real ones", "best 0.75", "99 % 0.5"),
        *("2: reaches -1", "NOT above real ones", "best 2", "99 % 1"),
        "picture 1: try more steps",
    ]
    assert got.shape[1] >= 3 * 112


def test_degenerate_maps_are_named_on_every_figure(said):
    model = SEEN["digits"]()
    x = np.zeros((2, *model.input.shape), np.float32)
    zero = np.zeros((2, 28, 28), np.float32)
    zero[1, 3, 3] = 1
    cause = "no reason"
    empty = (f"picture 0: the map is zero everywhere: {cause}",)
    twice = (*empty, empty[0].replace("0", "2"), "all are one")
    picture(Attribution(zero, np.zeros(2), MADE, warnings=empty))
    assert said[-1] == f"line 1: the map is zero everywhere: {cause}"
    picture(Attribution(zero, np.zeros(2), MADE, warnings=twice))
    assert said[-2:] == [f"lines 1, 3: the map is zero everywhere: {cause}", "all are one"]
    both = compare(model, model, x, maps=2)
    picture(replace(both, warnings=(f"model b: {empty[0]}",)))
    assert said[-1] == f"model b: line 1: the map is zero everywhere: {cause}"
    found = explain_mistakes(model, x, (model.predict(x).argmax(axis=1) + 1) % 3)
    picture(replace(found, answer_warnings=empty, truth_warnings=("constant",)))
    assert said[-2:] == [f"answered: line 1: the map is zero everywhere: {cause}", "true: constant"]


def test_of_many_warnings_the_first_are_shown_and_wrapped(said):
    long = "word " * 60
    drawn = image.notes([long, *map(str, range(9))], 100)
    assert max(line.shape[1] for line in drawn) < 480
    assert " ".join(said[: -image.NOTES]) == long.strip()
    assert said[-1] == "and 4 more: see the result's warnings"


@pytest.mark.parametrize(("counts", "labelled"), [((2, 3, 7), True), ((1, 100, 10_000), False)])
def test_a_logarithmic_histogram_always_tells_its_scale(monkeypatch, counts, labelled):
    """Within one power of ten the small ticks carry the numbers; beyond it they are left out."""
    monkeypatch.setattr("nnviz.draw.chart._drawn", lambda figure: figure)
    spread = SimpleNamespace(name="a", counts=counts, edges=np.arange(4.0))
    figure = histograms([spread], "weight", logarithmic=True)
    figure.canvas.draw()
    axis = figure.axes[0].yaxis
    assert any(label.get_text() for label in axis.get_minorticklabels()) == labelled
    low, high = figure.axes[0].get_ylim()
    told = [*axis.get_majorticklabels(), *axis.get_minorticklabels()]
    assert sum(low <= label.get_position()[1] <= high and label.get_text() != "" for label in told)
