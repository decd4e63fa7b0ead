"""Chapter two: channels that do no work of their own, and what shows it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..engine.layer import Array
from ..inspection.anatomy import Finding, Health
from ..inspection.anatomy.filters import KINDS
from .figure import Figure, Table
from .study import Study
from .words import heads, listing, say, translated

FOUND = ("dead", "duplicate", "saturated")
MOST = 6
"""Lines of evidence for each kind at the most."""


def work(study: Study, health: Health) -> Figure | None:
    """A table of what was looked for, how often it was found, and in which channels."""
    total = channels_in(study)
    if not total:
        return None
    found = {(f.node, f.channel) for f in health.findings}
    counts = {kind: len(health.of(kind)) for kind in FOUND}
    kinds = listing(
        say(f"spare.kind.{kind}{'.one' if n == 1 else ''}", n=n) for kind, n in counts.items() if n
    )
    key = ".none" if not found else ".one" if len(found) == 1 else ""
    rows = [[say(f"spare.{kind}"), str(counts[kind]), evidence(health.of(kind))] for kind in FOUND]
    return Figure(
        id="activations",
        title=say(f"spare.title{key}", n=len(found), of=f"{total:,}", kinds=kinds),
        caption=say("spare.caption", pictures=health.pictures),
        table=Table(heads("spare.head"), rows),
        method=say("how.spare"),
        code=f"{study.model_code}\n{study.data_code}\nprint(nv.health(model, data))",
        numbers=_numbers(health),
    )


def _numbers(health: Health) -> dict[str, Array]:
    """The channels found, by layer and kind; at least which layers have no dead one."""
    found: dict[str, list[int]] = {f"{s.name}:dead": [] for s in health.answers}
    for one in health.findings:
        found.setdefault(f"{one.node}:{one.kind}", []).append(one.channel)
    return {name: np.array(channels, int) for name, channels in found.items()}


def channels_in(study: Study) -> int:
    """How many channels learn: those of convolutions, and units of dense layers."""
    model = study.model
    return sum(
        model.shapes[node.name][-1]
        for node in model.nodes
        if isinstance(node.layer, KINDS) and model.homes[node.name] == node.name
    )


def evidence(findings: Sequence[Finding]) -> str:
    """The findings with their evidence; what is said of many channels of a layer is said once."""
    alike: dict[tuple[str, str], list[int]] = {}
    for one in findings:
        alike.setdefault((one.node, one.evidence), []).append(one.channel)
    lines = [
        say("spare.which", node=node, channels=listing(channels), evidence=translated(words))
        for (node, words), channels in alike.items()
    ]
    if len(lines) > MOST:
        lines = [*lines[:MOST], say("spare.more", count=len(lines) - MOST)]
    return say("list.semicolon").join(lines) or say("spare.none")


def advice(health: Health) -> list[str]:
    """What to do about copies and stuck channels."""
    keys = (("duplicate", "todo.copies"), ("saturated", "todo.stuck"))
    return [
        say(key, where=where([one.node for one in health.of(kind)]))
        for kind, key in keys
        if health.of(kind)
    ]


def where(nodes: Sequence[str]) -> str:
    """How many in which layers."""
    return listing(
        (say("where.count", count=nodes.count(node), node=node) for node in dict.fromkeys(nodes)), 4
    )
