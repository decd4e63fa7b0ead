"""The plan: which chapters, figures and findings this model and these pictures get.

A figure that a model cannot have (filters without a convolution) is left out; one that fails for a
reason of the data shows that reason in the picture's place. Nothing is ever an empty frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from ..draw.colour import DIVERGING, limits
from ..draw.image import heat
from ..errors import NnvizError
from ..inspection.anatomy import health
from . import (
    adjust,
    answers,
    excited,
    fails,
    firmness,
    inside,
    methods,
    removal,
    trust,
    why,
    works,
)
from .figure import Cell, Chapter, Figure, Finding
from .study import Study
from .words import place_words, say

T = TypeVar("T")
Tell = Callable[[str], None]
"""Called with the name of each figure before it is made: for a progress bar."""


@dataclass(frozen=True)
class Plan:
    """Everything that the page shows."""

    chapters: tuple[Chapter, ...]
    findings: tuple[Finding, ...]

    def figures(self) -> Iterable[Figure]:
        """All figures, in reading order."""
        for chapter in self.chapters:
            yield from chapter.figures


def plan(study: Study, tell: Tell) -> Plan:
    """Compute all chapters."""
    covered = None
    if study.is_classifier:
        tell("occlusion")
        covered = _try("occlusion", lambda: why.cover(study))
    chapters = [
        _works(study, tell),
        _adjust(study, tell),
        _fails(study, tell),
        _why(study, tell, covered),
    ]
    if isinstance(covered, why.Covered):
        tell("trust")
        chapters = _believed(study, covered, chapters)
    return Plan(tuple(chapters), tuple(_findings(study, covered)))


def _made(figures: Iterable[Figure | None]) -> list[Figure]:
    return [figure for figure in figures if figure is not None]


def _try(ident: str, make: Callable[[], T]) -> T | Figure:
    """What `make` gives, or a figure that says why there is none."""
    try:
        return make()
    except NnvizError as error:
        reason = say("missing", reason=error)
        return Figure(id=ident, title=say("missing.title"), caption="", warnings=[reason])


def _works(study: Study, tell: Tell) -> Chapter:
    makers: list[tuple[str, Callable[[], Figure | None]]] = [
        ("structure", lambda: works.structure(study))
    ]
    if study.is_classifier:
        makers.append(("ideal-classes", lambda: works.ideal_classes(study)))
    if study.convolutions:
        answer = study.answer_of(study.convolutions[0])
        makers += [
            ("filters-first", lambda: excited.first_filters(study)),
            ("features-first", lambda: works.features(study, answer, "features-first")),
        ]
    for place, (node, channels) in enumerate(study.deep_layers, 1):
        makers += _deep(study, node, channels, "" if place == 1 else f"-{place}")
    makers += [
        ("embedding", lambda: inside.arranged(study)),
        ("sizes", lambda: inside.sizes(study)),
    ]
    figures = []
    for ident, make in makers:
        tell(ident)
        figures.append(_try(ident, make))
    return Chapter("works", say("works"), concluded("works"), _made(figures))


def _deep(
    study: Study, node: str, channels: tuple[int, ...] | None, which: str
) -> list[tuple[str, Callable[[], Figure]]]:
    """What is shown of a layer inside: what its channels like, what they answer, their kernels."""
    answer = study.answer_of(node)
    makers: list[tuple[str, Callable[[], Figure]]] = [
        (f"ideal-filters{which}",
         lambda: excited.ideal_channels(study, node, channels, f"ideal-filters{which}")),
        (f"features-deep{which}",
         lambda: works.features(study, answer, f"features-deep{which}", channels)),
    ]  # fmt: skip
    if node in study.convolutions:
        makers.append(
            (f"filters-deep{which}",
             lambda: works.deep_filters(study, node, f"filters-deep{which}"))
        )  # fmt: skip
    return makers


def _adjust(study: Study, tell: Tell) -> Chapter:
    tell("health")
    found = health(study.model, study.data.x)
    curves = adjust.curves(study)
    figures = _made(
        [
            curves,
            adjust.answers(study, found),
            adjust.weights(study, found),
        ]
    )
    lead = concluded("adjust", "adjust.lead" if curves else "adjust.lead.plain")
    return Chapter("adjust", say("adjust"), lead, figures, adjust.advice(study, found))


def _fails(study: Study, tell: Tell) -> Chapter:
    found = study.mistakes
    if found is None:
        key = "fails.unlabelled" if study.is_classifier else "fails.plain"
        shown = [_try("answers", lambda: answers.top(study))] if answers.wanted(study) else []
        return Chapter("fails", say("fails"), say(key), shown)
    makers: list[tuple[str, Callable[[], Figure | None]]] = [
        ("confusion", lambda: fails.confusion(study, found)),
        ("per-class", lambda: fails.per_class(study, found)),
        ("mistakes", lambda: fails.worst(study, found)),
        ("mistakes-unsure", lambda: fails.unsure(study, found)),
        ("calibration", lambda: firmness.reliability(study, found)),
        ("flips", lambda: firmness.shaken(study)),
    ]
    if answers.wanted(study):
        makers.insert(0, ("answers", lambda: answers.top(study)))
    figures = []
    for ident, make in makers:
        tell(ident)
        figures.append(_try(ident, make))
    advice = fails.advice(study, found)
    return Chapter("fails", say("fails"), concluded("fails"), _made(figures), advice)


def _why(study: Study, tell: Tell, covered: why.Covered | Figure | None) -> Chapter:
    if covered is None:
        return Chapter("why", say("why"), say("why.plain"), [])
    figures: list[Figure] = []
    advice: list[str] = []
    if isinstance(covered, Figure):
        figures.append(covered)
    else:
        figures.append(covered.figure)
        advice = why.advice(study, covered)
    drawn = None if isinstance(covered, Figure) else covered
    makers: list[tuple[str, Callable[[], Figure | None]]] = [
        ("methods", lambda: methods.beside_each_other(study, drawn)),
        ("contrast", lambda: methods.contrast(study)),
        ("occlusion-guide", lambda: why.guide(study)),
        ("saliency", lambda: why.matrix(study, "saliency")),
    ]
    if study.has_places:
        makers.insert(3, ("cam", lambda: why.matrix(study, "cam")))
    made: list[Figure | None] = []
    for ident, make in makers:
        tell(ident)
        made.append(_try(ident, make))
    figures += _made(made)
    return Chapter("why", say("why"), concluded("why"), figures, advice)


def concluded(chapter: str, lead: str = "") -> str:
    """A chapter's lead, and what may be concluded from it and what not."""
    return f"{say(lead or f'{chapter}.lead')} {say(f'{chapter}.conclude')}"


def _believed(study: Study, drawn: why.Covered, chapters: list[Chapter]) -> list[Chapter]:
    """The chapters, their figures with what the network says of their maps; the last one with the
    table of all methods."""
    found = _try("trust", lambda: trust.judged(study, drawn))
    *before, last = chapters
    if isinstance(found, Figure):
        return [*before, replace(last, figures=[*last.figures, found])]
    *before, last = [
        replace(chapter, figures=[_told(study, figure, found) for figure in chapter.figures])
        for chapter in chapters
    ]
    made = _try("trust", lambda: trust.table(study, found))
    return [*before, replace(last, figures=_made([*last.figures, made]))]


def _told(study: Study, figure: Figure, found: trust.Trust) -> Figure:
    said = removal.under(study, figure, found.sane)
    return replace(figure, caption=f"{figure.caption} {said}".strip()) if said else figure


def _findings(study: Study, covered: why.Covered | Figure | None) -> Iterable[Finding]:
    found = study.mistakes
    if found is not None:
        yield from _about_mistakes(study)
    if not isinstance(covered, why.Covered):
        return
    result, chosen = covered.result, covered.chosen
    k, (row, col), drop = why.strongest(result)
    i = chosen[k]
    if drop <= 0 or study.predicted[i] != study.labels[i]:
        return
    rows, cols = result.values.shape[1:]
    drawn = study.maps(result.values)
    low, high = limits(drawn, signed=True)
    name = study.class_name(int(study.predicted[i]))
    yield Finding(
        [study.original(i), Cell(heat(drawn[k], low, high, DIVERGING), "", "its map")],
        say(
            "finding.part",
            true=name,
            place=place_words(row, col, rows, cols),
            before=why.in_steps_of(drop, float(result.scores[k])),
            after=why.in_steps_of(drop, float(result.scores[k]) - drop),
        ),
        "occlusion",
    )


def _about_mistakes(study: Study) -> Iterable[Finding]:
    found = study.mistakes
    assert found is not None
    n = len(found.labels)
    if not len(found.wrong):
        i = int(found.confidence.argmin())
        true, sure = study.class_name(int(found.labels[i])), float(found.confidence[i])
        words = say("finding.none", n=n, true=true, sure=sure)
        yield Finding([study.original(i)], words, "confusion")
        return
    a, b, count = found.mixed_up()[0]
    pair = [
        int(i) for i in found.wrong if {int(found.labels[i]), int(found.predicted[i])} == {a, b}
    ][:2]
    yield Finding(
        [study.original(i) for i in pair],
        say("finding.pair", a=study.class_name(a), b=study.class_name(b), count=count, n=n),
        "confusion",
    )
    i = int(found.wrong[0])
    true, answer = (study.class_name(int(v[i])) for v in (found.labels, found.predicted))
    sure = float(np.floor(found.confidence[i] * 1000) / 1000)  # never "100 % sure" by rounding up
    yield Finding(
        [study.original(i)], say("finding.wrong", sure=sure, true=true, answer=answer), "mistakes"
    )
