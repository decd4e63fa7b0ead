"""The top of the page: how good the model is and on what, where it is weakest, and how far the
explanations can be trusted. Everything is computed from this model and these pictures; what cannot
be known is said not to be known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..draw.colour import DIVERGING, limits
from ..draw.image import heat
from ..inspection.evaluation import Mistakes
from .alts import of_signed
from .figure import Cell, Finding
from .study import Study, sureness
from .why import covered, in_steps_of, strongest
from .words import isolated, place_words, say

SPOTS = 3
"""How many weak spots are named."""


@dataclass(frozen=True)
class Verdict:
    """What a reader with half a minute should know.

    good: how good it is, and on what. weak: its weakest spots, each with a picture. trust: how far
    the explanations can be believed. parts: what mattered most in one answer, with its map.
    """

    good: str
    weak: Sequence[Finding]
    trust: str
    parts: Sequence[Finding]


def good(study: Study) -> str:
    """How often it is right, on which pictures."""
    found, name = study.mistakes, isolated(study.data.name)
    if not study.is_classifier:
        return say("verdict.plain", n=len(study.data), data=name)
    if found is None:
        return say("verdict.unlabelled", n=len(study.data), data=name)
    low, high = found.interval
    return say("verdict.good", data=name, low=low, high=high)


def _first(findings: Iterable[Finding], most: int) -> Iterator[Finding]:
    """The first findings that do not show a picture again that stands there already."""
    seen: set[bytes] = set()
    for finding in findings:
        own = {cell.picture.tobytes() for cell in finding.cells}
        if len(own - seen) and most:
            most -= 1
            seen |= own
            yield finding


# Weak spots -------------------------------------------------------------------------------------


def weak(study: Study) -> list[Finding]:
    """The weakest spots, the gravest kind first; without mistakes, the least sure answers."""
    return list(_first(_weak(study), SPOTS))


def _weak(study: Study) -> Iterator[Finding]:
    found = study.mistakes
    if found is None:
        if study.is_classifier:
            yield from _unsure(study, "answers")
        return
    if not len(found.wrong):
        yield from _unsure(study, "calibration")
        return
    yield _pair(study, found)
    yield from _overlooked(study, found)
    yield from _sure_and_wrong(study, found)
    yield from _unsure(study, "calibration")


def _pair(study: Study, found: Mistakes) -> Finding:
    a, b, count = found.mixed_up()[0]
    words = say("finding.pair", a=study.class_name(a), b=study.class_name(b), count=count,
                n=len(found.labels))  # fmt: skip
    return Finding([study.original(i) for i in _of_pair(found)], words, "confusion")


def _of_pair(found: Mistakes) -> list[int]:
    """The surest two mistakes between the two classes that are mixed up most."""
    a, b, _ = found.mixed_up()[0]
    return [i for i in found.wrong.tolist() if {*_both(found, i)} == {a, b}][:2]


def _overlooked(study: Study, found: Mistakes) -> Iterator[Finding]:
    """The class that is recognized least often, with the mistake in it that was surest."""
    shares = [one for one in found.per_class() if one.pictures and one.recall is not None]
    if len(shares) < 2:
        return
    worst = min(shares, key=lambda one: (one.recall, one.label))
    # The pair's pictures stand there already: another mistake of the class tells more.
    missed = [i for i in found.wrong.tolist() if found.labels[i] == worst.label]
    missed.sort(key=_of_pair(found).__contains__)
    if missed:
        name = study.class_name(worst.label)
        words = say("weak.recall", name=name, right=worst.right, of=worst.pictures,
                    answer=study.class_name(int(found.predicted[missed[0]])))  # fmt: skip
        yield Finding([study.original(missed[0])], words, "per-class")


def _sure_and_wrong(study: Study, found: Mistakes) -> Iterator[Finding]:
    for i in found.wrong.tolist():
        true, answer = (study.class_name(c) for c in _both(found, i))
        sure = sureness(found.confidence[i])
        words = say("finding.wrong", sure=sure, true=true, answer=answer)
        yield Finding([study.original(i)], words, "mistakes")


def _unsure(study: Study, link: str) -> Iterator[Finding]:
    """The answers that were least sure, one of each class."""
    sure, seen = study.probabilities.max(axis=1), set()
    for i in np.argsort(sure, kind="stable").tolist():
        answer = int(study.predicted[i])
        if answer in seen or (study.mistakes is not None and answer != study.labels[i]):
            continue
        seen.add(answer)
        key = "weak.unsure" if study.mistakes is None else "weak.unsure.right"
        words = say(key, answer=study.class_name(answer), sure=sureness(sure[i]))
        yield Finding([study.original(i)], words, link)


def _both(found: Mistakes, i: int) -> tuple[int, int]:
    return int(found.labels[i]), int(found.predicted[i])


# The explanations ---------------------------------------------------------------------------------


def parts(study: Study) -> list[Finding]:
    """The part of one picture that matters most to its answer, beside its map; nothing where none
    does."""
    found = covered(study)
    result, chosen = found.result, found.chosen
    k, (row, col), drop = strongest(result)
    i = chosen[k]
    if drop <= 0 or study.predicted[i] != study.labels[i]:
        return []
    drawn = study.maps(result.values)
    low, high = limits(drawn, signed=True)
    name, score = study.class_name(int(study.predicted[i])), float(result.scores[k])
    alt = of_signed(say("alt.covering", picture=study.told(i), name=name), drawn[k])
    words = say(
        "finding.part",
        true=name,
        place=place_words(row, col, *result.values.shape[1:]),
        before=in_steps_of(drop, score),
        after=in_steps_of(drop, score - drop),
    )
    map_ = Cell(heat(drawn[k], low, high, DIVERGING), "", alt)
    return [Finding([study.original(i), map_], words, "occlusion")]
