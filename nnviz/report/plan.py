"""The plan: which chapters and figures this model and these pictures get.

A figure that a model cannot have (filters without a convolution) is left out; one that fails for a
reason of the data shows that reason in the picture's place. Nothing is ever an empty frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ..errors import NnvizError
from ..inspection.anatomy import Health
from . import (
    adjust,
    answers,
    excited,
    explore,
    fails,
    firmness,
    inside,
    methods,
    removal,
    trust,
    verdict,
    why,
    works,
)
from .figure import Chapter, Figure, Finding
from .steps import Answers, Hand, Step, run
from .study import Study
from .verdict import Verdict
from .words import say

CHAPTERS = ("works", "adjust", "fails", "why")
"""In reading order."""
HEALTH, COVERED, JUDGED = "for-adjust", "for-why", "for-trust"
"""What several steps of a chapter need."""
WITHOUT = ("advice-", "findings-", "for-")
"""How the ids of steps begin that make no figure."""


@dataclass(frozen=True)
class Plan:
    """Everything that the page shows. complete: whether nothing failed."""

    chapters: tuple[Chapter, ...]
    verdict: Verdict
    complete: bool = True

    def figures(self) -> Iterable[Figure]:
        """All figures, in reading order."""
        for chapter in self.chapters:
            yield from chapter.figures


def plan(
    study: Study,
    chapters: Iterable[str] = CHAPTERS,
    begun: Begun = lambda steps: lambda step: None,
    hands: Sequence[Hand] = (),
) -> Plan:
    """Make all steps of these chapters, and put together what they give.

    begun: called with the steps before the first is made; what it gives is called with each that is
    done: for progress bars. hands: who helps.
    """
    wanted = [chapter for chapter in CHAPTERS if chapter in set(chapters)]
    steps = [step for chapter in wanted for step in STEPS[chapter](study)]
    made = run(study, steps, begun(steps), hands)
    told = made.get("trust")
    shown = tuple(_chapter(study, chapter, steps, made) for chapter in wanted)
    if isinstance(told, trust.Told):
        shown = tuple(
            replace(chapter, figures=[_with(figure, told) for figure in chapter.figures])
            for chapter in shown
        )
    complete = not any(isinstance(answer, NnvizError) for answer in made.values())
    return Plan(shown, _verdict(study, made), complete)


Begun = Callable[[list[Step]], Callable[[Step], None]]


def _chapter(study: Study, name: str, steps: list[Step], made: Answers) -> Chapter:
    """A chapter of what its steps gave."""
    figures: list[Figure] = []
    for step in steps:
        answer = made[step.id]
        if step.chapter != name:
            continue
        if isinstance(answer, NnvizError) and not step.id.startswith(WITHOUT):
            reason = say("missing", reason=answer)
            answer = Figure(id=step.id, title=say("missing.title"), caption="", warnings=[reason])
        elif isinstance(answer, trust.Told):
            answer = answer.table
        if isinstance(answer, Figure):
            figures.append(answer)
    advice = _listed(made, f"advice-{name}")
    if not advice and not isinstance(made.get(f"advice-{name}"), NnvizError):
        advice = _nothing(study, name, figures)
    return Chapter(name, say(name), _lead(study, name, figures), figures, advice)


def _verdict(study: Study, made: Answers) -> Verdict:
    """What stands at the top, of what the steps gave."""
    told, trusted = made.get("trust"), ""
    if told is not None:
        trusted = told.verdict if isinstance(told, trust.Told) else say("verdict.trust.unknown")
    weak, parts = _listed(made, "findings-fails"), _listed(made, "findings-why")
    return Verdict(verdict.good(study), weak, trusted, parts)


def _nothing(study: Study, name: str, figures: list[Figure]) -> list[str]:
    """What a chapter says where there is nothing to do about it."""
    if not figures:
        return []
    if name == "fails" and not study.is_labelled:
        return [say("todo.fails.label")]
    return [say("todo.trust" if name == "why" else f"todo.{name}.nothing")]


def _listed(made: Answers, name: str) -> list[Any]:
    """What a step listed; nothing where there is no such step, or it failed."""
    found = made.get(name, [])
    return [] if isinstance(found, NnvizError) else found


def _lead(study: Study, name: str, figures: list[Figure]) -> str:
    """What a chapter opens with: what it shows, and what may be concluded from it."""
    if name == "fails" and not study.is_labelled:
        return say("fails.unlabelled" if study.is_classifier else "fails.plain")
    if name == "why" and not study.is_classifier:
        return say("why.plain")
    untold = name == "adjust" and not any(figure.id == "training" for figure in figures)
    return concluded(name, "adjust.lead.plain" if untold else "")


def concluded(chapter: str, lead: str = "") -> str:
    """A chapter's lead, and what may be concluded from it and what not."""
    return f"{say(lead or f'{chapter}.lead')} {say(f'{chapter}.conclude')}"


def _with(figure: Figure, told: trust.Told) -> Figure:
    """A figure with what speaks against its methods."""
    said = removal.against(figure, told.marks)
    return replace(figure, caption=f"{figure.caption} {said}") if said else figure


# The steps of each chapter ----------------------------------------------------------------------


def _works(study: Study) -> Iterable[Step]:
    yield Step("works", "structure", lambda: works.structure(study), reads=())
    if study.is_classifier:
        yield Step("works", "ideal-classes", lambda: works.ideal_classes(study),
                   reads=("classes", "pick"), dear=20)  # fmt: skip
    if study.convolutions:
        answer = study.answer_of(study.convolutions[0])
        yield Step("works", "filters-first", lambda: excited.first_filters(study), reads=())
        yield Step("works", "features-first",
                   lambda: works.features(study, answer, "features-first"),
                   reads=("pick",))  # fmt: skip
    for place, (node, channels) in enumerate(study.deep_layers, 1):
        yield from _deep(study, node, channels, "" if place == 1 else f"-{place}")
    yield Step("works", "embedding", lambda: inside.arranged(study), reads=(), dear=3, chart=True)
    yield Step("works", "sizes", lambda: inside.sizes(study), reads=(), dear=3, chart=True)
    yield Step("works", "advice-works", lambda: works.advice(study), list[str], ())


def _deep(study: Study, node: str, channels: tuple[int, ...] | None, which: str) -> Iterable[Step]:
    """What is shown of a layer inside: what its channels like, what they answer, their kernels."""
    ideal, features, kernels = (f"{name}{which}" for name in
                                ("ideal-filters", "features-deep", "filters-deep"))  # fmt: skip
    answer = study.answer_of(node)
    yield Step("works", ideal, lambda: excited.ideal_channels(study, node, channels, ideal),
               reads=("layers",), dear=9)  # fmt: skip
    yield Step("works", features, lambda: works.features(study, answer, features, channels),
               reads=("layers", "pick"))  # fmt: skip
    if node in study.convolutions:
        yield Step("works", kernels, lambda: works.deep_filters(study, node, kernels),
                   reads=("layers",))  # fmt: skip


def _adjust(study: Study) -> Iterable[Step]:
    yield Step("adjust", HEALTH, lambda: study.health, Health, None, dear=12)
    yield Step("adjust", "training", lambda: adjust.curves(study), reads=(), dear=3, chart=True)
    yield Step("adjust", "activations", lambda: adjust.answers(study, study.health),
               reads=(), needs=(HEALTH,), dear=5, chart=True)  # fmt: skip
    yield Step("adjust", "weights", lambda: adjust.weights(study, study.health), reads=(),
               needs=(HEALTH,), dear=3, chart=True)  # fmt: skip
    yield Step("adjust", "advice-adjust", lambda: adjust.advice(study, study.health),
               list[str], (), needs=(HEALTH,))  # fmt: skip


def _fails(study: Study) -> Iterable[Step]:
    if answers.wanted(study):
        yield Step("fails", "answers", lambda: answers.top(study), reads=())
    if study.is_classifier:
        yield Step("fails", "findings-fails", lambda: verdict.weak(study), list[Finding], ())
    if not study.is_labelled:
        yield Step("fails", "pictures", lambda: explore.pictures(study), reads=("pick",))
        return
    makers: dict[str, Callable[..., Figure | None]] = {
        "confusion": fails.confusion,
        "per-class": fails.per_class,
        "mistakes": fails.worst,
        "mistakes-unsure": fails.unsure,
    }
    for name, make in makers.items():
        drawn = name in ("confusion", "per-class")
        yield Step("fails", name, _fallen(study, partial(_of_mistakes, study, make)), reads=(),
                   dear=3 * drawn, chart=drawn)  # fmt: skip
    yield Step("fails", "pictures", lambda: explore.pictures(study), reads=("pick",))
    yield Step("fails", "calibration", partial(_of_mistakes, study, firmness.reliability), reads=(),
               dear=3, chart=True)  # fmt: skip
    yield Step("fails", "flips", lambda: firmness.shaken(study), reads=(), dear=10)
    yield Step("fails", "advice-fails", partial(_of_mistakes, study, fails.advice), list[str], ())


def _of_mistakes(study: Study, make: Callable[..., Any]) -> Any:
    return make(study, study.mistakes)


def _fallen(study: Study, make: Callable[[], Figure | None]) -> Callable[[], Figure | None]:
    """Makes a figure, and what its caption says of its own maps."""
    return lambda: removal.fallen(study, make())


def _why(study: Study) -> Iterable[Step]:
    if not study.is_classifier:
        return
    of_pictures, covered = ("methods", "pick"), (COVERED,)
    occluded = methods.is_chosen(study, "occlusion")
    if occluded:
        yield Step("why", COVERED, lambda: why.covered(study), why.Covered, None,
                   dear=50 if study.is_large else 8)  # fmt: skip
        yield Step("why", "occlusion", _fallen(study, lambda: why.covered(study).figure),
                   reads=("pick",), needs=covered)  # fmt: skip
    yield Step("why", "methods", _fallen(study, lambda: methods.beside_each_other(study)),
               reads=of_pictures, needs=covered, dear=45 if study.is_large else 0)  # fmt: skip
    if methods.is_chosen(study, methods.CONTRAST):
        yield Step("why", "contrast", _fallen(study, lambda: methods.contrast(study)), reads=())
    if occluded:
        yield Step("why", "occlusion-guide", _fallen(study, lambda: why.guide(study)),
                   reads=("pick",), dear=44 if study.is_large else 0)  # fmt: skip
    if study.has_places and methods.is_chosen(study, "grad_cam"):
        yield Step("why", "cam", _fallen(study, lambda: why.matrix(study, "cam")),
                   reads=("pick",))  # fmt: skip
    if methods.is_chosen(study, "saliency", "guided_backprop", "deconvnet"):
        yield Step("why", "saliency", _fallen(study, lambda: why.matrix(study, "saliency")),
                   reads=("pick",), dear=10 if study.is_large else 0)  # fmt: skip
    yield from _trust(study, of_pictures)
    if not occluded:
        yield Step("why", "advice-why", lambda: [say("todo.trust")], list[str], ())
        return
    yield Step("why", "advice-why", lambda: why.advice(study, why.covered(study)), list[str],
               ("pick",), covered)  # fmt: skip
    yield Step("why", "findings-why", lambda: verdict.parts(study), list[Finding], ("pick",),
               covered)  # fmt: skip


def _trust(study: Study, reads: Sequence[str]) -> Iterable[Step]:
    """How far the maps can be believed; where they are dear, in parts, of maps that are there."""
    names: list[str] = []
    for k in range(len(trust.parts(study)) if trust.are_dear(study) else 0):
        names.append(f"{JUDGED}-{k}")
        yield Step("why", names[-1], partial(trust.part, study, k), trust.Trust, None,
                   (COVERED, "methods", "occlusion-guide"), dear=42)  # fmt: skip
    yield Step("why", "trust", lambda: trust.told(study), trust.Told, reads, names, dear=40)


STEPS: dict[str, Callable[[Study], Iterable[Step]]] = {
    "works": _works, "adjust": _adjust, "fails": _fails, "why": _why,
}  # fmt: skip
"""Chapter -> the steps that make it for a study."""
