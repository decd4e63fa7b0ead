"""A model whose layers note how long they take.

The walks run it as any other model, through the same code, chunks and threads, so what is timed is
what happens. Each node gets a copy of its layer that shares the parameters; the copy's class is a
subclass that looks at the clock around each method.
"""

from __future__ import annotations

import copy
import threading
import time
import types
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from ...engine.layer import Layer
from ...engine.model import Model

PARTS: Mapping[str, tuple[str, ...]] = {
    "forward": ("forward", "forward_part", "forward_total", "new_buffers"),
    "backward": ("backward", "backward_part", "backward_total"),
    "grads": ("grads",),
}
"""What is told apart -> the layers' methods that belong to it."""


class Stopwatch:
    """Seconds by node and part, added up over chunks and threads."""

    def __init__(self, model: Model) -> None:
        self._laps: list[tuple[str, str, float]] = []
        self._inside = threading.local()
        self.model = model.with_layers({n.name: self._timed(n.name, n.layer) for n in model.nodes})

    def take(self) -> dict[tuple[str, str], float]:
        """The seconds since the last time that this was asked."""
        laps, self._laps[:] = list(self._laps), []
        sums: dict[tuple[str, str], float] = defaultdict(float)
        for node, part, seconds in laps:
            sums[node, part] += seconds
        return sums

    def _timed(self, node: str, layer: Layer) -> Layer:
        """A copy of the layer that looks at the clock; it shares the parameters, not the buffers,
        which training would change."""
        kind = type(layer)
        methods = {
            name: self._watched(node, part, getattr(kind, name))
            for part, names in PARTS.items()
            for name in names
        }
        other = copy.copy(layer)
        other.buffers = dict(layer.buffers)
        # Not registered: it is no kind of layer that a model file could name.
        made = types.new_class(
            kind.__name__, (kind,), {"abstract": True}, lambda d: d.update(methods)
        )
        other.__class__ = made
        return other

    def _watched(self, node: str, part: str, method: Callable[..., Any]) -> Callable[..., Any]:
        """The method with the clock around it. What it calls of its own layer counts once."""
        inside, laps = self._inside, self._laps

        def watched(*args: Any, **options: Any) -> Any:
            if getattr(inside, "busy", False):
                return method(*args, **options)
            inside.busy = True
            began = time.perf_counter()
            try:
                return method(*args, **options)
            finally:
                laps.append((node, part, time.perf_counter() - began))
                inside.busy = False

        return watched
