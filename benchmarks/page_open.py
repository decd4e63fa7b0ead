"""How long a reader waits for the page: `python -m benchmarks.page_open [GALLERY/index.html]`.

Opens the page from its file in Chromium, several times in fresh contexts: until its content is
there, until it is loaded, until the first picture is painted, and until a click is answered; then
scrolls through it and says how long the longest frame took. Without a page it writes the default
report first. Needs playwright and chromium.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

REPEATS = 5
GOAL = 1.0
"""Seconds to a page that can be used, on two cores."""

TIMES = """() => {
  const at = performance.getEntriesByType("navigation")[0];
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return [at.domContentLoadedEventEnd, at.loadEventEnd, paint ? paint.startTime : 0];
}"""

ANSWERED = """() => new Promise(done => {
  const began = performance.now(), one = document.querySelector("details > summary");
  one.click();
  requestAnimationFrame(() => setTimeout(() => done([began, performance.now()])));
})"""

SCROLL = """() => new Promise(done => {
  const end = document.documentElement.scrollHeight, step = end / 120;
  let last = performance.now(), longest = 0, at = 0;
  requestAnimationFrame(function frame(now) {
    longest = Math.max(longest, now - last);
    last = now;
    scrollTo({ top: (at += step), behavior: "instant" });
    at < end ? requestAnimationFrame(frame) : done(longest);
  });
})"""


def opened(browser: Any, page_file: Path) -> tuple[float, float, float, float, float]:
    """Seconds to content, load, paint and a click's answer; the longest frame of a scroll."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(page_file.as_uri(), wait_until="load")
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length > 0")
    content, load, paint = page.evaluate(TIMES)
    began, answered = page.evaluate(ANSWERED)
    usable = max(load, paint) + answered - began
    frame = page.evaluate(SCROLL)
    page.close()
    return content / 1e3, load / 1e3, paint / 1e3, usable / 1e3, frame / 1e3


def main(words: list[str]) -> None:
    """Measure one page and print a line."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("no browser here: install chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        if words:
            page_file = Path(words[0]).resolve()
        else:
            from nnviz.cli import main as nnviz

            nnviz(["report", "--out", folder, "--quiet"])
            page_file = Path(folder) / "index.html"
        browser = started.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        opened(browser, page_file)  # the browser's own first time
        rows = [opened(browser, page_file) for _ in range(REPEATS)]
        browser.close()
        size = page_file.stat().st_size / 1e6
    content, load, paint, usable, frame = (
        statistics.median(column) for column in zip(*rows, strict=True)
    )
    print(
        f"page of {size:.2f} MB: content {content:.2f} s, loaded {load:.2f} s, painted {paint:.2f} "
        f"s, usable {usable:.2f} s (goal: under {GOAL:.0f}); longest frame of a scroll through it "
        f"{frame * 1e3:.0f} ms"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
