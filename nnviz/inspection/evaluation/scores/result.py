"""What `score` returns: every score of every picture beside the controls', and what follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....engine.layer import Array
from ....errors import unknown
from ...attribution.checks import number, whole_number
from ...results import Part, Provenance, Result
from ..intervals import ANYWHERE, Interval, student, wilson
from .measures import MEASURES, Measure

HEADLINES = ("insertion_minus_deletion", "rank")
"""The scores that decide whether a map is marked: one asks the network, one the known truth."""


@dataclass(frozen=True)
class Beside(Part):
    """A control's mean, by how much the map is better (worse: below 0) on the same pictures, the 95
    % interval of that, and whether it is surely better."""

    control: str
    mean: float
    lead: float
    interval: Interval | None
    beaten: bool


@dataclass(frozen=True)
class Score(Part):
    """One score: its mean over the pictures, the 95 % interval (None for a single picture), which
    way is better, and the controls beside it."""

    name: str
    mean: float
    interval: Interval | None
    direction: str
    reference: str
    controls: tuple[Beside, ...]


@dataclass(frozen=True)
class Scores(Result):
    """S scores of N maps, and of C controls on the same pictures.

    names: (S,). controls: (C,). values: (1 + C, S, N): the map's, then the controls'; NaN where a
    score has no meaning. shares: (K + 1,), of the pixels. deletion, insertion: (1 + C, N, K + 1),
    the probability curves. covered: (N,), the masks' share of the picture, which is what a random
    map is expected to reach in pointing, mass and rank. ends: (S, 2), between which numbers each
    score lies, whatever the map.
    """

    names: tuple[str, ...]
    controls: tuple[str, ...]
    values: Array
    shares: Array
    deletion: Array
    insertion: Array
    provenance: Provenance
    covered: Array | None = None
    ends: Array | None = None

    def of(self, name: str, control: str | None = None) -> Array:
        """(N,): a score of each picture's map, or of a control's."""
        if name not in self.names:
            raise unknown("score", name, self.names, "these scores")
        if control is not None and control not in self.controls:
            raise unknown("control", control, self.controls, "these scores")
        which = 0 if control is None else 1 + self.controls.index(control)
        found: Array = self.values[which, self.names.index(name)]
        return found

    def __getitem__(self, name: str) -> Score:
        """A score by name, over all pictures."""
        mine, measure = self.of(name), MEASURES[name]
        mean, interval = summed_up(mine, measure, self._ends(name))
        beside = tuple(self._beside(name, control) for control in self.controls)
        return Score(name, mean, interval, measure.direction, measure.reference, beside)

    def _beside(self, name: str, control: str) -> Beside:
        mine, other, measure = self.of(name), self.of(name, control), MEASURES[name]
        low, high = self._ends(name)
        apart = (low - high, high - low)
        lead, interval = student((mine - other) * (measure.better or 1), apart)
        low = lead if interval is None else interval[0]
        beaten = bool(measure.better and low > 0)
        return Beside(control, summed_up(other, measure)[0], lead, interval, beaten)

    def _ends(self, name: str) -> Interval:
        """Between which numbers a score lies."""
        if self.ends is None:
            return ANYWHERE
        low, high = self.ends[self.names.index(name)].tolist()
        return low, high

    @property
    def marks(self) -> tuple[str, ...]:
        """What speaks against believing these maps: the controls that they do not surely beat."""
        said = []
        for name in HEADLINES:
            if name not in self.names:
                continue
            score = self[name]
            said += [
                f"does not surely beat the {one.control} control: {name} {score.mean:.3g}, the "
                f"control {one.mean:.3g}"
                for one in score.controls
                if not one.beaten
            ]
        return tuple(said)

    def fall(self, picture: int = 0, share: float = 0.1) -> tuple[float, Array]:
        """The probability before, and after the first `share` of the pixels is taken away: (1 + C,)
        for the map and the controls."""
        count = self.deletion.shape[1]
        picture = whole_number(picture, "picture", "fall", least=0, most=count - 1)
        share = number(share, "share", "fall", most=1.0)
        curves = self.deletion[:, picture]
        after = np.array([np.interp(share, self.shares, curve) for curve in curves])
        return float(curves[0, 0]), after

    def __str__(self) -> str:
        head = ["score", "mean", "95 % interval", *self.controls, ""]
        lines = [head]
        for name in self.names:
            one = self[name]
            low_high = "-" if one.interval is None else "{:.3f} to {:.3f}".format(*one.interval)
            marks = [
                "-" if np.isnan(c.mean) else f"{c.mean:.3f}{'' if c.beaten else ' !'}"
                if MEASURES[name].better else f"{c.mean:.3f}" for c in one.controls
            ]  # fmt: skip
            lines.append([name, f"{one.mean:.3f}", low_high, *marks, one.direction])
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        rows = (
            "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )
        return "\n".join([*rows, "!: the map does not surely beat this control"])


def summed_up(
    values: Array, measure: Measure, ends: Interval = ANYWHERE
) -> tuple[float, Interval | None]:
    """The mean over pictures and its 95 % interval: Wilson's for a share, else Student's; neither
    leaves the ends between which the score lies."""
    there = values[np.isfinite(values)]
    if measure.share and len(there) > 1:
        return float(there.mean()), wilson(round(float(there.sum())), len(there))
    return student(values, ends)
