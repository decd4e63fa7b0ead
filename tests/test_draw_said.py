"""What a figure says of its own result: what it reaches, what is degenerate, what warns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from networks import SEEN
from test_draw import MADE

from nnviz.draw import image, judged, picture, results
from nnviz.draw.image import text
from nnviz.inspection.evaluation import (
    compare,
    explain_mistakes,
)
from nnviz.inspection.maximize import Maximized
from nnviz.inspection.results import Attribution


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
        *("2: reaches −1", "p = 0.1", "did NOT rise"),
    ]


def test_beside_real_pictures_it_says_whether_it_is_above_them(said):
    best, high = np.array([1.5, 0.75, 2.0]), np.array([1.25, 0.5, 1.0])
    got = picture(climbed(best=best, high=high, warnings=("picture 1: try more steps",)))
    assert said == [
        *("0: reaches 2", "above real ones", "best 1.5", "99 % 1.25"),
        *("1: reaches 0.5", "NOT above real ones", "best 0.75", "99 % 0.5"),
        *("2: reaches −1", "NOT above real ones", "best 2", "99 % 1"),
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
