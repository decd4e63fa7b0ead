"""Chapter one, from layer to layer: how large the answers get, and how the pictures lie before the
network decides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..draw import spreads as draw_spreads
from ..draw.anatomy import plane
from ..draw.image import number
from ..draw.samples import spread as evenly_spread
from ..engine.layer import Array
from ..inspection.anatomy import Distributions, Embedding, distributions, embedding
from ..inspection.anatomy.spread import Spread
from .figure import Figure
from .study import Study
from .why import legend
from .words import say, told

SAMPLED = 64
"""Pictures whose answers are spread out: enough for millions of numbers a layer."""
POINTS = 500
"""Points of the embedding at the most."""
BARS = 24
"""Layers in one chart at the most."""
TOLD = 24
"""Classes whose middles a reader who cannot see the chart is told, at the most."""
EACH = 3
"""So many pictures of each class at least, on average: else neighbours tell nothing."""
APART, MIXED = 0.8, 0.5
"""From which share of neighbours of one class on classes are called apart, and below which
mixed."""


def some(study: Study, most: int) -> tuple[Array, str]:
    """The numbers of at most `most` pictures, evenly spread over the data, and the Python for
    them."""
    chosen = evenly_spread(np.arange(len(study.data)), most)
    count = len(study.data)
    every = len(chosen) == count
    steps = "data.x" if every else f"data.x[np.arange({most}) * {count} // {most}]"
    return chosen, steps


def sizes(study: Study) -> Figure | None:
    """How the weights and the answers of every layer are spread, from the first to the last; None
    for a network that only puts numbers in another shape."""
    chosen, code = some(study, SAMPLED)
    result = distributions(study.model, study.data.x[chosen])
    weights = [s for s in result.weights if s.name.endswith("/weight")]
    shown = [few(weights, BARS), few(result.activations, BARS)]
    if not result.activations:
        return None
    first, last = result.activations[0], result.activations[-1]
    logits = next((s for s in result.activations if s.name == study.model.logits_name), last)
    caption = say("sizes.caption", pictures=result.pictures)
    if any(draw_spreads.is_logarithmic(part) for part in shown if part):
        caption += " " + say("sizes.powers")
    if max(len(weights), len(result.activations)) > BARS:
        caption += " " + say("sizes.limit", most=BARS, of=len(result.activations))
    return Figure(
        id="sizes",
        title=say("sizes.title", first=first.name, last=logits.name, low=number(first.std),
                  high=number(logits.std)),
        caption=caption,
        alt=say("list.semicolon").join(_told(s) for s in shown[1]),
        chart=draw_spreads.ranges(*shown),
        method=say("how.sizes", pictures=result.pictures),
        paper="Glorot and Bengio 2010, section 4",
        code=f"{study.model_code}\n{study.data_code}\nimport numpy as np\n"
        f"nv.distributions(model, {code}).activations",
        numbers=_numbers(result),
    )  # fmt: skip


def few(spreads: Sequence[Spread], most: int) -> list[Spread]:
    """At most so many, evenly spread, the first and the last among them."""
    if len(spreads) <= most:
        return list(spreads)
    places = np.linspace(0, len(spreads) - 1, most).round().astype(int)
    return [spreads[i] for i in places.tolist()]


def _told(s: Spread) -> str:
    low, high = (number(0.0 if end is None else end) for end in (s.low, s.high))
    return say("alt.range", name=s.name, mean=number(s.mean), std=number(s.std), low=low, high=high)


def _numbers(result: Distributions) -> dict[str, Array]:
    """Of each parameter and each node (5,): mean, spread, smallest, largest, share of zeros."""
    return {
        s.name: np.array([s.mean, s.std, s.low or 0.0, s.high or 0.0, s.zero])
        for s in (*result.weights, *result.activations)
    }


# The embedding ----------------------------------------------------------------------------------


def arranged(study: Study) -> Figure:
    """The penultimate layer's features of the pictures, laid out in a plane by PCA."""
    chosen, code = some(study, POINTS)
    labels = study.labels[chosen] if study.is_classifier else None
    result = embedding(study.model, study.data.x[chosen], labels)
    assert result.explained is not None
    share = float(result.explained.sum())
    node = result.provenance.node
    caption = say("embedding.caption", node=node, share=share, n=len(chosen))
    title = say("embedding.title.plain")
    if labels is not None:
        caption += " " + say("embedding.caption.classes")
        count = len(np.unique(labels))
        if 1 < count <= len(labels) // EACH and not result.warnings:
            near = neighbours(result.points, labels)
            kind = "apart" if near >= APART else "mixed" if near < MIXED else "partly"
            title = say(f"embedding.title.{kind}", near=near)
    named = "" if labels is None else ", data.y" + code.removeprefix("data.x")
    if labels is not None and study.data.y is None:
        named = ""
    return Figure(
        id="embedding",
        title=title,
        caption=caption,
        alt=_spoken(study, result),
        chart=plane(result),
        legend=[] if labels is None else legend(study, labels),
        warnings=told(result.warnings, ()),
        method=say("how.embedding", node=node),
        paper="Pearson 1901",
        settings=say("how.embedding.n", n=len(chosen)),
        code=f"{study.model_code}\n{study.data_code}\nimport numpy as np\n"
        f"nv.embedding(model, {code}{named}).points",
        numbers={"pictures": chosen, "points": result.points, "explained": result.explained}
        | ({} if labels is None else {"labels": labels}),
    )


def neighbours(points: Array, labels: Array) -> float:
    """The share of points whose nearest other point is of their own class."""
    same = 0
    for i, point in enumerate(points):
        far = np.square(points - point, dtype=np.float64).sum(axis=1)
        far[i] = np.inf
        same += int(labels[far.argmin()] == labels[i])
    return same / len(points)


def _spoken(study: Study, result: Embedding) -> str:
    """Where the middle of each class lies."""
    if result.labels is None:
        return say("alt.scatter", n=len(result.points))
    middles = [
        say(
            "alt.scatter.at",
            name=study.class_name(int(c)),
            place=", ".join(number(float(v)) for v in result.points[result.labels == c].mean(0)),
        )
        for c in np.unique(result.labels)[:TOLD]
    ]
    joined = say("list.semicolon").join(middles)
    return say("alt.scatter.classes", n=len(result.points), middles=joined)
