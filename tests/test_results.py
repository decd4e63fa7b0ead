"""Results: saved, loaded, shown; and files that are no results."""

from __future__ import annotations

import json
from dataclasses import fields

import numpy as np
import pytest
from networks import SEEN, pictures, residual

import nnviz as nv
from nnviz.errors import FileError
from nnviz.files import write_npz
from nnviz.inspection.anatomy import distributions, embedding, profile, top_patches
from nnviz.inspection.attribution import feature_ablation, until_steady
from nnviz.inspection.evaluation import (
    SelfTest,
    calibration,
    compare,
    compare_methods,
    explain_mistakes,
    flips,
    sanity,
    score,
)
from nnviz.inspection.evaluation.selftest import Check, Found, Learnt
from nnviz.inspection.results import PAGE, Provenance, Result, load_result


def small_test():
    """A self-test's result, without the test."""
    learnt = Learnt("planted-glyph", 1.0, 2, False, 0.06, 0.05, (0.0, 0.2), 1.0)
    found = (
        Found("saliency", "planted-glyph", 2, 0.5, (0.1, 0.9), 0.0, (0.0, 0.6), 0.3, 0.01),
        Found("cam", "planted-glyph", failed="no"),
    )
    marks = {"saliency": ("marked",), "grad_cam": ()}
    checks = (Check("one thing", True),)
    made = Provenance("planted", "selftest", settings={"full": False}, seed=0)
    return SelfTest(
        (learnt,), found, {"saliency": 0.6}, {"saliency": (0.5, 0.7)}, marks, checks, 1.0, made
    )


def results():
    """One result of every kind."""
    model = SEEN["digits"]()
    x, y = pictures(model, 6), np.array([0, 1, 2, 0, 1, 2])
    return {
        "Summary": nv.summary(residual()),
        "Diagram": nv.diagram(residual()),
        "Filters": nv.filters(model),
        "FeatureMaps": nv.feature_maps(model, x, "conv2d_1"),
        "TopPatches": top_patches(model, x, "conv2d_2", 2),
        "Health": nv.health(model, x),
        "Distributions": distributions(model, x, 5),
        "Embedding": embedding(model, x, y),
        "Profile": profile(model, x, repeats=1),
        "ReceptiveField": nv.receptive_field(model, "conv2d_2"),
        "Attribution": nv.grad_cam(model, x, y),
        "Occlusion": nv.occlusion(model, x, 1, patch=(9, 10), stride=9),
        "SegmentAttribution": feature_ablation(model, x, 1, count=9, fill=(0.5,)),
        "Maximized": nv.maximize(model, [0, 1], steps=3),
        "Mistakes": nv.mistakes(model, x, y),
        "Calibration": calibration(nv.mistakes(model, x, y)),
        "ExplainedMistakes": explain_mistakes(model, x, y, most=2),
        "Flips": flips(model, x, y),
        "Scores": score(model, x, nv.grad_cam(model, x, y), y, steps=3, draws=2),
        "Sanity": sanity(model, x, y, method="saliency", repeats=1),
        "SelfTest": small_test(),
        "MethodRanking": compare_methods(model, x, y, methods=["saliency", "cam"], checks=False),
        "Steady": until_steady(model, x, y, method="smooth_grad"),
        "Comparison": compare(model, SEEN["digits"](seed=1), x, y, maps=2),
    }


RESULTS = results()


def equal(a, b):
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    return type(a) is type(b) and a == b


def test_every_kind_of_result_is_here():
    assert set(RESULTS) == set(Result.registry)


@pytest.mark.parametrize("kind", RESULTS)
def test_what_is_saved_is_loaded(kind, tmp_path):
    result, path = RESULTS[kind], tmp_path / "result.npz"
    result.save(path)
    again = load_result(path)
    assert type(again) is type(result)
    for item in fields(result):
        assert equal(getattr(result, item.name), getattr(again, item.name)), item.name
    other = tmp_path / "again.npz"
    again.save(other)
    assert other.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("kind", RESULTS)
def test_results_show_themselves_or_say_that_they_are_text(kind):
    shown = RESULTS[kind]._repr_png_()
    assert (shown is None) == (kind in ("Summary", "Health", "ReceptiveField"))
    assert shown is None or shown.startswith(b"\x89PNG")


def page(**change):
    made = {"model": "m", "method": "filters", "settings": {}}
    return {"kind": "Filters", "fields": {"provenance": made}, **change}


BAD_PAGES = [
    {"kind": "Filters"},
    {"kind": "Nothing", "fields": {}},
    {"kind": ["Filters"], "fields": {}},
    {"kind": "Filters", "fields": 3},
    {"kind": "Filters", "fields": {"provenance": 3}},
    {"kind": "Filters", "fields": {"provenance": {"settings": 3}}},
    {"kind": "Filters", "fields": {}},
    page(fields={"provenance": {**page()["fields"]["provenance"], "more": 1}}),
    page(fields={**page()["fields"], "strange": 1}),
    {"kind": "Summary", "fields": {"rows": [{"part": "Row", "fields": 3}]}},
    {"kind": "Summary", "fields": {"rows": [{"part": "Nothing", "fields": {}}]}},
    [1, 2],
    "Filters",
]


@pytest.mark.parametrize("content", BAD_PAGES, ids=[str(i) for i in range(len(BAD_PAGES))])
def test_a_page_that_makes_no_sense_is_refused(content, tmp_path):
    path = tmp_path / "bad.npz"
    text = np.frombuffer(json.dumps(content).encode(), np.uint8)
    write_npz(path, {PAGE: text, "values": np.zeros(3)})
    with pytest.raises(FileError, match=r"bad\.npz is no nnviz result, or it is damaged: \w+"):
        load_result(path)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "other.npz"
    write_npz(path, {"values": np.zeros(3)})
    with pytest.raises(FileError, match="is no nnviz result, or it is damaged: KeyError"):
        load_result(path)
    write_npz(path, {PAGE: np.frombuffer(b"[" * 100_000, np.uint8)})
    with pytest.raises(FileError, match="is no nnviz result, or it is damaged: RecursionError"):
        load_result(path)
    RESULTS["Filters"].save(path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(FileError, match="is no nnviz result, or it is damaged"):
        load_result(path)
    with pytest.raises(FileError, match=r"cannot read .*gone\.npz: No such file"):
        load_result(tmp_path / "gone.npz")
    with pytest.raises(FileError, match=r"cannot write .*nowhere"):
        RESULTS["Filters"].save(tmp_path / "nowhere" / "a.npz")


def test_results_are_frozen_and_know_their_model():
    model = SEEN["digits"]()
    got = nv.filters(model)
    with pytest.raises(AttributeError):
        got.values = None
    assert got.provenance == Provenance(model.fingerprint(), "filters", node="conv2d_1")
