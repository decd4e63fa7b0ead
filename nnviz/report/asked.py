"""Any class as the target: the maps of a few pictures for every class, so that a reader can ask for
another one than the network's answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..draw.colour import SEQUENTIAL, limits
from ..engine.layer import Array
from .figure import Look, Scale
from .study import MOST_CLASSES, Study
from .words import ends

PICTURES, LARGE_PICTURES = 5, 2
"""How many pictures are asked about every class, and how many of large ones."""
LARGE_CLASSES = 5
"""How many classes, where the pictures are large."""


def every_class(
    study: Study, explain: Callable[..., Any], chosen: list[int], name: str
) -> tuple[dict[str, Array], list[Look]]:
    """Maps of each of the first of the chosen pictures for all classes, or for its likeliest ones
    where there are many; the arrays for the figure, and what the viewer knows of each map.

    The maps of one picture share one scale.
    """
    pictures = chosen[: LARGE_PICTURES if study.is_large else PICTURES]
    sure = study.probabilities[pictures]
    most = min(LARGE_CLASSES if study.is_large else MOST_CLASSES, sure.shape[1])
    classes = np.sort(np.argsort(-sure, axis=1, kind="stable")[:, :most], axis=1)
    x = np.repeat(study.data.x[pictures], most, axis=0)
    result = explain(study.judged, x, classes.ravel())
    values = result.values.reshape(len(pictures), most, *result.values.shape[1:])
    call = f"nv.{explain.__name__}(model, data.x[{{0}}:{{1}}], {{2}}).values[0]"
    looks = []
    for p, (i, line) in enumerate(zip(pictures, classes.tolist(), strict=True)):
        low, high = limits(study.maps(values[p]), signed=False)
        scale = Scale(low, high, SEQUENTIAL, ends("scale.little_much"))
        looks += [
            Look(i, name, study.class_name(c), "every_class", (p, k), None, scale, study.dot,
                 again=call.format(i, i + 1, c))
            for k, c in enumerate(line)
        ]  # fmt: skip
    numbers = {"every_class": values, "every_class_pictures": np.array(pictures)}
    return numbers | {"every_class_classes": classes}, looks
