"""The walk through the network in a real browser: the numbers on the page are the network's."""

from __future__ import annotations

import numpy as np
import pytest
from pages import CASES, dataset, until
from test_browser import STICKING_OUT

SUM = """name => {
  const steps = [...document.querySelectorAll("#walk [data-step]")];
  const step = steps.find(one => one.dataset.step === name);
  return step && [...step.querySelectorAll("[data-value]")].slice(-3).map(td => +td.dataset.value);
}"""
"""The sum, the network's own value and their difference, of one step."""


class Panel:
    """The panel of an opened page, as a reader uses it."""

    def __init__(self, page):
        self.page, self.said = page, []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))

    def open(self, path):
        self.page.goto(path.as_uri())
        self.page.locator("#walk").scroll_into_view_if_needed()
        self.page.wait_for_selector("#walk select")
        return self

    @property
    def layers(self):
        return self.page.eval_on_selector_all("#walk option", "all => all.map(o => o.value)")

    def layer(self, name):
        self.page.select_option("#walk select", name)
        until(
            self.page,
            "name => document.querySelector('#walk select')?.value === name && "
            "document.activeElement === document.querySelector('#walk select')",
            arg=name,
        )
        return self

    def place(self, row, col):
        for key, value in (("row", row), ("col", col)):
            self.page.fill(f"#walk-{key}", str(value))
            self.page.press(f"#walk-{key}", "Enter")
            until(self.page, "key => document.activeElement.id === 'walk-' + key", arg=key)
        until(
            self.page,
            "([row, col]) => document.querySelector('#walk .here').style.top !== '' && "
            "document.querySelector('#walk-row').value == row && "
            "document.querySelector('#walk-col').value == col",
            arg=[row, col],
        )

    def channel(self):
        chosen = "#walk [data-channel][aria-pressed=true]"
        return int(self.page.get_attribute(chosen, "data-channel"))

    def step(self, name):
        self.page.wait_for_selector("#walk [data-step]")
        return self.page.evaluate(SUM, name)

    def picture(self):
        words = self.page.get_attribute("#walk [data-picture][aria-pressed=true]", "title")
        return int(words.split("picture ")[1].rstrip(")"))


@pytest.fixture
def opened(browser, galleries):
    """`opened(case, width)`: the panel, and what the model computes for the case's pictures."""
    pages = []

    def get(case, width=1280, **options):
        page = browser.new_page(viewport={"width": width, "height": 900}, **options)
        pages.append(page)
        panel = Panel(page).open(galleries(case)[0] / "index.html")
        build, settings = CASES[case]
        model = build()
        return panel, model, model.run(dataset(model, **settings).x)

    yield get
    for page in pages:
        page.close()


def close(made, said, value):
    assert abs(made - said) <= 1e-6 * max(1, abs(said))
    assert abs(made - value) <= 1e-5 * max(1, abs(value)), "float32 adds up to seven digits or so"


def test_a_convolution_a_pool_a_dense_layer_and_softmax_add_up(opened):
    panel, model, trace = opened("digits")
    kinds = {}
    for name in panel.layers[1:]:
        panel.layer(name)
        i, rows = panel.picture(), model.shapes[name]
        if len(rows) == 3 and rows[0] * rows[1] > 1:
            panel.place(1, 2)
            at = (1, 2, panel.channel())
        else:
            at = (panel.channel(),)
        for node in model.nodes:
            found = panel.step(node.name)
            if found is None:
                continue
            kinds[type(node.layer).__name__] = node.name
            made, said, gap = found
            assert gap == made - said
            close(made, said, float(trace[node.name].y[i].reshape(rows)[at]))
    assert {"Conv2D", "MaxPooling2D", "Dense", "Softmax", "ReLU"} <= set(kinds)
    assert panel.said == []


def test_a_click_chooses_a_place_and_a_picture(opened):
    panel, model, trace = opened("digits")
    name = next(n.name for n in model.nodes if len(model.shapes[n.name]) == 3)
    panel.layer(name)
    rows, cols, _ = model.shapes[name]
    frame = panel.page.locator("#walk .frame")
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    at = {"x": box["width"] * 2.5 / cols, "y": box["height"] * 3.5 / rows}
    frame.click(position=at)
    until(panel.page, "document.querySelector('#walk-row').value === '3'")
    assert panel.page.input_value("#walk-col") == "2"
    panel.page.click("#walk [data-picture='1']")
    panel.page.wait_for_selector("#walk [data-picture='1'][aria-pressed=true]")  # drawn anew
    made, said, _ = panel.step(name)
    until(panel.page, "document.activeElement.dataset.picture === '1'")
    row, col = (int(panel.page.input_value(f"#walk-{key}")) for key in ("row", "col"))
    close(made, said, float(trace[name].y[panel.picture(), row, col, panel.channel()]))
    assert panel.said == []


def test_the_diagram_is_the_map_by_keyboard_alone(opened):
    panel, _, _ = opened("digits")
    page = panel.page
    groups = page.locator(".drawing:visible [data-node]")
    assert groups.count() == len(panel.layers)
    groups.nth(2).focus()
    wanted = groups.nth(2).get_attribute("data-node")
    page.keyboard.press("Enter")
    until(page, "name => document.querySelector('#walk select').value === name", arg=wanted)
    assert groups.nth(2).get_attribute("aria-pressed") == "true"
    assert page.locator(".drawing:visible [aria-pressed=true]").count() == 1
    for _ in range(40):  # from the diagram on, to the first channel
        page.keyboard.press("Tab")
        if page.evaluate("'channel' in document.activeElement.dataset"):
            break
    before = panel.step(wanted)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    until(page, "document.activeElement.getAttribute('aria-pressed') === 'true'")
    assert before
    assert panel.said == []


@pytest.mark.parametrize(
    "case", ["wide residual", pytest.param("100 nodes", marks=pytest.mark.slow)]
)
def test_ways_that_join_again_and_crops(opened, case):
    """Every sixth layer or so of larger networks, and buttons to choose what a layer reads."""
    panel, model, _ = opened(case)
    page = panel.page
    for name in panel.layers[:: max(1, len(panel.layers) // 8)]:
        panel.layer(name)
        said = page.inner_text("#walk")
        assert not any(bad in said for bad in ("[object", "undefined", "NaN", "null")), said
        for node in model.nodes:
            found = panel.step(node.name) if page.query_selector("#walk [data-step]") else None
            if found:
                assert abs(found[0] - found[1]) <= 1e-6 * max(1, abs(found[1])), node.name
    joined = next(n for n in model.nodes if len(n.inputs) > 1)
    panel.layer(joined.name)
    reads = page.locator("#walk .row").first.locator("button")
    assert reads.count() == 2
    reads.first.click()
    until(page, "name => document.querySelector('#walk select').value !== name", arg=joined.name)
    assert panel.said == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1600, 800, 360])
@pytest.mark.parametrize("case", ["digits", "hostile names", "wide residual", "100 nodes"])
def test_no_layer_sticks_out(opened, case, width, scheme):
    panel, _, _ = opened(case, width, color_scheme=scheme)
    layers = panel.layers
    for name in layers[:: max(1, len(layers) // 12)]:
        panel.layer(name)
        assert panel.page.evaluate(STICKING_OUT) == [], name
    assert panel.said == []


def test_hostile_class_names_are_text(opened):
    panel, model, _ = opened("hostile names")
    panel.layer(panel.layers[-1])
    said = panel.page.inner_text("#walk")
    assert "<script>alert(1)</script>" in said
    assert np.isfinite(panel.step(model.nodes[-1].name)).all()
    assert panel.said == []


def test_without_a_script_the_page_is_as_it_was(browser, galleries):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((galleries("digits")[0] / "index.html").as_uri())
    assert not page.is_visible("#walk")
    assert page.is_visible("#structure table")
    context.close()
