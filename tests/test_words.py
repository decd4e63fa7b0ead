"""The page's words: the same keys and placeholders in every language, one language at a time."""

from __future__ import annotations

import string
import threading

import pytest

from nnviz.errors import ArgumentError
from nnviz.report import words
from nnviz.report.words import heads, in_this_language, listing, place_words, say, speaking


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
        "list.colon", "spare.which", "look.ruled", "look.thumb", "look.thumb.wrong",
        "look.js.ends",
    }  # fmt: skip
