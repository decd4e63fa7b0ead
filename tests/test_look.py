"""What a large look at a picture of the page tells: the island holds what the .npz files hold."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from pages import CASES, HOSTILE, Page, dataset
from test_packed import unpacked

import nnviz as nv
from nnviz.draw.image import coarse
from nnviz.report import explore
from nnviz.report.why import frame_of

COVERED = ["digits", "colour", "many classes", "no labels", "hostile names", "one number",
           "a picture", "one picture", "no convolution"]  # fmt: skip


def data_of(galleries, case):
    """A page's island, its parsed page, and its folder."""
    folder, _ = galleries(case)
    text = (folder / "index.html").read_text("utf-8")
    start = text.index('id="look-data">') + len('id="look-data">')
    return json.loads(text[start : text.index("</script>", start)]), Page(text), folder


@pytest.mark.parametrize("case", COVERED)
def test_every_picture_that_opens_is_told_of(galleries, case):
    data, page, _ = data_of(galleries, case)
    numbers = [int(image["data-look"]) for image in page.all("img") if "data-look" in image]
    shown = [look for look in data["looks"] if "hidden" not in look]
    assert sorted(numbers) == list(range(len(shown)))
    assert len(numbers) > 3
    for look in data["looks"]:
        assert look["f"] in data["files"]
        assert "p" not in look or str(look["p"]) in data["pictures"]


@pytest.mark.parametrize("case", COVERED)
def test_the_islands_numbers_are_those_of_the_files(galleries, case):
    data, _, folder = data_of(galleries, case)
    stacks = [unpacked(record) for record in data["stacks"]]
    arrays = {}
    for look in data["looks"]:
        if "map" not in look:
            continue
        name = data["files"][look["f"]]["npz"]
        if name not in arrays:
            with np.load(folder / name) as opened:
                arrays[name] = dict(opened)
        key, index = re.fullmatch(r'\["(\w+)"\](.*)', look["at"]).groups()
        expected = eval(f"array{index}", {"array": arrays[name][key]})
        expected = coarse(expected[None], look.get("block", 1))[0]
        stack, place = look["map"]
        np.testing.assert_allclose(stacks[stack][place], expected, rtol=1e-3, atol=0)
        if "chance" in look:
            stack, place, frame = look["chance"]
            expected = arrays[name]["probability"][place]
            np.testing.assert_allclose(stacks[stack][place].ravel(), expected, rtol=1e-3)
            assert frame[0] < frame[2] <= data["shape"][0]


def test_the_line_under_a_map_makes_it_again(galleries):
    data, _, folder = data_of(galleries, "digits")
    model = CASES["digits"][0]()
    scope, checked = {"nv": nv, "model": model, "data": dataset(model)}, set()
    for look in data["looks"]:
        if "map" not in look or "p" not in look:
            continue
        key, index = re.fullmatch(r'\["(\w+)"\](.*)', look["at"]).groups()
        if (look["f"], key) in checked:
            continue
        with np.load(folder / data["files"][look["f"]]["npz"]) as arrays:
            expected = eval(f"array{index}", {"array": arrays[key]})
        again = eval(look["again"], scope)
        np.testing.assert_allclose(again, expected, atol=1e-5 * np.abs(expected).max(initial=1))
        checked.add((look["f"], key))
    assert {("methods", "occlusion"), ("saliency", "guided"), ("mistakes", "for_truth")} <= checked


def test_any_class_can_be_asked_about(galleries):
    data, _, folder = data_of(galleries, "digits")
    for figure in ("saliency", "cam"):
        with np.load(folder / f"{figure}.npz") as arrays:
            maps, classes = arrays["every_class"], arrays["every_class_classes"]
            pictures = arrays["every_class_pictures"]
            plain, picks = arrays["plain"], arrays["pictures"].tolist()
        assert maps.shape[:2] == classes.shape
        hidden = [one for one in data["looks"] if one["f"] == figure and "hidden" in one]
        expected = {
            (p, ("ant", "bee", "cat")[c])
            for p, line in zip(pictures.tolist(), classes.tolist(), strict=True)
            for c in line
        }
        assert {(look["p"], look["target"]) for look in hidden} == expected
        # The class of the picture itself gives the map of the matrix.
        k = picks.index(int(pictures[0]))
        own = np.flatnonzero([np.allclose(one, plain[k], atol=1e-6) for one in maps[0]])
        assert len(own)


def test_pictures_are_told_with_their_likeliest_classes(galleries):
    data, _, _ = data_of(galleries, "digits")
    for told in data["pictures"].values():
        shares = [share for _, share in told["top"]]
        assert shares == sorted(shares, reverse=True)
        assert told["top"][0][0] == told["a"]
        assert {"true", "t", "answer"} <= set(told)
    unlabelled, _, _ = data_of(galleries, "no labels")
    assert not any("t" in told for told in unlabelled["pictures"].values())


def test_hostile_names_stay_text_in_the_island(galleries):
    data, page, folder = data_of(galleries, "hostile names")
    text = (folder / "index.html").read_text("utf-8")
    island = text[text.index('id="look-data">') + 15 :].split("</script>")[0]
    assert not set("<>&") & set(island)
    names = {name for told in data["pictures"].values() for name, _ in told["top"]}
    assert {HOSTILE[0], HOSTILE[1], HOSTILE[3]} <= names
    options = list(page.all("option"))
    assert len(options) > 4


# The pictures ------------------------------------------------------------------------------------


def tiles(page):
    return [attrs for attrs in page.all("span") if "data-answer" in attrs]


def test_all_mistakes_come_first(galleries):
    _, page, folder = data_of(galleries, "digits")
    with np.load(folder / "confusion.npz") as arrays:
        matrix = arrays["confusion"]
    shown = [one["data-true"] != one["data-answer"] for one in tiles(page)]
    wrong = int(matrix.sum() - np.trace(matrix))
    assert shown == [True] * wrong + [False] * (len(shown) - wrong)
    assert len(shown) <= explore.MOST


def test_how_sure_it_was_is_the_same_number_everywhere(galleries):
    _, page, _ = data_of(galleries, "digits")
    heads = [t for t in page.texts if re.fullmatch(r".+ → .+ [\d.]+%", t)]
    labels = [re.sub(r"\s+", " ", t) for t in page.texts]
    assert len(heads) > 3
    for head in heads:
        assert labels.count(head) > 1, "above its maps, and under its picture further down"


def test_without_labels_there_is_one_filter(galleries):
    _, page, _ = data_of(galleries, "no labels")
    assert [s["name"] for s in page.all("select") if "name" in s] == ["answer"]
    assert not any("data-true" in one for one in tiles(page))
    _, page, _ = data_of(galleries, "digits")
    assert [s["name"] for s in page.all("select") if "name" in s] == ["true", "answer", "kind"]


@pytest.mark.parametrize("case", ["a picture", "a plain number", "one picture"])
def test_nothing_to_leaf_through(galleries, case):
    _, page, _ = data_of(galleries, case)
    assert not tiles(page)
    assert not list(page.all("form"))


@pytest.mark.parametrize("case", ["digits", "many classes", "hostile names"])
def test_the_confusion_matrix_leads_to_its_pictures(galleries, case):
    _, page, folder = data_of(galleries, case)
    with np.load(folder / "confusion.npz") as arrays:
        matrix = arrays["confusion"]
    links = [a for a in page.all("a") if a["href"] == "#pictures" and "data-true" in a]
    pairs = {(int(a["data-true"]), int(a["data-answer"])) for a in links}
    there = {(int(one["data-true"]), int(one["data-answer"])) for one in tiles(page)}
    if len(matrix) <= 20:
        assert pairs == set(map(tuple, np.argwhere(matrix).tolist()))
    assert pairs
    assert pairs <= there
    assert "confusion.png" in {path.name for path in folder.iterdir()}


def test_of_very_many_mistakes_each_pair_has_its_share():
    groups = np.array([3, 1, 3, 3, 1, 2])
    assert explore._turns(groups).tolist() == [0, 0, 1, 2, 1, 0]


def test_every_picture_has_its_size_and_is_decoded_late(galleries):
    for case in COVERED:
        _, page, _ = data_of(galleries, case)
        for image in page.all("img"):
            assert int(image["width"]) > 0
            assert int(image["height"]) > 0
            if "data-look" in image:
                assert (image["loading"], image["decoding"]) == ("lazy", "async")


def test_where_a_grid_of_places_lies():
    boxes = np.array([(r, c, r + 4, c + 4) for r in range(0, 25) for c in range(0, 17, 2)])
    assert frame_of(boxes, (25, 9)) == (1.5, 1.0, 26.5, 19.0)
    assert frame_of(np.array([[1, 2, 5, 8]]), (1, 1)) == (1.0, 2.0, 5.0, 8.0)
