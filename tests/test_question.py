"""The question: points go through the network in batches, and nobody can tell."""

from __future__ import annotations

import numpy as np
import pytest
from networks import ALL, chain, normalized, pictures, residual

import nnviz as nv
from nnviz.engine.graph import INPUT
from nnviz.errors import ArgumentError
from nnviz.inspection.attribution import question as module
from nnviz.inspection.attribution.question import Question


def asked(model, n=3, target=None, dtype=np.float64):
    return Question.of(model.astype(dtype), pictures(model, n, dtype), target, "mine")


@pytest.mark.parametrize("most", [1, 2, 3, 7, 1000])
def test_however_points_are_batched_the_answers_are_the_same(most, monkeypatch):
    question = asked(residual(), 3, [2, 0, 1])
    rng = np.random.default_rng(0)
    points = [rng.random(question.x.shape) for _ in range(5)]
    monkeypatch.setattr(module, "BATCH_BYTES", most * 2 * question.x[0].nbytes)
    drawn = []

    def lazily():
        for point in points:
            drawn.append(1)
            yield point

    walks = list(question.walks(lazily(), at=(INPUT, "join")))
    scores = list(question.scores(lazily()))
    assert len(walks) == len(scores) == 5
    for point, walk, score in zip(points, walks, scores, strict=True):
        trace = question.model.run(point, prepared=True)
        outputs = {"dense_1": trace["dense_1"].y}
        wanted = outputs["dense_1"][np.arange(3), [2, 0, 1]]
        np.testing.assert_allclose(walk.scores, wanted, rtol=1e-12)
        np.testing.assert_allclose(score, wanted, rtol=1e-12)
        grads = question.model.backward(trace, question.goal.seeds(outputs), until=(INPUT, "join"))
        for name in (INPUT, "join"):
            np.testing.assert_allclose(walk.gradients[name], grads[name], atol=1e-14)
        np.testing.assert_allclose(walk.outputs["join"], trace["join"].y, rtol=1e-12)
        np.testing.assert_array_equal(walk.outputs[INPUT], point)


def test_points_are_made_when_they_are_needed(monkeypatch):
    question = asked(chain(), 2, 0)
    monkeypatch.setattr(module, "BATCH_BYTES", 4 * 2 * question.x[0].nbytes)
    made = []

    def points():
        for i in range(100):
            made.append(i)
            yield question.x

    stream = question.scores(points())
    next(stream)
    assert len(made) == 2  # two arrays of two pictures are a batch of four


@pytest.mark.parametrize("name", ALL)
def test_one_walk_is_the_models_own(name):
    if len(ALL[name]().input.shape) != 3:
        return
    question = asked(ALL[name](), 2, 1)
    walk = question.walk()
    wanted = nv.gradient(question.model, pictures(question.model, 2, np.float64), 1)
    np.testing.assert_array_equal(walk.gradient, wanted.raw)
    np.testing.assert_allclose(question.score(), walk.scores, rtol=1e-12)


def test_what_is_given_as_pixels_becomes_the_networks_input():
    model = normalized()
    question = asked(model, 2, 0)
    black = question.ready(0)
    assert black.shape == (1, 4, 4, 3)
    np.testing.assert_allclose(black[0, 0, 0], -np.array([104, 117, 123]) / [2, 3, 4])
    colour = question.ready([1.0, 0.0, 0.0])  # red is the last of BGR
    np.testing.assert_allclose(colour[0, 0, 0], [-52, -39, (255 - 123) / 4])
    picture = pictures(model, 1, np.float64)[0]
    np.testing.assert_allclose(question.ready(picture)[0], model.input.prepare(picture))
    assert question.ready(pictures(model, 2)).shape == (2, 4, 4, 3)
    bytes_ = np.full((4, 4, 3), 255, np.uint8)
    np.testing.assert_allclose(question.ready(bytes_), question.ready(1.0))
    grey = Question.of(chain(), pictures(chain(), 1), 0, "mine")
    assert grey.ready(1).dtype == np.float32


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (
            np.zeros((3, 4, 4, 3)),
            r"or something that stretches to it, for one picture or for 2",
        ),
        (np.zeros((5, 4, 3)), r"mine needs pixels of shape \(4, 4, 3\).*got shape \(5, 4, 3\)"),
        (float("nan"), "mine needs finite pixel values, got nan"),
        ("black", "mine needs finite pixel values, got 'black'"),
        ([[1, 2], [3]], "the pixels must be one array, got rows of different shapes"),
        (None, "mine needs finite pixel values, got None"),
        (1e300, r"mine needs pixel values of at most 1e\+09 in size, got 1e\+300"),
        (-1e10, r"mine needs pixel values of at most 1e\+09 in size"),
    ],
)
def test_what_is_no_pixels(pixels, message):
    with pytest.raises(ArgumentError, match=message):
        asked(normalized(), 2, 0).ready(pixels)


def test_a_rewritten_model_must_have_the_targets_nodes():
    question = asked(residual(), 2, nv.Channel("batch_normalization_1", 0))
    with pytest.raises(ArgumentError, match="no node named 'batch_normalization_1'"):
        question.with_model(nv.fold_batch_norm(question.model))
    other = asked(residual(), 2, 0)
    folded = other.with_model(nv.fold_batch_norm(other.model))
    np.testing.assert_allclose(folded.score(), other.score(), rtol=1e-9)


def test_models_for_no_pictures_are_told():
    model = nv.Sequential([nv.Dense(3)], (5,))
    with pytest.raises(ArgumentError, match=r"mine explains pictures, .* has shape \(5,\)"):
        Question.of(model, np.ones((2, 5)), 0, "mine")


def test_the_answer_says_how_it_was_made():
    question = asked(chain(), 2, "bee", np.float32)
    maps = np.zeros((2, 8, 7))
    maps[0, 1, 1] = 3
    got = question.answer(
        maps, scores=question.score(), cause="try more", settings={"a": 1}, seed=4, node="conv2d_1",
        gap=np.array([0.1, 0.2]), error=maps,
    )  # fmt: skip
    assert got.values.dtype == got.error.dtype == np.float32
    made = got.provenance
    assert (made.method, made.seed, made.node, made.settings) == ("mine", 4, "conv2d_1", {"a": 1})
    assert made.target == "logit of class bee"
    assert got.warnings == (
        "picture 0: all of the map lies in a single cell: try more",
        "picture 1: the map is zero everywhere: try more",
    )
