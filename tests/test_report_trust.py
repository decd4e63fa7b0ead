"""How far the page says that its maps can be believed."""

from __future__ import annotations

import numpy as np
import pytest

import nnviz as nv
from nnviz.report import trust
from nnviz.report.plan import concluded
from nnviz.report.study import Study


@pytest.fixture(scope="module")
def fooled():
    """A network that has learnt the spurious cue, with pictures where it tells nothing."""
    train = nv.data.load("planted-spurious", "train", n=1500, seed=1)
    layers = [
        nv.Conv2D(8, 7, activation="relu"),
        nv.MaxPooling2D(22),
        nv.Flatten(),
        nv.Dense(4, activation="softmax"),
    ]
    model = nv.Sequential(layers, (28, 28, 1), seed=1, classes=list(train.classes))
    model.fit(train.x, train.y, epochs=3, batch_size=32, optimizer=nv.Adam(5e-3), verbose=False)
    test = nv.data.load("planted-spurious", n=60, seed=1)
    study = Study(model, test, 0, "fooled", "model = …", "data = …")
    return study, trust.judged(study)


def test_the_page_says_that_the_maps_show_the_spurious_cue(fooled):
    study, found = fooled
    figure = trust.table(study, found)
    assert figure.title.startswith("The maps show the spurious cue")
    assert figure.table.head[-2:] == ["at the true place", "at the decoy"]
    assert {len(row) for row in figure.table.rows} == {len(figure.table.head)}
    assert len(figure.table.foot) == len(figure.table.head)
    assert len(figure.table.rows) == len(trust.JUDGED)
    assert all(np.isfinite(array).all() for array in figure.numbers.values())


def test_figures_carry_their_scores_in_words(fooled):
    _, found = fooled
    said = found.sentences("occlusion")
    before, after, random = found.falls("occlusion")
    assert f"from {before:.2f} to {after:.2f} on average; with random maps, to {random:.2f}" in said
    assert before > random > after
    assert found.sentences("saliency").count("Taking the 10%") == 3
    assert not found.sentences("structure")


def test_every_chapter_says_what_may_be_concluded():
    for chapter in ("works", "adjust", "fails", "why"):
        assert len(concluded(chapter)) > 60
