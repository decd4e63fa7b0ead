"""The page's words: the same keys and placeholders in every language, one language at a time."""

from __future__ import annotations

import importlib
import re
import string
import threading

import numpy as np
import pytest

import nnviz as nv
from nnviz.errors import ArgumentError
from nnviz.report import words
from nnviz.report.words import heads, in_this_language, listing, place_words, say, speaking, told


def placeholders(text):
    """(name, format) of all that is filled in, in order of their names."""
    parts = string.Formatter().parse(text)
    return sorted((name, form) for _, name, form, _ in parts if name is not None)


@pytest.mark.parametrize("module", words.TABLES, ids=lambda m: m.__name__.rsplit(".", 1)[-1])
def test_both_languages_say_the_same(module):
    assert list(module.EN) == list(module.ZH)
    for key, english in module.EN.items():
        chinese = module.ZH[key]
        assert english.strip(), key
        assert chinese.strip(), key
        assert set(placeholders(english)) == set(placeholders(chinese)), key
        assert english.count("|") == chinese.count("|"), key
    assert len(words.terms()) == len(words.GLOSSARIES["zh"])


def test_a_language_is_spoken_within_its_block_alone():
    english = say("todo")
    with speaking("zh"):
        assert say("todo") == "可以怎么做"
        assert heads("colours")[0] == "黑色"
        assert place_words(0, 0, 28, 28) == "左上部"
        assert listing(["a", "b"]) == "a、b"
        with speaking("en"):
            assert say("todo") == english
        assert words.language() == "zh"
    assert say("todo") == english


def test_a_language_goes_along_into_threads_that_are_given_it():
    said = []

    def speak():
        said.append(say("todo"))

    with speaking("zh"):
        for target in (speak, in_this_language(speak), in_this_language(speak)):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
    assert said == [words.EN["todo"], words.ZH["todo"], words.ZH["todo"]]


@pytest.mark.parametrize("lang", ["fr", "", None, 3, ["zh"], "ZH"], ids=str)
def test_a_language_that_is_not_spoken(lang):
    with pytest.raises(ArgumentError, match="lang must be one of en, zh, got"):
        words.checked_language(lang)
    with pytest.raises(ArgumentError, match="lang must be one of"), speaking(lang):
        pass


def test_no_words_are_forgotten_in_chinese():
    """A Chinese sentence has at least one Chinese sign, unless it is made of signs and names."""
    plain = {key for key, said in words.ZH.items() if not any("一" <= c <= "鿿" for c in said)}
    assert plain == {
        "answers.top.line", "classes.label.plain", "gap.all", "gap.little", "gap.share",
        "list.comma", "mistakes.head", "perclass.right", "spare.none", "trust.survives",
        "list.colon", "spare.which", "alt.top", "list.semicolon", "look.ruled", "look.thumb",
        "look.thumb.wrong", "look.js.ends",
    }  # fmt: skip


def warnings_of_the_library():
    """What the library says of maps, climbs and channels, filled in."""
    here = "nnviz.inspection.attribution."
    names = ("cam", "deep_lift", "gradients", "lrp", "occlusion", "path")
    modules = {name: importlib.import_module(here + name) for name in names}
    from nnviz.inspection.results import degenerate

    maps = np.zeros((4, 3, 3))
    maps[0, 0], maps[1], maps[2, 1, 1] = np.nan, 2.0, 1.0
    for module in modules.values():
        yield from degenerate(maps, module.CAUSE, scores=np.array([0.0, 0.0, 0.0, np.nan]))
    yield from (modules["deep_lift"].REMEDY, modules["lrp"].REMEDY)
    model = nv.Sequential([nv.Conv2D(2, 3), nv.Flatten(), nv.Dense(2)], (6, 6, 1))
    model.parameters()["conv2d_1/weight"][...] = 0
    x = np.random.default_rng(0).random((4, 6, 6, 1), np.float32)
    yield from nv.saliency(model, x, 0, rule="guided").warnings
    yield from nv.maximize(model, 0, steps=1, against=x).warnings
    yield from (finding.evidence for finding in nv.health(model, x).findings)
    model.parameters()["conv2d_1/weight"][...] = 1
    yield from (finding.evidence for finding in nv.health(model, x).findings)
    yield from nv.explain(
        nv.Sequential([nv.Conv2D(2, 3), nv.Sigmoid(), nv.Flatten(), nv.Dense(2)], (6, 6, 1)),
        x * 90, 0, method="integrated_gradients", steps=1,
    ).warnings  # fmt: skip


def test_the_librarys_warnings_are_translated():
    every = list(warnings_of_the_library())
    assert len(every) > 25
    with speaking("zh"):
        for line in every:
            (said,) = told([line], ["a", "b", "c", "d"])
            rest = re.sub(
                r"rule='plain'|composite='\w+'|ReLU|integrated_gradients|epsilon", "", said
            )
            assert not re.search(r"[A-Za-z]{2,} [A-Za-z]{2,}", rest), (line, said)
        assert words.translated("an error that nobody knows: x") == "an error that nobody knows: x"
    assert words.translated(every[0]) == every[0]


def test_numbers_below_zero_have_a_minus_everywhere():
    """One way of writing numbers: the page's own words, and those that the library wrote."""
    assert say("rule.row", rule="-3", top=-0.25) == "-3, 0 to −0.25"  # what is text stays
    assert say("rule.row", rule="a", top=np.float32(-0.25)) == "a, 0 to −0.25"
    line = "channel-5 answers -0.25 at conv-2: e-3, -.5"
    assert words.translated(line) == "channel-5 answers −0.25 at conv-2: e-3, −.5"
