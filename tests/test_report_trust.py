"""How far the page says that its maps can be believed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import nnviz as nv
from nnviz.inspection.evaluation import score
from nnviz.inspection.evaluation.scores import falls
from nnviz.report import fails, methods, removal, trust, why
from nnviz.report.figure import Figure
from nnviz.report.plan import concluded, plan
from nnviz.report.study import Study


def under(study, figure, sane):
    """What stands under a figure about its own maps."""
    said = removal.fallen(study, figure).caption[len(figure.caption) :]
    return f"{said} {removal.against(figure, trust.against(sane))}".strip()


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
    # No ReLU lies behind the last convolution's: the three readings of Grad-CAM are one.
    assert set(found.scores) == set(trust.JUDGED) - {"guided_cam", "rectified_cam"}
    assert len(figure.table.rows) == len(found.scores)
    assert all(np.isfinite(array).all() for array in figure.numbers.values())


def test_of_one_picture_nothing_can_be_believed(fooled):
    study, _ = fooled
    one = Study(study.model, study.data[:1], 0, "one", "", "", methods=("occlusion",))
    found = trust.judged(one)
    assert found.scores
    assert found.believed() == []
    row = trust.table(one, found).table.rows[0]
    assert row[3] == "a random map, the centre, the edges"


def test_falls_are_a_point_of_the_deletion_curves(fooled):
    study, _ = fooled
    x, target = study.data.x[:3], (0, 1, 2)
    map_ = nv.explain(study.model, x, target, method="input_x_gradient")
    whole = score(study.model, x, map_, target, controls=["random"], steps=10, fill=0.2)
    got = falls(study.model, x, map_.values[None], target, share=0.1, fill=0.2)
    for i in range(3):
        before, (after, random) = whole.fall(i)
        assert got.before[i] == pytest.approx(before, abs=1e-6)
        assert got.after[0, i] == pytest.approx(after, abs=1e-6)
        assert got.random[i] == pytest.approx(random, abs=1e-6)


def test_each_figure_carries_its_own_maps_scores(fooled):
    """The sentence's numbers are those of the figure's own maps for what they explain."""
    study, found = fooled
    covered = why.cover(study)
    chosen = covered.figure.numbers["pictures"]
    own = nv.score(
        study.model, study.data.x[chosen], covered.result, study.predicted[chosen],
        controls=["random"], steps=10, fill=why.fill_for(study),
    )  # fmt: skip
    (one,) = removal.worth(study, covered.figure)
    every = [own.fall(i) for i in range(len(chosen))]
    assert one.before == pytest.approx(np.mean([before for before, _ in every]), abs=1e-5)
    assert one.after == pytest.approx(np.mean([after[0] for _, after in every]), abs=1e-5)
    assert one.random == pytest.approx(np.mean([after[1] for _, after in every]), abs=1e-5)
    said = under(study, covered.figure, found.sane)
    assert f"from {one.before:.2f} to {one.after:.2f}" in said
    assert f"to {one.random:.2f}" in said


def test_every_figure_with_maps_says_something_of_its_own(fooled):
    study, found = fooled
    drawn = why.cover(study)
    made = {
        "occlusion": drawn.figure,
        "occlusion-guide": why.guide(study),
        "saliency": why.matrix(study, "saliency"),
        "cam": why.matrix(study, "cam"),
        "contrast": methods.contrast(study),
        "methods": methods.beside_each_other(study),
        "mistakes": fails.worst(study, study.mistakes),
    }
    assert set(made) >= set(removal.ROWS) - {"mistakes-unsure"}
    said = {name: under(study, figure, found.sane) for name, figure in made.items()}
    assert len(set(said.values())) == len(made)
    assert all("Taking the 10%" in words for words in said.values())
    assert all(words.count("Taking the 10%") == 1 for words in said.values())
    assert all(f"saliency ({rule}) 0." in said["saliency"] for rule in why.RULES)
    assert "the lead of the wrong answer" in said["contrast"]
    assert "the maps for the truth" in said["mistakes"]
    (lead,) = removal.worth(study, made["contrast"])
    np.testing.assert_allclose(lead.before, made["contrast"].numbers["leads"].mean(), rtol=1e-4)
    answer, truth = removal.worth(study, made["mistakes"])
    assert answer.before > 0.5 > truth.before, "sure of the wrong answer, so not of the right one"
    assert not under(study, trust.table(study, found), found.sane)


def test_a_mark_stands_wherever_the_methods_pictures_stand(fooled):
    """Whatever is marked is marked under each figure that shows it, and in the table."""
    study, found = fooled
    marked = {name: replace(one, each=None, cascading=np.ones_like(one.cascading))
              for name, one in found.sane.items()}  # fmt: skip
    drawn = why.cover(study)
    for figure in (drawn.figure, why.matrix(study, "cam"), methods.contrast(study)):
        shown = set(removal.rows_of(figure).values())
        said = under(study, figure, marked)
        assert said.count("shows the picture rather than the network") == len(shown)
    table = trust.table(study, replace(found, sane=marked))
    assert all("shows the picture" in " ".join(row) for row in table.table.rows)


def test_what_is_blank_on_a_destroyed_network_is_not_said_to_pass(fooled):
    study, found = fooled
    nothing = {name: replace(one, each=None, shown=None, logit=None,
                             cascading=np.full_like(one.cascading, np.nan))
               for name, one in found.sane.items()}  # fmt: skip
    gone = replace(found, sane=nothing)
    assert not gone.believed()
    assert {row[-3] for row in trust.table(study, gone).table.rows} == {
        "is blank once the network is destroyed, so that the check cannot judge it"
    }


@pytest.mark.parametrize("layers", [
    [nv.GlobalAveragePooling2D(), nv.Softmax()],
    [nv.MaxPooling2D(2), nv.GlobalAveragePooling2D()],
    [nv.Flatten()],
], ids=["softmax", "pooled", "flat"])  # fmt: skip
def test_a_model_without_parameters_has_a_report(layers):
    """There is nothing to destroy, so no sanity check; the page says `not checked`."""
    model = nv.Sequential(layers, (4, 6, 3))
    x = np.random.default_rng(0).random((6, 4, 6, 3)).astype(np.float32)
    study = Study(model, nv.data.Dataset(x, np.array([0, 1, 2] * 2)), 0, "bare", "m", "d")
    made = {figure.id: figure for figure in plan(study).figures()}
    assert "structure" in made
    assert "filters-first" not in made
    table = made["trust"].table
    assert table.rows
    assert {row[-1] for row in table.rows} == {"not checked"}


def test_every_chapter_says_what_may_be_concluded():
    for chapter in ("works", "adjust", "fails", "why"):
        assert len(concluded(chapter)) > 60


def test_the_table_tells_what_taking_a_tenth_away_does(fooled):
    """Not a line between the ends of a coarse step of the curves."""
    study, found = fooled
    x, targets = study.data.x[found.chosen], study.predicted[found.chosen].tolist()
    result = trust.explain(study.judged, x, targets, method="saliency")
    exact = falls(study.judged, x, result.values[None], tuple(targets), share=trust.SHARE,
                  fill=trust.fill_for(study))  # fmt: skip
    wanted = (exact.before.mean(), exact.after.mean(), exact.random.mean())
    np.testing.assert_allclose(found.fell["saliency"], wanted, atol=1e-6)


def test_the_same_mark_is_said_once():
    figure = Figure("methods", "", "", numbers={"lrp": np.ones(1), "gradient": np.ones(1),
                                                "grad_cam": np.ones(1)})  # fmt: skip
    said = removal.against(figure, {"lrp": "is blank", "gradient": "is blank", "grad_cam": ""})
    assert said == "Mark: each map of LRP, gradient is blank."
    assert removal.against(figure, {"lrp": "is blank"}) == "Mark: the LRP map is blank."


def test_readings_that_are_one_take_one_row():
    """Where no ReLU lies between the node and the answer, the rules for ReLUs change nothing."""
    layers = [nv.Conv2D(4, 3, activation="relu"), nv.GlobalAveragePooling2D(),
              nv.Dense(3, activation="softmax")]  # fmt: skip
    model = nv.Sequential(layers, (8, 8, 1))
    data = nv.data.Dataset(np.random.default_rng(0).random((4, 8, 8, 1), np.float32))
    study = Study(model, data, 0, "one", "", "")
    figure = why.matrix(study, "cam")
    assert len(figure.cells) == len(figure.row_heads) == 2
    assert "no ReLU lies between" in figure.caption
    assert "three" not in figure.title
    assert "guided" not in figure.numbers
    assert len(why.matrix(study, "saliency").cells) == 4
