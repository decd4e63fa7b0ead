"""The top of the page: the verdict is computed, and the page answers what its readers ask."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from pages import CASES, Page, cnn, dataset

from nnviz.report.study import Study
from nnviz.report.verdict import good, weak
from nnviz.report.words import EN


def study_of(y=None, n=12):
    model = cnn((12, 12, 1), 3)
    data = dataset(model, n)
    answers = model.predict(data.x).argmax(axis=1)
    return Study(model, replace(data, y=answers if y is None else y(answers)), 0, "a", "", "")


def page(galleries, case):
    return Page((galleries(case)[0] / "index.html").read_text("utf-8"))


def test_three_weak_spots_each_with_a_picture_of_its_own():
    study = study_of(lambda answers: (answers + 1 + np.arange(12) % 2) % 3)
    found = weak(study)
    assert len(found) == 3
    assert [one.link for one in found] == ["confusion", "per-class", "mistakes"]
    pictures = [cell.picture.tobytes() for one in found for cell in one.cells]
    assert len(set(pictures)) >= 3
    assert all(cell.alt for one in found for cell in one.cells)
    assert re.fullmatch(r"It overlooks \d most often: it recognizes 0 of \d+; this one .*",
                        found[1].sentence)  # fmt: skip
    assert "between 0.0%" in good(study)


def test_without_a_mistake_the_least_sure_answers_are_named():
    found = weak(study_of())
    assert found
    assert all("Right, but hardly sure" in one.sentence for one in found)
    shares = [float(re.search(r"([\d.]+)%", one.sentence)[1]) for one in found]
    assert shares == sorted(shares)


@pytest.mark.parametrize("case", CASES)
def test_every_chapter_opens_with_two_sentences_and_says_what_to_do(galleries, case):
    text = (galleries(case)[0] / "index.html").read_text("utf-8")
    parts = re.split(r'<section id="(?:works|adjust|fails|why)">', text.split("<footer")[0])[1:]
    assert len(parts) == 4
    for part in parts:
        lead = re.search(r'class="chapter-lead">(.*?)</p>', part, re.DOTALL)[1]
        assert len(re.findall(r"[.!?](?=\s|$)", lead)) == 2, lead
        if "<figure" in part:
            assert part.count("<aside") == 1
            assert 1 <= part.split("<aside")[1].count("<li>") <= 3


def test_the_verdict_stands_on_the_page(galleries):
    said = page(galleries, "digits").words
    for key in ("verdict.weak", "verdict.believe"):
        assert EN[key] in said
    assert "Measured on noise" in said
    assert re.search(r"\d of \d+ kinds of heat maps can be believed|Believe none of its", said)


@pytest.mark.parametrize("case", ["no labels", "a plain number", "a picture"])
def test_what_cannot_be_known_is_said(galleries, case):
    said = page(galleries, case).words
    assert EN["verdict.weak"] not in said
    assert re.search("How often it is right nobody can say|Its output means no classes", said)
    assert (EN["verdict.weak.unsure"] in said) == (case == "no labels")


def test_the_page_answers_what_a_reader_asks(galleries):
    """What the second layer looks for, which classes it mixes up most, why this one was taken for
    that one, and whether a heat map can be believed."""
    folder, _ = galleries("digits")
    got = page(galleries, "digits")
    assert re.search(r"What each of \d+ filters of conv2d_2 answers to most", got.words)
    assert re.search(r"It mixes up \S+ and \S+ most: \d+ of 12 pictures", got.words)
    assert re.search(r"Why \S+ and not \S+: the [a-z ]+ of the first picture tips it", got.words)
    with np.load(folder / "contrast.npz") as arrays:
        count = len(arrays["pictures"])
    assert len(re.findall(r"the [a-z ]+ speaks most for \S+; lead", got.words)) == count
    assert "with random maps, to" in got.words
