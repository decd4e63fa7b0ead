"""The answers picture by picture: for pictures without labels, and for networks of many classes."""

from __future__ import annotations

import numpy as np

from ..draw.image import pixels
from ..draw.samples import spread as evenly_spread
from .figure import Cell, Figure, rows_of
from .study import MOST_CLASSES, Study, sureness
from .words import listing, say

TOP = 5
"""Classes under each picture."""
MOST = 24
"""Pictures at the most."""


def wanted(study: Study) -> bool:
    """Whether the pictures' answers are shown one by one: nothing else says of them what they are,
    or there are too many classes for a table."""
    if not study.is_classifier:
        return False
    return study.data.y is None or study.judged.output_shape[0] > MOST_CLASSES


def top(study: Study) -> Figure:
    """Each picture with its likeliest classes."""
    chosen = evenly_spread(np.arange(len(study.data)), MOST)
    sure = study.probabilities[chosen]
    count = min(TOP, sure.shape[1])
    order = np.argsort(-sure, axis=1, kind="stable")[:, :count]
    shares = np.take_along_axis(sure, order, axis=1)
    cells = [
        _cell(study, i, places, values)
        for i, places, values in zip(chosen.tolist(), order, shares, strict=True)
    ]
    best, worst = int(shares[:, 0].argmax()), int(shares[:, 0].argmin())
    first = [study.class_name(int(order[k, 0])) for k in (best, worst)]
    say_limit = (
        ""
        if len(chosen) == len(study.data)
        else " " + say("limit.even", shown=len(chosen), of=len(study.data))
    )
    one = len(chosen) == 1
    return Figure(
        id="answers",
        title=say("answers.top.title.one" if one else "answers.top.title",
                  best=first[0], high=sureness(shares[best, 0]), worst=first[1],
                  low=sureness(shares[worst, 0])),
        caption=say("answers.top.caption", n=count) + say_limit,
        cells=rows_of(cells, 4),
        zoom=227,
        wide=True,
        method=say("how.answers"),
        code=f"{study.model_code}\n{study.data_code}\nimport numpy as np\n"
        f"sure = model.predict(data.x)\nnp.argsort(-sure, axis=1)[:, :{count}]",
        numbers={"pictures": chosen, "classes": order, "probabilities": shares},
    )  # fmt: skip


def _cell(study: Study, i: int, places: np.ndarray, values: np.ndarray) -> Cell:
    """One picture, and a line for each of its likeliest classes."""
    lines = [
        say("answers.top.line", share=sureness(share), name=study.class_name(int(place)))
        for place, share in zip(places, values, strict=True)
    ]
    if study.data.y is not None:
        lines.insert(0, say("answers.top.truth", true=study.class_name(int(study.labels[i]))))
    called = study.data.files[i] if study.data.files else say("alt.called", i=i)
    return Cell(
        pixels(study.data.x[i]),
        "\n".join(lines),
        say("alt.top", picture=called, lines=listing(lines)),
    )
