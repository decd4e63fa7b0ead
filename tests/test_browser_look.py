"""Looking, in a real browser: pictures open large, tell their numbers, and are found by class."""

from __future__ import annotations

import re

import numpy as np
import pytest

NAMES = ("ant", "bee", "cat")
"""The classes of the page."""


@pytest.fixture(scope="module")
def said():
    return []


@pytest.fixture(scope="module")
def page(browser, galleries, said):
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto((galleries("digits")[0] / "index.html").as_uri())
    yield page
    page.close()


@pytest.fixture
def viewer(page):
    """Opens the cell of a figure and waits until it is read; closed again afterwards."""

    def look(figure, place):
        cell = page.locator(f"#{figure} .open").nth(place)
        cell.focus()
        page.keyboard.press("Enter")
        page.locator("#viewer-stage > i").wait_for(state="attached")
        settle(page)
        return cell

    yield look
    if page.locator("#viewer[open]").count():
        page.keyboard.press("Escape")


def settle(page):
    """Wait until what was unpacked is drawn."""
    page.evaluate("() => new Promise(done => setTimeout(done, 150))")


def reading(page):
    """What is said of the place: (row, col, value)."""
    text = page.locator("#viewer-reading").text_content()
    found = re.match(r"row (\d+), col (\d+) · (\S+)", text)
    return int(found[1]), int(found[2]), float(found[3].replace("−", "-")), text


def arrays_of(galleries, name):
    with np.load(galleries("digits")[0] / name) as arrays:
        return dict(arrays)


def row_of(figure, galleries):
    """How many pictures stand in one row of a figure."""
    return len(arrays_of(galleries, f"{figure}.npz")["pictures"])


def test_the_value_under_the_keyboard_cursor_is_the_files(page, viewer, galleries):
    arrays, columns = arrays_of(galleries, "saliency.npz"), row_of("saliency", galleries)
    viewer("saliency", columns + 1)  # the second map of the row "plain"
    page.locator("#viewer-stage").focus()
    for key in ["ArrowDown"] * 3 + ["ArrowRight"] * 2:
        page.keyboard.press(key)
    row, col, value, _ = reading(page)
    np.testing.assert_allclose(value, arrays["plain"][1, row, col], rtol=1e-3)
    page.keyboard.press("ArrowUp")
    again, _, other, _ = reading(page)
    assert again == row - 1
    np.testing.assert_allclose(other, arrays["plain"][1, row - 1, col], rtol=1e-3)


def test_the_value_under_the_pointer_and_the_probability_there(page, viewer, galleries):
    arrays, columns = arrays_of(galleries, "occlusion.npz"), row_of("occlusion", galleries)
    viewer("occlusion", columns)
    box = page.locator("#viewer-stage").bounding_box()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.3 * box["height"])
    row, col, value, text = reading(page)
    rows, cols = arrays["values"].shape[1:]
    assert (row, col) == (int(0.3 * rows), int(0.4 * cols))
    np.testing.assert_allclose(value, arrays["values"][0, row, col], rtol=1e-3)
    share = float(re.search(r"covered there: ([\d.e+-]+)%", text)[1]) / 100
    boxes = arrays["boxes"]
    nearest = np.abs((boxes[:, :2] + boxes[:, 2:]) / 2 - 0.5 - (row, col)).max(axis=1)
    close = arrays["probability"][0][nearest <= nearest.min() + 0.5]
    assert np.isclose(close, share, rtol=1e-3).any()


def test_the_slider_fades_the_map(page, viewer, galleries):
    viewer("occlusion", row_of("occlusion", galleries))
    layer = "getComputedStyle(document.querySelector('#viewer-stage > :nth-child(2)')).opacity"
    assert page.evaluate(layer) == "0.6"
    page.locator("#viewer-opacity").fill("25")
    assert page.evaluate(layer) == "0.25"
    page.locator("#viewer-opacity").fill("60")
    label = page.locator("label", has=page.locator("#viewer-opacity"))
    assert label.text_content().strip() == "Opacity of the map"


def test_another_class_can_be_asked_about(page, viewer, galleries):
    arrays = arrays_of(galleries, "saliency.npz")
    picks = arrays["pictures"].tolist()
    column = picks.index(int(arrays["every_class_pictures"][0]))
    viewer("saliency", len(picks) + column)
    classes = arrays["every_class_classes"][0].tolist()
    asked = page.locator("#viewer-class")
    assert sorted(asked.locator("option").all_text_contents()) == sorted(NAMES[c] for c in classes)
    other = next(c for c in classes if NAMES[c] != asked.locator("option:checked").text_content())
    asked.select_option(label=NAMES[other])
    settle(page)
    row, col, value, _ = reading(page)
    expected = arrays["every_class"][0, classes.index(other), row, col]
    np.testing.assert_allclose(value, expected, rtol=1e-3)
    assert f"{other}).values[0]" in page.locator("#viewer-code").text_content()
    assert page.locator("#viewer-links").text_content().endswith(
        f'saliency.npz["every_class"][0][{classes.index(other)}]'
    )  # fmt: skip


def test_maps_stand_side_by_side_on_one_scale(page, viewer, galleries):
    arrays = arrays_of(galleries, "saliency.npz")
    picks = arrays["pictures"].tolist()
    viewer("saliency", len(picks) + picks.index(int(arrays["every_class_pictures"][0])))
    page.locator("#viewer-which").select_option("name")
    settle(page)
    assert page.locator("#viewer-beside button").count() == arrays["every_class"].shape[1]
    top = max(float(v.max()) for v in arrays["every_class"][0])
    told = float(page.locator("#viewer-range").text_content().rpartition(" ")[2])
    np.testing.assert_allclose(told, top, rtol=6e-3)
    page.locator("#viewer-own").check()
    settle(page)
    assert "of its own" in page.locator("#viewer-range").text_content()
    page.locator("#viewer-own").uncheck()
    page.locator("#viewer-which").select_option("target")


def test_escape_closes_and_the_focus_goes_back(page, viewer):
    cell = viewer("mistakes", 0)
    title = page.locator("#viewer-count").text_content()
    page.locator("#viewer-next").click()
    settle(page)
    assert page.locator("#viewer-count").text_content() != title
    page.keyboard.press("Escape")
    assert page.locator("#viewer[open]").count() == 0
    assert cell.evaluate("cell => cell === document.activeElement")


def test_each_picture_is_drawn_by_whole_pixels(page, viewer):
    viewer("pictures", 0)
    base = "document.querySelector('#viewer-stage > canvas')"
    size = page.evaluate(f"[{base}.width, {base}.getBoundingClientRect().width]")
    assert size[1] / size[0] == int(size[1] / size[0]) > 1
    assert page.evaluate(f"getComputedStyle({base}).imageRendering") == "pixelated"
    assert re.search("brightness|red", page.locator("#viewer-reading").text_content())
    assert page.locator("#viewer-chances li").count() > 1


def test_pictures_are_found_by_class_and_by_right_or_wrong(page):
    form = page.locator("#filters")
    shown = page.locator("#pictures .tile:visible")
    form.locator("[name=kind]").select_option("wrong")
    pairs = shown.evaluate_all("all => all.map(t => [t.dataset.true, t.dataset.answer])")
    assert pairs
    assert all(true != answer for true, answer in pairs)
    total = page.locator("#pictures .tile").count()
    assert form.locator("output").text_content() == f"{len(pairs)} of {total} pictures shown"
    form.locator("[name=true]").select_option(pairs[0][0])
    assert set(shown.evaluate_all("all => all.map(t => t.dataset.true)")) == {pairs[0][0]}
    form.locator("[type=reset]").click()
    settle(page)
    assert page.locator("#pictures .tile[hidden]").count() == 0


def test_a_cell_of_the_confusion_matrix_leads_to_its_pictures(page):
    link = page.locator("#confusion a[data-true]").first
    true, answer = link.get_attribute("data-true"), link.get_attribute("data-answer")
    count = int(link.text_content())
    link.click()
    settle(page)
    shown = page.locator("#pictures .tile:visible")
    pairs = shown.evaluate_all("all => all.map(t => [t.dataset.true, t.dataset.answer])")
    assert pairs == [[true, answer]] * count
    assert page.evaluate("document.getElementById('pictures').getBoundingClientRect().top") < 900
    page.locator("#filters [type=reset]").click()


def test_nothing_was_said_on_the_console(said):
    assert said == []
