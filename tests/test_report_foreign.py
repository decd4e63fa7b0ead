"""Reports on networks from elsewhere: large pictures, many classes, no labels, choices."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import nnviz as nv
from nnviz import cli
from nnviz.draw.image import block_for, coarse
from nnviz.draw.png import png_bytes
from nnviz.report import answers, fails, trust, works
from nnviz.report.choice import chosen_classes, chosen_layers
from nnviz.report.study import FEW_CLASSES, MOST_CLASSES, Study

CLASSES = 30


def network(size=(12, 10), classes=CLASSES, fit="crop"):
    """A small network of many classes whose last convolution is the answer itself."""
    layers = [
        nv.Conv2D(4, 3, activation="relu", name="first"),
        nv.Conv2D(5, 3, padding="same", activation="relu", name="inner"),
        nv.Conv2D(classes, 1, name="answer"),
        nv.GlobalAveragePooling2D(),
        nv.Softmax(),
    ]
    model = nv.Sequential(layers, input_shape=(*size, 3), seed=0)
    names = [f"class {i}" for i in range(classes)]
    spec = nv.prepared(model.input, preprocess="caffe", fit=fit)
    return nv.with_input(model, spec, classes=names)


def pictures(size=(12, 10), n=5):
    rng = np.random.default_rng(1)
    return nv.data.Dataset(rng.integers(0, 256, (n, *size, 3), dtype=np.uint8))


def study(model=None, data=None, **more):
    return Study(model or network(), data or pictures(), 0, "net", "model", "data", **more)


def test_of_many_classes_those_are_shown_that_the_pictures_show():
    one = study()
    assert set(one.shown_classes) <= set(one.predicted.tolist())
    assert len(one.shown_classes) <= MOST_CLASSES
    assert study(network(classes=7)).shown_classes == list(range(7))
    assert study(classes=(3, 29)).shown_classes == [3, 29]


def test_of_large_pictures_fewer_are_shown():
    large = study(network((130, 40)), pictures((130, 40), 12))
    assert large.is_large
    assert len(large.shown_classes) <= FEW_CLASSES


def test_the_layer_shown_is_the_last_one_before_the_answer():
    assert study().deep_layers == [("inner", None)]
    assert study(layers=(("first", (1, 2)),)).deep_layers == [("first", (1, 2))]
    single = nv.Sequential([nv.Conv2D(2, 3), nv.Flatten(), nv.Dense(3)], input_shape=(8, 8, 3))
    assert study(single, pictures((8, 8))).deep_layers == []


def test_each_picture_stands_with_its_likeliest_classes():
    one = study()
    figure = answers.top(one)
    sure = one.model.predict(one.data.x)
    cells = [cell for row in figure.cells for cell in row]
    assert len(cells) == 5
    for cell, shares in zip(cells, sure, strict=True):
        lines = cell.label.splitlines()
        best = np.argsort(-shares)[:5]
        assert [line.split(" ", 1)[1] for line in lines] == [f"class {c}" for c in best]
    assert np.allclose(figure.numbers["probabilities"][:, 0], sure.max(axis=1))


def test_labelled_pictures_say_the_truth_first():
    data = replace(pictures(), y=np.array([3, 1, 2, 0, 4]))
    figure = answers.top(study(data=data))
    assert figure.cells[0][0].label.startswith("truth: class 3\n")
    assert answers.wanted(study(data=data))
    assert not answers.wanted(study(network(classes=4), replace(pictures(), y=np.arange(5) % 4)))


def test_of_many_pictures_some_are_shown_and_it_is_said():
    figure = answers.top(study(data=pictures(n=60)))
    assert sum(len(row) for row in figure.cells) == answers.MOST
    assert "Shown are 24 of 60" in figure.caption
    alone = answers.top(study(data=pictures(n=1)))
    assert alone.title.startswith("It takes this picture for a ")


def test_maps_of_large_pictures_are_drawn_by_blocks():
    assert block_for(227, 227, 120) == 2
    assert block_for(28, 28, 120) == 1
    maps = np.arange(2 * 5 * 4, dtype=np.float32).reshape(2, 5, 4)
    drawn = coarse(maps, 2)
    assert drawn.shape == (2, 3, 2)
    assert drawn[0, 0, 0] == maps[0, :2, :2].mean()
    assert drawn[1, 2, 1] == maps[1, 4:, 2:].mean()
    assert coarse(maps, 1) is maps
    small, large = study(), study(network((227, 130)), pictures((227, 130)))
    values = np.random.default_rng(0).random((2, 227, 130)).astype(np.float32)
    assert small.maps(values) is values
    assert large.dot == 6
    assert "mean of 6×6 pixels" in large.dots
    drawn = large.maps(values)
    assert drawn.shape[1:] == large.original(0).picture.shape[:2] == (114, 65)
    assert np.isclose(drawn[1, 0, 0], values[1, :6, :6].mean())
    assert (drawn[:, :3, :3] == drawn[:, :1, :1]).all()


def test_a_picture_of_few_colours_is_small_and_the_same():
    rng = np.random.default_rng(0)
    few = np.zeros((200, 150, 4), np.uint8)
    few[..., :3] = rng.integers(0, 3, (200, 150, 3)) * 100
    few[..., 3] = 255
    many = rng.integers(0, 256, (200, 150, 4), dtype=np.uint8)
    many[..., 3] = 255
    import io

    for picture in (few, many):
        read = Image.open(io.BytesIO(png_bytes(picture)))
        assert np.array_equal(np.asarray(read.convert("RGBA")), picture)
    assert Image.open(io.BytesIO(png_bytes(few))).mode == "P"
    few[0, 0, 3] = 0
    assert Image.open(io.BytesIO(png_bytes(few))).mode == "RGBA"


@pytest.mark.parametrize(
    ("classes", "layers", "message"),
    [
        (["nobody"], [], "no class named 'nobody'"),
        ([99], [], "class 99 is not among the model's 30"),
        ("ab", [], "classes must be a sequence, got 'ab'"),
        (range(25), [], "classes may be 24 at the most, got 25"),
        ([], ["nowhere"], "no node named 'nowhere'"),
        ([], ["softmax_1"], r"node 'softmax_1' gives \(30,\), not maps of rows and cols"),
        ([], [("inner", [7])], "channel 7 is not among the 5 of 'inner': 0 … 4"),
        ([], [("inner", "0")], "channels of 'inner' must be a sequence, got '0'"),
    ],
)
def test_choices_that_do_not_fit_are_named(classes, layers, message):
    choose, given = (chosen_layers, layers) if layers else (chosen_classes, classes)
    with pytest.raises(nv.ArgumentError, match=message):
        choose(network(), given)


def test_classes_of_a_network_without_any_cannot_be_chosen():
    model = nv.Sequential([nv.Conv2D(2, 3)], input_shape=(8, 8, 3))
    with pytest.raises(nv.ArgumentError, match="this model's output means no classes"):
        chosen_classes(model, [0])


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A report by the command line, on an ONNX file and a folder of pictures of any size."""
    pytest.importorskip("onnx")
    folder = tmp_path_factory.mktemp("foreign")
    network(fit="exact").to_onnx(folder / "net.onnx")
    rng = np.random.default_rng(2)
    (folder / "photos").mkdir()
    for i, size in enumerate([(20, 30), (14, 12), (9, 40)]):
        picture = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(picture).save(folder / "photos" / f"{i}.png")
    (folder / "names.txt").write_text("\n".join(f"{i} n{i:08} thing_{i}" for i in range(CLASSES)))
    words = ["report", folder / "net.onnx", "--data", folder / "photos", "--preprocess", "caffe"]
    words += ["--labels", folder / "names.txt", "--classes", "thing_7", "3"]
    words += ["--layers", "inner:0,3", "first", "--out", folder / "gallery", "--quiet"]
    assert cli.main([str(word) for word in words]) == 0
    return folder / "gallery"


def test_a_folder_of_plain_pictures_makes_a_whole_gallery(written):
    page = (written / "index.html").read_text()
    figures = {f["id"]: f for f in json.loads((written / "manifest.json").read_text())["figures"]}
    assert {"answers", "ideal-classes", "cam", "occlusion", "saliency", "structure"} <= set(figures)
    assert {"ideal-filters", "ideal-filters-2", "features-deep-2", "filters-deep"} <= set(figures)
    assert "thing_7" in page
    assert "Shown are the channels 0, 3 of 5." in page
    assert "Shown are 2 of 30 classes" in page
    assert "model = nv.with_input(model, nv.prepared(model.input, fit=&#39;crop&#39;" in page
    assert "resize=(12, 10), fit=&#39;crop&#39;" in page


def test_bad_layers_on_the_command_line_are_one_line(tmp_path, capsys):
    network(size=(28, 28)).save(tmp_path / "net.npz")
    words = ["report", str(tmp_path / "net.npz"), "--layers", "inner:x", "--channels", "3"]
    assert cli.main(words) == 2
    assert "--layers wants NODE or NODE:CHANNEL,CHANNEL, got 'inner:x'" in capsys.readouterr().err


def test_of_very_many_classes_the_most_mixed_up_stand_in_the_matrix():
    data = replace(pictures(n=30), y=np.arange(30) % 7)
    one = study(network(classes=200), data)
    assert one.mistakes is not None
    figure = fails.confusion(one, one.mistakes)
    assert len(figure.legend) == min(20, len(set(range(7)) | set(one.predicted.tolist())))
    assert "of 200 classes, those mixed up most" in figure.caption
    assert figure.numbers["confusion"].shape == (200, 200)


def test_maps_of_channels_are_drawn_by_blocks_too():
    large = study(network((227, 130)), pictures((227, 130)))
    node = large.answer_of(large.convolutions[0])
    rows, cols = large.model.shapes[node][:2]
    figure = works.features(large, node, "features-first")
    block = -(-max(rows, cols) // works.MAP)
    assert block > 1
    assert f"mean of {block}×{block} places" in figure.caption
    cell = figure.cells[1][0]
    assert cell.picture.shape[:2] == (-(-rows // block), -(-cols // block))
    assert cell.look.block == block
    assert figure.numbers["values"].shape[1:3] == (rows, cols)
    top, left, bottom, _ = works._frame(large, node, 1)
    further = works._frame(large, node, block)
    assert further[:2] == (top, left)
    assert further[2] == pytest.approx(top + (bottom - top) * cell.picture.shape[0] * block / rows)


def test_dear_maps_are_judged_in_two_parts_that_make_one():
    large = study(network((80, 70)), pictures((80, 70)), pick=(0, 1, 2, 3))
    first, second = trust.parts(large)
    assert set(first) | set(second) == set(trust.JUDGED)
    assert set(trust.CAMS) <= set(first)
    found = trust.judged(large)
    assert set(found.scores) <= set(trust.JUDGED)
    assert list(found.scores) == [*trust.part(large, 0).scores, *trust.part(large, 1).scores]
    assert set(found.fell) == set(found.scores)
    assert all(len(one.shown) <= trust.FEW_SANE for one in found.sane.values())
    assert "destroyed once, for 3 of them" in trust.table(large, found).caption
    assert trust.parts(study()) == [list(trust.JUDGED)]
