"""How pictures become a network's input: by name, in numbers, and on the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import nnviz as nv
from nnviz import cli
from nnviz.engine.input import InputSpec
from nnviz.engine.preprocess import PREPARATIONS, prepared

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
SPEC = InputSpec((4, 5, 3))
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])

BY_HAND = {
    "imagenet": (PIXELS / 255 - MEAN) / STD,
    "caffe": PIXELS[..., ::-1] - np.array([104.0, 117.0, 123.0]),
    "tf": (PIXELS - 127.5) / 127.5,
    "none": PIXELS / 255,
}


@pytest.mark.parametrize("name", PREPARATIONS)
def test_a_preparation_by_name_is_what_is_written_by_hand(name):
    spec = prepared(SPEC, preprocess=name)
    wanted = BY_HAND[name]
    assert np.allclose(spec.prepare(PIXELS), wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
    assert spec.fit == "exact"


@pytest.mark.parametrize("name", PREPARATIONS)
def test_the_same_in_numbers(name):
    numbers = {
        "imagenet": {"mean": 255 * MEAN, "scale": 1 / (255 * STD)},
        "caffe": {"mean": [104, 117, 123], "channel_order": "BGR"},
        "tf": {"mean": 127.5, "scale": 1 / 127.5},
        "none": {"scale": 1 / 255},
    }[name]
    given, wanted = prepared(SPEC, **numbers).prepare(PIXELS), BY_HAND[name]
    assert np.allclose(given, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())


def test_what_is_not_given_stays():
    spec = prepared(SPEC, preprocess="caffe")
    again = prepared(spec, fit="stretch")
    assert (again.mean, again.channel_order, again.fit) == (spec.mean, "BGR", "stretch")
    assert prepared(spec, channel_order="RGB").mean == spec.mean


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preprocess": "cafe"}, r"no preprocessing named 'cafe' \(did you mean 'caffe'\?\)"),
        ({"preprocess": "tf", "mean": 1.0}, "mean and scale take the place of preprocess='tf'"),
        ({"scale": 0.0}, "scale must be finite and above 0, got 0.0"),
        ({"scale": float("nan")}, "scale must be finite and above 0, got nan"),
        ({"scale": "1"}, "scale must be one number or one for each channel, got '1'"),
        ({"mean": [1, 2]}, "mean of the input must have 1 or 3 finite numbers"),
        ({"mean": [[1]]}, "mean must be one number or one for each channel"),
        ({"channel_order": "GBR"}, "channel_order must be RGB or BGR, got 'GBR'"),
        ({"fit": "cut"}, "no fit named 'cut'; the input has exact, crop, stretch"),
    ],
)
def test_bad_preparations_are_named(options, message):
    with pytest.raises(nv.ArgumentError, match=message):
        prepared(SPEC, **options)


def test_the_preparation_travels_with_the_model(tmp_path):
    model = nv.Sequential([nv.Flatten(), nv.Dense(2)], input_shape=(4, 5, 3))
    told = nv.with_input(
        model, prepared(model.input, preprocess="caffe", fit="crop"), classes=["a", "b"]
    )
    told.save(tmp_path / "net.npz")
    read = nv.load(tmp_path / "net.npz")
    assert read.input == told.input
    assert read.classes == ["a", "b"]
    assert np.array_equal(read.predict(PIXELS), told.predict(PIXELS))
    wanted = model.run(BY_HAND["caffe"].astype(np.float32), prepared=True).output
    assert np.allclose(read.predict(PIXELS), wanted, atol=1e-4)


def test_an_input_of_another_shape_is_refused():
    model = nv.Sequential([nv.Flatten(), nv.Dense(2)], input_shape=(4, 5, 3))
    with pytest.raises(nv.ArgumentError, match=r"the input is \(4, 5, 3\), it cannot become"):
        nv.with_input(model, InputSpec((5, 4, 3)))


# Pictures of any size -----------------------------------------------------------------------------


def test_a_crop_is_the_middle_of_the_right_shape():
    picture = np.zeros((6, 20, 3), np.uint8)
    picture[:, 7:13] = 255
    assert nv.data.resize(picture, 3, 3, "crop").min() == 255
    assert nv.data.resize(picture, 3, 3).min() == 0
    tall = picture.transpose(1, 0, 2)
    assert nv.data.resize(tall, 2, 2, "crop").min() == 255
    assert np.array_equal(nv.data.resize(picture, 6, 20, "crop"), picture)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (9, 2), (40, 3)])
def test_a_crop_has_the_size_wanted_from_any_picture(size):
    for shape in ((1, 1, 1), (1, 30, 3), (30, 1, 3), (17, 23, 1)):
        picture = np.full(shape, 200, np.uint8)
        assert nv.data.resize(picture, *size, "crop").shape == (*size, shape[2])


def test_an_unknown_fit_is_named():
    with pytest.raises(nv.ArgumentError, match="no fit named 'cut'; resizing has stretch, crop"):
        nv.data.resize(PIXELS[0], 2, 2, "cut")
    with pytest.raises(nv.ArgumentError, match=r"fit='crop' says how to resize: give resize="):
        nv.data.load("sample", fit="crop")


def test_pictures_become_grey_or_colour():
    grey = nv.data.load("sample")[:3]
    colour = nv.data.load("sample", channels=3)
    assert colour.x.shape[3] == 3
    assert np.array_equal(colour.x[:3, ..., 1:2], grey.x)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(3)
    for i, size in enumerate([(9, 12), (20, 10), (5, 5)]):
        picture = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(picture).save(folder / f"{i}.png")
    return folder


@pytest.fixture
def net(tmp_path):
    model = nv.Sequential(
        [nv.Conv2D(2, 3), nv.Flatten(), nv.Dense(3, activation="softmax")], input_shape=(8, 8, 3)
    )
    model.save(tmp_path / "net.npz")
    return tmp_path / "net.npz"


def run(capsys, *words):
    code = cli.main([str(word) for word in words])
    got = capsys.readouterr()
    return code, got.out, got.err


def test_convert_keeps_what_it_is_told(net, tmp_path, capsys):
    labels = tmp_path / "labels.txt"
    labels.write_text("0 n00000001 cat\n1 n00000002 dog\n2 n00000003 cat\n")
    out = tmp_path / "told.npz"
    code, printed, _ = run(capsys, "convert", net, out, "--preprocess", "caffe", "--labels", labels)
    assert (code, printed.strip()) == (0, str(out))
    model = nv.load(out)
    assert model.classes == ["cat (0)", "dog", "cat (2)"]
    assert model.input.channel_order == "BGR"
    assert model.input.fit == "crop"


def test_convert_writes_onnx_and_says_what_the_file_wants(net, tmp_path, capsys):
    onnx = pytest.importorskip("onnx")
    out = tmp_path / "deep" / "net.onnx"
    code, printed, error = run(capsys, "convert", net, out, "--mean", "104,117,123")
    assert (code, printed.strip()) == (0, str(out))
    assert "takes pictures that are prepared already" in error
    kept = {entry.key: json.loads(entry.value) for entry in onnx.load(out).metadata_props}
    assert kept["nnviz.input"]["mean"] == [104, 117, 123]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["net.txt"], r"cannot write 'net.txt': it must end in .npz or .onnx"),
        (["a.npz", "--preprocess", "x"], "no preprocessing named 'x'"),
        (["a.npz", "--mean", "1,b"], "expected numbers such as 104,117,123, got '1,b'"),
        (["a.npz", "--scale", "inf"], "expected numbers such as 104,117,123, got 'inf'"),
        (["a.npz", "--labels", "gone.txt"], "cannot read the class names gone.txt"),
    ],
)
def test_mistakes_of_convert_are_one_line(words, message, net, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, error = run(capsys, "convert", net, *words)
    assert code == 2
    assert message in error
    assert error.count("\n") == 1


def test_convert_into_a_folder_is_refused(net, tmp_path, capsys):
    (tmp_path / "taken.npz").mkdir()
    code, _, error = run(capsys, "convert", net, tmp_path / "taken.npz")
    assert code == 2
    assert "it is a folder; give the model file's name" in error


def test_the_help_says_each_ones_numbers(capsys):
    with pytest.raises(SystemExit):
        cli.main(["convert", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    assert "(104, 117, 123)" in words
    assert "(0.485, 0.456, 0.406)" in words
    assert "127.5" in words


def test_pictures_of_any_size_are_explained(net, photos, tmp_path, capsys):
    out = tmp_path / "why.png"
    code, _, error = run(
        capsys, "explain", photos / "0.png", "--model", net, "--preprocess", "tf", "--out", out,
        "--method", "saliency",
    )  # fmt: skip
    assert code == 0
    assert "resized from 9×12 to 8×8 (rows × cols), its middle" in error
    code, _, error = run(capsys, "explain", photos / "0.png", "--model", net, "--out", out)
    assert code == 2
    assert "give --resize" in error


# Class names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("cat\ndog\n\n", ("cat", "dog")),
        ("0\tn01440764\ttench\n1\tn01443537\tgold fish\n", ("tench", "gold fish")),
        ("0: cat\n1: dog", ("cat", "dog")),
        ("n01440764 tench\nn01443537 goldfish", ("tench", "goldfish")),
        ("0\n1\n2", ("0", "1", "2")),
        ("crane\nowl\ncrane", ("crane (0)", "owl", "crane (2)")),
        ('["a", "b"]', ("a", "b")),
        ('{"0": ["n0", "a"], "1": ["n1", "b"]}', ("a", "b")),
        ('{"1": "b", "0": "a"}', ("a", "b")),
        ("\ufeffcat\nd\xf6g", ("cat", "d\xf6g")),
    ],
)
def test_class_names_are_read(tmp_path, text, wanted):
    path = tmp_path / "names.txt"
    path.write_text(text, encoding="utf-8")
    assert nv.data.read_class_names(path) == wanted


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no class names: expected one a line"),
        (b"\xff\xfe\xff", "is no text in UTF-8"),
        (b"[1, 2]", "is no list of class names"),
        (b'{"a": "b"}', "is no list of class names"),
        (b"[" * 100000, "is no list of class names"),
        (b"a" * ((1 << 24) + 1), "is larger than 16,777,216 bytes"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_bad_class_names_are_named(tmp_path, content, message):
    path = tmp_path / "names.txt"
    path.write_bytes(content)
    with pytest.raises(nv.FileError, match=message):
        nv.data.read_class_names(path)


def test_as_many_names_as_outputs(net, tmp_path, capsys):
    labels = tmp_path / "labels.txt"
    labels.write_text("a\nb\n")
    code, _, error = run(capsys, "convert", net, tmp_path / "a.npz", "--labels", labels)
    assert code == 2
    assert "has 2 class names, the model has 3 outputs" in error


def test_a_thousand_names_for_a_thousand_and_one_outputs(tmp_path, capsys):
    from nnviz.cli_input import class_names

    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(f"class{i}" for i in range(1000)))
    names = class_names(str(labels), 1001)
    assert names[:2] == ("background", "class0")
    assert "0 is background" in capsys.readouterr().err
