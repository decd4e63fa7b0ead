"""The page's own words, in one place, in every language it speaks.

A sentence has a key; its words stand in English and in Chinese side by side, in one module for each
chapter, each with two dicts `EN` and `ZH` of the same keys and placeholders. What is filled in was
computed; nothing is claimed here that a chapter has not measured. Names of classes, nodes, files
and methods are never translated, nor are settings, which are Python.

The language is chosen for a block of code: `with speaking("zh"):`. It is kept in a context
variable, so two reports in two threads do not mix. A new thread begins with an empty context, and
so in English: give its work through `in_this_language`.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from numbers import Real
from typing import Any, ParamSpec, TypeVar

from ...errors import ArgumentError
from . import adjust, alts, fails, glossary, look, methods, page, small, top, walk, why, works

TABLES = (top, works, adjust, fails, why, methods, alts, small, page, walk, look)
"""All modules with words; a part of the page with words of its own adds its module here."""
GLOSSARIES = {"en": glossary.EN, "zh": glossary.ZH}
HTML_LANG = {"en": "en", "zh": "zh-Hans"}
"""What `<html lang>` says: Chinese is the simplified one."""

DIRECTIONS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
"""Signs that are not seen, and turn or end the turning of what comes after them."""

HYPHEN = re.compile(r"(?<![\w.-])-(?=[.\d])")
"""What the library, which writes for terminals, has before a number below zero."""

P = ParamSpec("P")
T = TypeVar("T")
_spoken: ContextVar[str] = ContextVar("nnviz_page_language", default="en")


def _joined(language: str) -> dict[str, str]:
    """One table of all modules; an error where two use the same key."""
    table: dict[str, str] = {}
    for module in TABLES:
        part: dict[str, str] = getattr(module, language)
        twice = table.keys() & part.keys()
        assert not twice, f"{module.__name__}: these keys stand elsewhere too: {sorted(twice)}"
        table |= part
    return table


EN, ZH = _joined("EN"), _joined("ZH")
WORDS = {"en": EN, "zh": ZH}


@contextmanager
def speaking(lang: str) -> Iterator[None]:
    """Within this block all words are in one language: "en" or "zh"."""
    checked_language(lang)
    before = _spoken.set(lang)
    try:
        yield
    finally:
        _spoken.reset(before)


def checked_language(lang: str) -> str:
    """The language itself; `ArgumentError` for one that the page does not speak."""
    if not isinstance(lang, str) or lang not in WORDS:
        raise ArgumentError(f"lang must be one of {', '.join(WORDS)}, got {lang!r}")
    return lang


def language() -> str:
    """The language that is spoken here."""
    return _spoken.get()


def in_this_language(call: Callable[P, T]) -> Callable[P, T]:
    """`call` as it may be given to other threads: it speaks there what is spoken here.

    Each run has a copy of the context of its own, as a context cannot be entered twice at once. For
    other processes give the language itself, and open `speaking` there.
    """
    here = copy_context()

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return here.copy().run(call, *args, **kwargs)

    return run


def words() -> dict[str, str]:
    """The table of the language that is spoken here."""
    return WORDS[_spoken.get()]


def terms() -> dict[str, str]:
    """The glossary: terms and what they mean."""
    return GLOSSARIES[_spoken.get()]


def say(key: str, **values: Any) -> str:
    """The words of `key`, filled in."""
    return _filler.vformat(words()[key], (), values)


class _Filler(string.Formatter):
    """Numbers below zero have a minus, no hyphen."""

    def format_field(self, value: Any, format_spec: str) -> str:
        filled: str = super().format_field(value, format_spec)
        return filled.replace("-", "−") if isinstance(value, Real) else filled


_filler = _Filler()


def heads(key: str) -> list[str]:
    """Words with bars between them, as a list: the heads of rows or columns."""
    return words()[key].split("|")


def ends(key: str) -> tuple[str, str]:
    """What the two ends of a scale mean."""
    low, high = heads(key)
    return low, high


def place_words(row: float, col: float, rows: int, cols: int) -> str:
    """Where in a picture a point lies: `upper left`, `middle`, `lower part` …"""
    down, along = min(2, int(3 * row / rows)), min(2, int(3 * col / cols))
    return heads("places")[3 * down + along]


def listing(names: Iterable[object], limit: int = 12) -> str:
    """The names in a row, cut after `limit` of them."""
    every = [str(name) for name in names]
    shown = say("list.comma").join(every[:limit])
    more = len(every) - limit
    return say("list.more", shown=shown, count=more) if more > 0 else shown


def isolated(name: str) -> str:
    """A name for use inside a sentence: one that is written from right to left does not turn what
    stands beside it, and none can by signs of direction of its own."""
    name = "".join(sign for sign in name if unicodedata.bidirectional(sign) not in DIRECTIONS)
    turns = any(unicodedata.bidirectional(sign) in ("R", "AL") for sign in name)
    return f"\u2068{name}\u2069" if turns else name


def translated(line: str) -> str:
    """A warning of the library, which speaks English, in the page's language; as it is where it is
    none of those that the tables know.

    `map is zero: covering changes nothing` is translated part by part.
    """
    line = HYPHEN.sub("−", line)
    if language() == "en":
        return line
    whole = _known(line)
    if whole is not None:
        return whole
    for colon in re.finditer(": ", line):
        parts = (_known(line[: colon.start()]), translated(line[colon.end() :]))
        if parts[0] is not None:
            return say("list.colon").join(map(str, parts))
    return line


def _known(line: str) -> str | None:
    for key, pattern in _PATTERNS.items():
        found = pattern.fullmatch(line)
        if found:
            return say(key, **found.groupdict())
    return None


def _pattern(words: str) -> re.Pattern[str]:
    """What matches an English sentence of the tables, whatever is filled in."""
    pieces = re.split(r"\{(\w+)\}", words)
    for i, piece in enumerate(pieces):
        pieces[i] = f"(?P<{piece}>.+?)" if i % 2 else re.escape(piece)
    return re.compile("".join(pieces), re.DOTALL)


_PATTERNS = {key: _pattern(words) for key, words in EN.items() if key.startswith("warn.")}


def tight(text: str) -> str:
    """Sentences that were joined by a blank, as the language joins them: in Chinese by none."""
    return text if language() == "en" else re.sub(r"(?<=[。；：！？）]) +", "", text)


def told(warnings: Iterable[str], names: Sequence[str], prefix: str = "") -> list[str]:
    """A result's warnings for the page: the same words once, with the names of what they are said
    of.

    names: what the pictures of the result are called, where the result numbers them.
    """
    said: dict[str, list[str]] = {}
    for warning in warnings:
        numbered = re.match(r"picture (\d+): ", warning)
        who = said.setdefault(warning[numbered.end() :] if numbered else warning, [])
        if numbered:
            who.append(names[int(numbered[1])])
    colon = say("list.colon")
    return [
        colon.join(part for part in (prefix, listing(dict.fromkeys(who)), translated(line)) if part)
        for line, who in said.items()
    ]
