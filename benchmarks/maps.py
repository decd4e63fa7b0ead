"""Are our maps those of the reference implementations? `python -m benchmarks.agreement maps`.

Random networks (`nets`), several seeds, several pictures, float64. For each comparison: the
smallest Pearson correlation of a picture's map with the reference's, and the largest difference
relative to the reference's largest value.
"""

from __future__ import annotations

import json
import platform
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import captum
import numpy as np
import torch

import nnviz as nv
from nnviz.inspection.attribution import METHODS

from .nets import Case
from .reference import ALONE, ENTRIES
from .reference.entry import Entry

RESULTS = Path(__file__).parent / "results"
GOAL = 0.9999


@dataclass(frozen=True)
class Row:
    """One comparison's outcome; pearson and difference are None where the method is not there.

    pictures: how many maps were compared; those that are constant in both are not counted.
    """

    method: str
    settings: str
    reference: str
    kind: str
    nets: str
    pictures: int
    pearson: float | None
    difference: float | None
    note: str

    @property
    def reaches(self) -> bool:
        return self.pearson is not None and self.pearson >= GOAL


def pearson(ours: np.ndarray, theirs: np.ndarray) -> float | None:
    """The correlation of two maps of one picture. Maps that are constant but for rounding (zero, or
    the gradient below a pooled head) have none: None where both are the same number, else 0."""
    a, b = (m.ravel().astype(np.float64) for m in (ours, theirs))
    largest = max(np.abs(a).max(), np.abs(b).max())
    flat = [np.ptp(m) <= 1e-6 * largest for m in (a, b)]
    if any(flat):
        return None if all(flat) and np.abs(a - b).max() <= 1e-6 * largest else 0.0
    return float(np.corrcoef(a, b)[0, 1])


def row(entry: Entry, cases: Sequence[Case]) -> Row:
    """Compare on all cases of the entry's nets."""
    mine = [case for case in cases if case.name in entry.nets]
    least, most, pictures = None, None, 0
    settings = entry.settings(mine[0])
    for case in mine if entry.method in METHODS else ():
        options = entry.settings(case)
        result = nv.explain(case.model, case.x, case.targets, method=entry.method, **options)
        ours, theirs = getattr(result, entry.part), entry.theirs(case)
        if ours.shape != theirs.shape:
            raise ValueError(f"{entry.method}: ours {ours.shape}, theirs {theirs.shape}")
        for a, b in zip(ours, theirs, strict=True):
            found = pearson(a, b)
            if found is None:
                continue
            pictures += 1
            gap = float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-300))
            least = found if least is None else min(least, found)
            most = gap if most is None else max(most, gap)
    return Row(
        entry.method,
        ", ".join(f"{k}={_short(v)}" for k, v in settings.items()),
        entry.reference,
        entry.kind,
        ", ".join(entry.nets),
        pictures,
        least,
        most,
        entry.note,
    )


def _short(value: object) -> str:
    return f"array {value.shape}" if isinstance(value, np.ndarray) else repr(value)


def told(row: Row) -> str:
    """One line of the table."""
    name = f"{row.method}({row.settings})"
    if row.pearson is None:
        return f"{name:<86} not there yet"
    mark = {"exact": " ", "random": "~", "other": "*"}[row.kind]
    return (
        f"{name:<86} {row.pictures:>4} {row.pearson:>12.8f}{mark} {row.difference:>8.1e}  "
        f"{row.reference}{f' — {row.note}' if row.note else ''}"
    )


def summary(rows: Sequence[Row]) -> list[str]:
    """How many methods reach the goal, which do not, and which are not compared."""
    exact = [r for r in rows if r.kind == "exact" and r.pearson is not None]
    methods = sorted({r.method for r in exact})
    short = [m for m in methods if not all(r.reaches for r in exact if r.method == m)]
    steady = sum(not METHODS[m].stochastic for m in methods)
    lines = [
        f"{len(methods) - len(short)} of {len(methods)} methods ({steady} of them deterministic, "
        f"the others at the same draws) reach a Pearson correlation of {GOAL} in all their "
        f"{len(exact)} comparisons"
    ]
    if short:
        lines.append(f"below it: {', '.join(short)}")
    compared = {r.method for r in rows}
    alone = sorted(set(METHODS) - compared)
    lines.append(f"not compared: {', '.join(alone) or 'none'}")
    return [*lines, *(f"  {name}: {ALONE[name]}" for name in alone if name in ALONE)]


def compare(names: Sequence[str], seeds: int) -> None:
    """Print the table, for all methods or for those named; write it where all are asked for."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", module="captum|torch")  # they announce their own hooks
    cases = [Case.of(net, seed) for net in dict.fromkeys(_nets()) for seed in range(seeds)]
    head = f"{'method':<86} {'maps':>4} {'Pearson':>12}  {'rel.diff':>8}  reference"
    print(head, flush=True)
    rows = []
    for entry in ENTRIES:
        if names and entry.method not in names:
            continue
        rows.append(row(entry, cases))
        print(told(rows[-1]), flush=True)
    end = [
        "",
        "~ mean of random draws; * the reference is defined otherwise, as the note says",
        *summary(rows),
    ]
    print("\n".join(end))
    if names:
        return
    RESULTS.mkdir(exist_ok=True)
    table = "\n".join([head, *(told(r) for r in rows), *end]) + "\n"
    (RESULTS / "agreement.txt").write_text(table, encoding="utf-8")
    made = {
        "nnviz": nv.__version__,
        "numpy": np.__version__,
        "torch": torch.__version__,
        "captum": captum.__version__,
        "python": platform.python_version(),
        "seeds": seeds,
    }
    page = {"made_with": made, "rows": [asdict(r) for r in rows], "summary": summary(rows)}
    text = json.dumps(page, indent=1, ensure_ascii=False) + "\n"
    (RESULTS / "agreement.json").write_text(text, encoding="utf-8")


def _nets() -> list[str]:
    return [net for entry in ENTRIES for net in entry.nets]
