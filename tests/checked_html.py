"""A page read as a machine reads it: what is wrong with its HTML, by those rules of the standard
that a generated page can break. Used by the static tests; no browser, no network."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "hr", "link", "input", "col", "source", "wbr"}
PHRASING = {
    "a", "abbr", "b", "br", "button", "canvas", "code", "em", "i", "img", "input", "kbd", "label",
    "mark", "meter", "option", "output", "progress", "q", "s", "samp", "script", "select", "small",
    "span", "strong", "sub", "sup", "svg", "template", "time", "u", "var", "wbr",
}  # fmt: skip
ONLY_PHRASING = {
    "p", "span", "h1", "h2", "h3", "h4", "label", "button", "dt", "summary", "pre", "code", "i",
    "b", "em", "strong", "option", "output", "small", "a",
}  # fmt: skip
"""Here these hold running text alone; a link does so wherever it stands in running text."""
CHILDREN = {
    "ul": {"li", "script", "template"}, "ol": {"li", "script", "template"},
    "dl": {"dt", "dd", "div", "script", "template"}, "tr": {"td", "th"},
    "thead": {"tr"}, "tbody": {"tr"}, "tfoot": {"tr"},
    "table": {"caption", "colgroup", "thead", "tbody", "tfoot", "tr"},
    "select": {"option", "optgroup"},
}  # fmt: skip
PARENTS = {
    "li": {"ul", "ol"}, "td": {"tr"}, "th": {"tr"}, "tr": {"thead", "tbody", "tfoot", "table"},
    "dt": {"dl", "div"}, "dd": {"dl", "div"}, "figcaption": {"figure"}, "summary": {"details"},
    "option": {"select", "datalist", "optgroup"}, "legend": {"fieldset"},
}  # fmt: skip
INTERACTIVE = {"a", "button", "input", "select", "summary", "label"}
BOOLEANS = {"open", "hidden", "checked", "disabled", "selected", "multiple", "defer", "async"}
REFERENCES = ("for", "aria-labelledby", "aria-describedby", "aria-controls", "headers", "list")


class Checked(HTMLParser):
    """All tags in order, and what is wrong with them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None], tuple[str, ...]]] = []
        self.stack: list[str] = []
        if not text.lower().startswith("<!doctype html>"):
            self.wrong.append("no doctype")
        self.feed(text)
        self.close()
        self.wrong += [f"<{tag}> is never closed" for tag in self.stack]
        self._references()

    def handle_starttag(self, tag, attrs):
        self._enter(tag, attrs)
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self._enter(tag, attrs)
        if "svg" not in self.stack and tag not in VOID | {"svg"}:
            self.wrong.append(f"<{tag}/> closes itself, which HTML does not know")

    def handle_endtag(self, tag):
        if not self.stack or self.stack[-1] != tag:
            self.wrong.append(f"</{tag}> where {self.stack[-3:]} is open")
        elif tag not in VOID:
            self.stack.pop()

    def handle_data(self, data):
        parent = self.stack[-1] if self.stack else ""
        if data.strip() and parent in CHILDREN:
            self.wrong.append(f"text {data.strip()[:30]!r} directly in <{parent}>")

    def _enter(self, tag, attrs):
        parent = self.stack[-1] if self.stack else ""
        self.tags.append((tag, dict(attrs), tuple(self.stack)))
        names = [name for name, _ in attrs]
        self.wrong += [f"{n} stands twice in <{tag}>" for n in set(names) if names.count(n) > 1]
        self.wrong += [f"<{tag} {n}> has no value" for n, v in attrs
                       if v is None and n not in BOOLEANS]  # fmt: skip
        if "svg" in self.stack:
            return
        text_only = (
            next((t for t in reversed(self.stack) if t != "a"), "") if parent == "a" else parent
        )
        if text_only in ONLY_PHRASING and tag not in PHRASING:
            self.wrong.append(f"<{tag}> in <{parent}>")
        if parent in CHILDREN and tag not in CHILDREN[parent]:
            self.wrong.append(f"<{tag}> in <{parent}>")
        if tag in PARENTS and parent not in PARENTS[tag]:
            self.wrong.append(f"<{tag}> in <{parent}>")
        inside = INTERACTIVE.intersection(self.stack)
        if tag in INTERACTIVE and inside and not (inside == {"label"} and tag != "a"):
            self.wrong.append(f"<{tag}> in {sorted(inside)}: two things to press in one place")

    def _references(self):
        ids = [attrs["id"] for _, attrs, _ in self.tags if attrs.get("id") is not None]
        self.wrong += [f"id {i!r} stands twice" for i in set(ids) if ids.count(i) > 1]
        self.wrong += [f"id {i!r} has blanks" for i in ids if not i or re.search(r"\s", i)]
        for tag, attrs, _ in self.tags:
            for name in REFERENCES:
                for target in (attrs.get(name) or "").split():
                    if target not in ids:
                        self.wrong.append(f"<{tag} {name}={target!r}> leads nowhere")
            href = attrs.get("href") or ""
            if href.startswith("#") and href[1:] not in ids:
                self.wrong.append(f"the link {href} leads nowhere")

    def all(self, name: str) -> list[dict[str, str | None]]:
        """The attributes of all tags of a name."""
        return [attrs for tag, attrs, _ in self.tags if tag == name]
