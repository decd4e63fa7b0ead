"""How far the maps of the page can be believed: what the network says of each, beside maps that
know nothing of it; whether a method notices that the network was destroyed; and, where the truth is
planted, whether the maps show it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..draw.image import minus
from ..draw.samples import spread
from ..engine.layer import Array
from ..errors import NnvizError
from ..inspection.attribution import METHODS, explain
from ..inspection.evaluation import Sanity, Scores
from ..inspection.evaluation.sanity import forgotten, learnt, noticed
from ..inspection.evaluation.scores import Judge, Score, falls
from ..inspection.evaluation.scores.measures import evidence
from ..inspection.results import Attribution
from .figure import Figure, Table
from .methods import CONTRAST, explained, name_of, options_of, shown
from .plain import kept
from .removal import SHARE, marks_of
from .study import Study, fill_for
from .why import guide_settings, guided, hardest
from .words import heads, listing, say

JUDGED = (
    "occlusion", "gradient", "saliency", "guided_backprop", "deconvnet", "integrated_gradients",
    "deep_lift", "lrp", "grad_cam", "guided_cam", "rectified_cam", "guide",
)  # fmt: skip
"""The methods that the page shows; `guide` is occlusion with the large grey square, `guided_cam`
and `rectified_cam` are Grad-CAM with two other rules."""
CAMS = {"grad_cam": "plain", "guided_cam": "guided", "rectified_cam": "rectified"}
STEPS, DRAWS = 10, 10
PATH, SHORT = 16, 8
"""Gradients along the path of integrated gradients: by Gauss and Legendre's rule its maps are those
of 50, for what is asked of them here; and on the way of a large picture through a destroyed network
so few that they still are (correlation 0.99)."""
PICTURES, SMALL = 12, 4096
"""How many pictures are judged, where they have no more pixels than this; else as few as the
occlusion figure shows."""
FEW_STEPS, FEW_DRAWS, FEW_RUINS = 5, 3, 1
"""Steps, draws and ruins for large pictures, of which the network is asked a hundredth as fast."""
RUINS = 3
"""How often the network is destroyed for the sanity check: one destruction is not like another."""
SANE, FEW_SANE = 5, 3
"""Of the pictures, how many it is made with where a map is dear, with one destruction; and where
the pictures are large, so that all maps are."""
DEAR = ("occlusion", "guide", "integrated_gradients")


@kept
@dataclass(frozen=True)
class Trust:
    """What was found: scores and, where it could be had, the sanity check, by method.

    fell: by method, the mean probability before, after its maps' first pixels were taken away, and
    after the random control's were.
    """

    scores: dict[str, Scores]
    sane: dict[str, Sanity]
    chosen: list[int]
    decoys: dict[str, Array]
    fell: dict[str, tuple[float, float, float]]

    def believed(self) -> list[str]:
        """The methods that are surely better than every control and pass the sanity check, the best
        first."""
        good = [
            name
            for name, found in self.scores.items()
            if not _unbeaten(found["insertion_minus_deletion"])
            and not marks_of(self.sane.get(name))
        ]
        return sorted(good, key=lambda name: -_quality(self.scores[name]))

    def verdict(self) -> str:
        """How many methods can be believed, and which one best, in one line."""
        good, n = self.believed(), len(self.chosen)
        if not self.scores:
            return say("verdict.trust.unknown")
        if not good:
            return say("verdict.trust.none", of=len(self.scores), n=n)
        before, after, random = self.fell[good[0]]
        return say("verdict.trust", good=len(good), of=len(self.scores), n=n, share=SHARE,
                   best=name_of(good[0]), before=before, after=after, random=random)  # fmt: skip


@kept
@dataclass(frozen=True)
class Told:
    """What the page says of it: what speaks against a method, wherever its maps stand; the table of
    all methods; the line at the top."""

    marks: dict[str, str]
    table: Figure | None
    verdict: str


def told(study: Study) -> Told:
    """All that the page says of how far its maps can be believed."""
    found = judged(study)
    return Told(against(found.sane), table(study, found), found.verdict())


def against(sane: Mapping[str, Sanity]) -> dict[str, str]:
    """What the sanity check says against each method, or nothing."""
    return {name: marks_of(one) for name, one in sane.items()}


def judged(study: Study) -> Trust:
    """All methods of the page on right answers spread over the data, where there are any."""
    found = [part(study, k) for k in range(len(parts(study)))]
    joined: dict[str, Any] = {"chosen": found[0].chosen}
    for name in ("scores", "sane", "decoys", "fell"):
        joined[name] = {key: v for one in found for key, v in getattr(one, name).items()}
    return Trust(**joined)


def parts(study: Study) -> list[list[str]]:
    """The methods that are judged together: all, or where that is dear in two halves, for two hands
    to make. Readings of one method are never apart, as they may be the same."""
    names = _names(study)
    if not are_dear(study) or len(names) < 2:
        return [names]
    plain = [name for name in names if name not in CAMS]
    half = (len(plain) + 1) // 2
    return [plain[:half] + [name for name in names if name in CAMS], plain[half:]]


def part(study: Study, which: int) -> Trust:
    """One of the `parts`, judged once for all that need it."""
    found: Trust = study.once(
        f"judged-{which}", lambda: _judged(study, parts(study)[which]), Trust, ("methods", "pick")
    )
    return found


def _judged(study: Study, names: Sequence[str]) -> Trust:
    few = are_dear(study)
    chosen = _judged_by(study, few)
    data = study.data[chosen]
    targets = study.predicted[chosen]
    steps, draws, count = (FEW_STEPS, FEW_DRAWS, FEW_RUINS) if few else (STEPS, DRAWS, RUINS)
    judge = Judge.of(study.judged, data, targets, steps=steps, draws=draws, fill=fill_for(study),
                     seed=study.seed)  # fmt: skip
    homes = learnt(study.judged)
    ruins = [forgotten(study.judged, homes, RUINS * study.seed + k) for k in range(count)]
    results: dict[str, Attribution] = {}
    found = Trust({}, {}, chosen, {}, {})
    for name in names:
        method, options = _asked(study, name)
        try:
            result = (_had(study, name) if few else None) or explain(
                study.judged, data.x, targets, method=method, **options
            )
            if name in CAMS and same(result, results.get("grad_cam")):
                continue
            found.scores[name] = judge.scores(result)
            results[name] = result
            if data.decoys is not None:
                other = replace(judge, truth=data.decoys)
                found.decoys[name] = other.scores(result).of("pointing")
            # Occlusion asks the network again for every place: dear where the picture is large.
            if homes and (method != "occlusion" or not few):
                n, k = (SANE, 1) if _is_dear(name) else (len(data), count)
                n = min(n, FEW_SANE) if few else n
                short = {"steps": SHORT} if few and name == CONTRAST else {}
                found.sane[name] = noticed(
                    study.judged, data.x[:n], targets[:n], result, ruins[:k],
                    options=options | short, seed=study.seed,
                )  # fmt: skip
        except NnvizError:
            continue
    return replace(found, fell=_fell(study, data.x, targets, results))


def same(one: Attribution, other: Attribution | None) -> bool:
    """Whether two readings of a method are one: where no ReLU lies between its node and the answer,
    the rules for ReLUs change nothing."""
    return other is not None and np.array_equal(one.values, other.values)


def _fell(
    study: Study, x: Array, targets: Array, results: Mapping[str, Attribution]
) -> dict[str, tuple[float, float, float]]:
    """`Trust.fell`; asked for this very share, which need not be a point of the curves."""
    if not results:
        return {}
    maps = np.stack([evidence(result) for result in results.values()])
    found = falls(study.judged, x, maps, tuple(targets.tolist()), share=SHARE,
                  fill=fill_for(study), seed=study.seed)  # fmt: skip
    before, random = float(found.before.mean()), float(found.random.mean())
    return {name: (before, float(after.mean()), random)
            for name, after in zip(results, found.after, strict=True)}  # fmt: skip


def are_dear(study: Study) -> bool:
    """Whether the pictures are so large that few of them are judged."""
    return math.prod(study.model.input.shape[:2]) > SMALL


def _judged_by(study: Study, few: bool) -> list[int]:
    """The pictures that the methods are judged by: where maps are dear, those that have some."""
    if few:
        return hardest(study)
    right = np.flatnonzero(study.predicted == study.labels)
    return spread(right, PICTURES).tolist() or hardest(study)


def _had(study: Study, name: str) -> Attribution | None:
    """The maps of these pictures that a dear figure has already, or None."""
    if name == "guide":
        return guided(study)
    there = name in shown(study) and options_of(study, name) == _asked(study, name)[1]
    return explained(study, name) if there else None


def _names(study: Study) -> list[str]:
    """The methods that are judged: those of the page, or those chosen, each with its figures."""
    names = list(JUDGED) if study.has_places else [n for n in JUDGED if n not in CAMS]
    if not study.methods:
        return names
    also = {"occlusion": ("guide",), "grad_cam": tuple(CAMS)[1:]}
    return [*study.methods, *(n for m in study.methods for n in also.get(m, ()))]


def _is_dear(name: str) -> bool:
    return name in DEAR or (name not in CAMS and METHODS[name].family == "perturbation")


def _asked(study: Study, name: str) -> tuple[str, dict[str, Any]]:
    """The method of a name in `JUDGED`, with the options that its figure has."""
    if name == "guide":
        return "occlusion", guide_settings(study)
    if name in CAMS and name != "grad_cam":
        return "grad_cam", {"rule": CAMS[name]}
    more = {"steps": PATH} if name == CONTRAST and not study.is_large else {}
    return name, options_of(study, name) | more


def table(study: Study, trust: Trust) -> Figure | None:
    """A row for each method: quality, controls, sanity; and hits, where the truth is known."""
    if not trust.scores:
        return None
    known = study.data.masks is not None
    names = sorted(trust.scores, key=lambda n: -_quality(trust.scores[n]))
    head = heads("trust.head") + (heads("trust.head.known") if known else [])
    head += heads("trust.head.decoy") if trust.decoys else []
    rows = []
    for name in names:
        found, sane = trust.scores[name], trust.sane.get(name)
        before, after, _ = trust.fell[name]
        one = found["insertion_minus_deletion"]
        unbeaten = [say(f"control.{name}") for name in _unbeaten(one)]
        passed = marks_of(sane) or say("trust.passes")
        checked = say("trust.unchecked")
        if sane is not None:
            rho = sane.survival[0]
            checked = (passed if math.isnan(rho)
                       else say("trust.survives", rho=_plain(rho), mark=passed))  # fmt: skip
        row = [name_of(name), f"{_plain(before)} → {_plain(after)}", _ranged(one),
               listing(unbeaten) or say("trust.none"), checked]  # fmt: skip
        row += [f"{found['pointing'].mean:.0%}"] if known else []
        row += [f"{trust.decoys[name].mean():.0%}"] if trust.decoys else []
        rows.append(row)
    any_one = trust.scores[names[0]]
    random = trust.fell[names[0]]
    foot = [say("control.random"), f"{_plain(random[0])} → {_plain(random[2])}",
            _plain(float(any_one.of("insertion_minus_deletion", "random").mean()))]  # fmt: skip
    foot += [""] * (len(head) - 3)
    if known:
        foot[5] = f"{any_one.of('pointing', 'random').mean():.0%}"
    few, told = are_dear(study), len(trust.chosen)
    caption = say("trust.caption", n=told, share=SHARE,
                  which=say("trust.explained" if few else "trust.spread"))  # fmt: skip
    caption += " " + say("trust.few", n=min(told, FEW_SANE)) if few else ""
    return Figure(
        id="trust",
        title=_title(trust, names, known),
        caption=caption,
        table=Table(head, rows, foot),
        method=say("how.trust"),
        paper="Petsiuk et al. 2018, arXiv:1806.07421; Adebayo et al. 2018, arXiv:1810.03292; "
        "Sixt et al. 2020, arXiv:1912.09818",
        settings=f"steps {FEW_STEPS if few else STEPS}, fill {fill_for(study)}",
        seed=study.seed,
        code=f"{study.model_code}\n{study.data_code}\nx = data.x[{trust.chosen}]\n"
        f'map_ = nv.explain(model, x, method="lrp", composite="epsilon_plus")\n'
        f"print(nv.score(model, x, map_, fill={fill_for(study)}))\n"
        f'print(nv.sanity(model, x, method="lrp"))',
        numbers={"pictures": np.array(trust.chosen)}
        | {f"{name}_deletion": found.deletion for name, found in trust.scores.items()}
        | {f"{name}_insertion": found.insertion for name, found in trust.scores.items()},
        wide=True,
    )


def _unbeaten(one: Score) -> list[str]:
    """The controls that a method is not surely better than; all, where there is one picture."""
    return [c.control for c in one.controls if not c.beaten or one.interval is None]


def _ranged(one: Score) -> str:
    """The mean, and its 95 % interval where there is one."""
    mean = _plain(one.mean)
    if one.interval is None:
        return mean
    low, high = (_plain(end) for end in one.interval)
    return say("trust.range", mean=mean, low=low, high=high)


def _plain(value: float) -> str:
    """Two digits, never `-0.00`."""
    return minus(f"{round(value, 2) + 0.0:.2f}")


def _quality(found: Scores) -> float:
    return found["insertion_minus_deletion"].mean


def _title(trust: Trust, names: list[str], known: bool) -> str:
    """The spurious cue where the maps show it; else how many methods can be believed here."""
    if trust.decoys:
        seen = np.mean([trust.decoys[name].mean() for name in names])
        true = np.mean([trust.scores[name]["pointing"].mean for name in names])
        key = "trust.title.decoy" if seen > true else "trust.title.true"
        return say(key, decoy=seen, true=true)
    good = trust.believed()
    if not good:
        return say("trust.title.no", n=len(names))
    return say("trust.title", good=len(good), n=len(names), best=name_of(good[0]))
