"""The page in a real browser: nothing sticks out, overlaps or moves, nothing is asked of a host;
light and dark, keyboard and paper."""

from __future__ import annotations

import pytest
from pages import until

WIDTHS = (360, 640, 800, 1600)

STICKING_OUT = """() => {
  const width = document.documentElement.clientWidth, found = [];
  for (const element of document.querySelectorAll("body *:not(.skip)")) {
    const box = element.getBoundingClientRect();
    if (box.right > width + 1 || box.left < -1) found.push(element.outerHTML.slice(0, 80));
    const scrolls = ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
    if (scrolls && element.scrollWidth > element.clientWidth + 1) found.push("a scrollbar");
  }
  return found;
}"""

OVERLAPPING = """() => {
  const lines = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode()); ) {
    if (!node.data.trim() || node.parentElement.closest("script, style, template")) continue;
    if (!node.parentElement.checkVisibility() || node.parentElement.closest(".skip")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects())
      // A line's box is higher than its letters.
      lines.push({ node, left: box.left, right: box.right,
                   top: box.top + box.height / 4, bottom: box.bottom - box.height / 4 });
  }
  lines.sort((a, b) => a.top - b.top);
  const found = [];
  for (let i = 0; i < lines.length; i++)
    for (let j = i + 1; j < lines.length && lines[j].top < lines[i].bottom; j++) {
      const one = lines[i], other = lines[j];
      if (Math.min(one.right, other.right) - Math.max(one.left, other.left) > 2)
        found.push(`${one.node.data.trim().slice(0, 40)} | ${other.node.data.trim().slice(0, 40)}`);
    }
  return found;
}"""

SHIFTS = """() => new Promise(done => {
  let sum = 0;
  new PerformanceObserver(list => list.getEntries().forEach(one => { sum += one.value; }))
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(sum), 250);
})"""

UNNAMED = """() => [...document.querySelectorAll("a, button, input, select, summary, [tabindex]")]
  .filter(e => e.checkVisibility() && !e.closest("dialog:not([open])"))
  .filter(e => !(e.textContent.trim() || e.getAttribute("aria-label")
    || e.getAttribute("aria-labelledby") || e.title || e.labels?.length
    || e.querySelector("img[alt]")))
  .map(e => e.outerHTML.slice(0, 80))"""

TORN = """high => [...document.querySelectorAll("tr, img, svg, .finding, figcaption, h3, .tile")]
  .filter(e => e.checkVisibility() && e.getBoundingClientRect().height > high)
  .map(e => e.outerHTML.slice(0, 80))"""

DECODED = """async () => {
  const decoded = [...document.images].map(async image => {
    const other = new Image();
    other.src = image.src;
    await other.decode();
  });
  return (await Promise.all(decoded)).length;
}"""
"""Every picture is whole; those far down the page are loaded late, so copies of them are asked."""


CASES = [
    "digits",
    "hostile names",
    "wide residual",
    pytest.param("100 nodes", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module", params=CASES)
def page_file(request, galleries):
    return galleries(request.param)[0] / "index.html"


@pytest.fixture(scope="module")
def opened(browser, page_file):
    """The page, opened once for several looks at it; what it said to the console in `said`."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.said = []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.goto(page_file.as_uri())
    yield page
    page.close()


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_sticks_out_and_no_host_is_asked(browser, page_file, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_file.as_uri())
    assert page.evaluate(SHIFTS) == 0
    for details in page.query_selector_all("details > summary"):
        if details.is_visible():
            details.click()
    page.evaluate("scrollTo(0, 0)")
    assert page.evaluate(STICKING_OUT) == []
    assert page.evaluate(OVERLAPPING) == []
    assert said == []
    assert {url.split(":")[0] for url in asked} <= {"file", "data"}
    assert page.evaluate(DECODED) == page.locator("img").count()
    page.close()


def test_the_readers_setting_chooses_light_or_dark(opened):
    papers = []
    for scheme in ("light", "dark"):
        opened.emulate_media(color_scheme=scheme)
        papers.append(opened.evaluate("getComputedStyle(document.body).backgroundColor"))
    opened.emulate_media(color_scheme="light")
    assert papers == ["rgb(255, 255, 255)", "rgb(20, 21, 23)"]
    assert opened.said == []


def test_the_tab_order_is_the_reading_order_and_the_focus_is_seen(opened):
    opened.evaluate("scrollTo(0, 0); document.activeElement.blur()")
    where = """() => {
      const one = document.activeElement, box = one.getBoundingClientRect();
      const style = getComputedStyle(one);
      return [[...document.querySelectorAll("*")].indexOf(one),
              style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
              box.width > 0 && box.bottom > 0 && box.top < innerHeight];
    }"""
    stops = []
    for _ in range(16):
        opened.keyboard.press("Tab")
        stops.append(opened.evaluate(where))
    places = [place for place, _, _ in stops]
    assert places == sorted(set(places))
    assert all(outlined for _, outlined, _ in stops)
    assert all(visible for _, _, visible in stops)


def test_the_first_tab_skips_to_the_chapters(opened):
    opened.evaluate("scrollTo(0, 0); document.activeElement.blur()")
    opened.reload()
    opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.className") == "skip"
    assert opened.evaluate("document.activeElement.getBoundingClientRect().top >= 0")
    opened.keyboard.press("Enter")
    until(opened, "scrollY > 300")


def test_all_that_can_be_pressed_has_a_name(opened):
    assert opened.evaluate(UNNAMED) == []


def test_on_paper_nothing_is_cut(opened):
    """A4 at 96 dots an inch, with Chromium's usual edges of 1 cm."""
    wide, high = 794 - 2 * 38, 1123 - 2 * 38
    before = opened.viewport_size
    opened.set_viewport_size({"width": wide, "height": high})
    opened.emulate_media(media="print", color_scheme="dark")
    assert opened.evaluate(STICKING_OUT) == []
    assert opened.evaluate(OVERLAPPING) == []
    assert opened.evaluate(TORN, high) == []
    fit = "getComputedStyle(document.querySelector('.scale img')).objectFit"
    assert opened.evaluate(fit) == "fill", "colours one pixel high are stretched to a bar"
    paper = "getComputedStyle(document.documentElement).getPropertyValue('--paper').trim()"
    assert opened.evaluate(paper) == "#ffffff", "ink is not wasted on a dark page"
    assert opened.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    tall = opened.evaluate("document.documentElement.scrollHeight")
    margin = dict.fromkeys(("top", "bottom", "left", "right"), "1cm")
    pdf = opened.pdf(format="A4", margin=margin, print_background=True)
    assert pdf[:5] == b"%PDF-"
    sheets = pdf.count(b"/Type /Page\n") or pdf.count(b"/Type /Page ") or pdf.count(b"/Type/Page")
    assert sheets >= tall // high, "shorter than its text: it was shrunk or cut"
    opened.emulate_media(media="screen", color_scheme="light")
    opened.set_viewport_size(before)
    assert opened.said == []
