"""The page in a real browser: nothing sticks out, nothing is asked of a host, light and dark."""

from __future__ import annotations

import shutil

import pytest

STICKING_OUT = """() => {
  const width = document.documentElement.clientWidth, found = [];
  for (const element of document.querySelectorAll("body *")) {
    const box = element.getBoundingClientRect();
    if (box.right > width + 1 || box.left < -1) found.push(element.outerHTML.slice(0, 80));
    const scrolls = ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
    if (scrolls && element.scrollWidth > element.clientWidth + 1) found.push("a scrollbar");
  }
  return found;
}"""


DECODED = """async () => {
  const decoded = [...document.images].map(async image => {
    const other = new Image();
    other.src = image.src;
    await other.decode();
  });
  return (await Promise.all(decoded)).length;
}"""
"""Every picture is whole; those far down the page are loaded late, so copies of them are asked."""


@pytest.fixture(scope="module")
def browser():
    program = shutil.which("chromium") or shutil.which("google-chrome")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if program is None:
        pytest.skip("no browser here: install chromium")
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="module", params=["digits", "hostile names", "wide residual", "100 nodes"])
def page_file(request, galleries):
    return galleries(request.param)[0] / "index.html"


@pytest.fixture(scope="module")
def opened(browser, page_file):
    """The page, opened once for several looks at it."""
    page = browser.new_page()
    page.goto(page_file.as_uri())
    yield page
    page.close()


@pytest.mark.slow
@pytest.mark.parametrize("width", [1600, 800, 360])
def test_nothing_sticks_out_and_no_host_is_asked(browser, page_file, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_file.as_uri())
    for details in page.query_selector_all("details > summary"):
        details.click()
    assert page.evaluate(STICKING_OUT) == []
    assert said == []
    assert {url.split(":")[0] for url in asked} <= {"file", "data"}
    assert page.evaluate(DECODED) == page.locator("img").count()
    page.close()


def test_the_readers_setting_chooses_light_or_dark(opened):
    papers = []
    for scheme in ("light", "dark"):
        opened.emulate_media(color_scheme=scheme)
        papers.append(opened.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert papers == ["rgb(255, 255, 255)", "rgb(20, 21, 23)"]


def test_the_tab_order_is_the_reading_order(opened):
    where = "() => [...document.querySelectorAll('*')].indexOf(document.activeElement)"
    places = []
    for _ in range(12):
        opened.keyboard.press("Tab")
        places.append(opened.evaluate(where))
    assert places == sorted(set(places))
