"""Planted pictures: the truth lies where the mask says, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from commands import run

import nnviz as nv
from nnviz.data import PLANTED, Dataset, planted
from nnviz.data.planted_shapes import CUES, OTHERS, SHAPES
from nnviz.errors import ArgumentError

every = pytest.mark.parametrize("name", PLANTED)
GLYPHS = [name for name in PLANTED if name not in ("planted-texture", "planted-line")]


@every
@pytest.mark.parametrize(("size", "channels"), [((28, 28), None), ((20, 45), 3), ((57, 64), 3)])
def test_any_size_and_colour(name, size, channels):
    got = nv.data.load(name, n=70, seed=3, size=size, channels=channels)
    assert got.x.shape[:3] == (70, *size)
    assert got.x.dtype == np.uint8
    assert got.x.shape[3] == channels or channels is None
    assert got.masks.shape == (70, *size)
    assert got.masks.any(axis=(1, 2)).all()
    assert set(got.y) == {0, 1, 2, 3}
    assert len(got.classes) == 4


@every
@pytest.mark.parametrize("size", [(18, 18), (18, 300), (19, 27), (300, 18), (513, 257)])
def test_odd_sizes(name, size):
    """Tiny, long, tall and large: the place is there and is not the whole picture, and what only
    looks like a reason lies beside it."""
    got = nv.data.load(name, n=3, size=size, channels=2)
    assert got.x.shape == (3, *size, 2)
    share = got.masks.mean(axis=(1, 2))
    assert ((share > 0) & (share < 0.3)).all()
    if got.decoys is not None:
        assert not (got.decoys & got.masks).any()
        assert got.decoys.any(axis=(1, 2)).all()


@every
def test_seeds_splits_and_longer_sets(name):
    first = nv.data.load(name, n=70, seed=1)
    for got in (nv.data.load(name, n=70, seed=1), nv.data.load(name, n=200, seed=1)[:70]):
        for mine, other in ((first.x, got.x), (first.y, got.y), (first.masks, got.masks)):
            np.testing.assert_array_equal(mine, other)
    assert (first.x != nv.data.load(name, n=70, seed=2).x).any()
    assert (first.x != nv.data.load(name, "train", n=70, seed=1).x).any()
    assert first.split == "test"


@pytest.mark.parametrize("name", GLYPHS)
def test_the_glyph_stands_in_its_mask(name):
    """In the first channel, what is brighter than the noise in the box is the label's glyph."""
    got = nv.data.load(name, n=100, size=(30, 40), channels=3)
    for x, y, mask in zip(got.x, got.y, got.masks, strict=True):
        rows, cols = np.nonzero(mask)
        box = x[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1, 0]
        np.testing.assert_array_equal(box > 63, SHAPES[CUES[y]])


def test_larger_pictures_have_larger_glyphs():
    got = nv.data.load("planted-glyph", n=5, size=(56, 90))
    assert (got.masks.sum(axis=(1, 2)) == 14 * 14).all()


def test_lines_and_stripes_lie_in_their_masks():
    lines = nv.data.load("planted-line", n=64)
    inside = (lines.x[..., 0] > 63) & lines.masks
    assert (inside.sum(axis=(1, 2)) >= 14).all(), "a line of 14 pixels"
    assert (lines.masks.sum(axis=(1, 2)) < 80).all(), "and a pixel around it"
    stripes = nv.data.load("planted-texture", n=64)
    assert (stripes.masks.sum(axis=(1, 2)) == 144).all()
    corners = stripes.masks[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners.sum(axis=1) == 1).all(), "in exactly one corner"
    level = stripes.x[stripes.y == 0][..., 0] > 63
    rows = level[stripes.masks[stripes.y == 0]].reshape(-1, 12, 12)
    assert (rows == rows[:, :, :1]).all()


def test_what_only_looks_like_a_reason():
    """The spurious cue tells the label in training and nothing in the test set; the other decoys
    never do."""

    def told(name, split):
        got = nv.data.load(name, split, n=400)
        found = []
        for x, decoy in zip(got.x, got.decoys, strict=True):
            rows, cols = np.nonzero(decoy)
            box = x[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1, 0] > 63
            found.append([(box == SHAPES[other]).all() for other in OTHERS].index(True))
        return np.mean(np.array(found) == got.y)

    assert told("planted-spurious", "train") == 1
    for name, split in (("planted-spurious", "test"), ("planted-two-cues", "train")):
        assert 0.15 < told(name, split) < 0.35
    assert nv.data.load("planted-glyph", n=1).decoys is None
    colours = nv.data.load("planted-colour-cue", n=64)
    assert (colours.decoys.sum(axis=(1, 2)) == 98).all()
    assert not (colours.decoys & colours.masks).any()


def test_a_part_has_its_masks():
    whole = nv.data.load("planted-two-cues", n=20)
    part = whole[[3, 7]]
    np.testing.assert_array_equal(part.masks, whole.masks[[3, 7]])
    np.testing.assert_array_equal(part.decoys, whole.decoys[[3, 7]])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n": 0}, "n of planted-glyph must be a whole number from 1"),
        ({"n": 2.5}, "n of planted-glyph must be a whole number"),
        ({"n": True}, "n of planted-glyph must be a whole number"),
        ({"seed": -1}, "seed of planted-glyph"),
        ({"size": (17, 28)}, "size of planted-glyph must be a whole number from 18"),
        ({"n": 10**12}, "n of planted-glyph must be a whole number from 1 to 10,000,000"),
        ({"n": float("nan")}, "n of planted-glyph must be a whole number"),
        ({"seed": 1.5}, "seed of planted-glyph must be a whole number"),
        ({"size": (28.0, 28)}, "size of planted-glyph must be a whole number"),
        ({"size": (99_999, 28)}, "size of planted-glyph must be a whole number from 18 to 4,096"),
        ({"size": "28"}, r"size of planted-glyph must be \(rows, cols\), got '28'"),
        ({"channels": "3"}, "channels of planted-glyph must be a whole number"),
        ({"channels": 65}, "channels of planted-glyph must be a whole number from 1 to 64"),
        ({"size": 28}, r"size of planted-glyph must be \(rows, cols\), got 28"),
        ({"channels": 0}, "channels of planted-glyph"),
        ({"split": "both"}, "split"),
        ({"rows": 3}, "rows= is not for planted-glyph, which takes n, seed, size, channels"),
    ],
)
def test_bad_options(options, words):
    with pytest.raises(ArgumentError, match=words):
        nv.data.load("planted-glyph", **options)


def test_bad_names_and_masks():
    with pytest.raises(ArgumentError, match="there is no 'planted-cat'; planted pictures are"):
        planted("planted-cat")
    with pytest.raises(ArgumentError, match="split of planted-glyph must be train or test"):
        planted("planted-glyph", "all")
    with pytest.raises(ArgumentError, match=r"channels of planted-colour-cue must be .* from 2"):
        nv.data.load("planted-colour-cue", channels=1)
    with pytest.raises(ArgumentError, match="has no room for 5 glyphs"):
        nv.data.load("planted-colour-cue", channels=5, size=(18, 18))
    x = np.zeros((2, 4, 5, 1), np.uint8)
    with pytest.raises(ArgumentError, match=r"masks must be truth values \(2, 4, 5\)"):
        Dataset(x, masks=np.zeros((2, 4, 5)))
    with pytest.raises(ArgumentError, match=r"decoys must be truth values"):
        Dataset(x, decoys=np.zeros((2, 4), bool))
    with pytest.raises(ArgumentError, match="n= is not for the sample"):
        nv.data.load("sample", n=3)


def test_by_the_command_line(tmp_path, capsys):
    words = ["planted-glyph", "--n", "40", "--size", "20x30", "--out", str(tmp_path / "a.png")]
    code, out, _ = run(capsys, "data", "show", *words)
    assert code == 0
    assert any("40 pictures, 20×30×1" in line for line in out)
    listed = run(capsys, "data", "list")[1]
    assert any(line.startswith("planted-spurious ") for line in listed)
