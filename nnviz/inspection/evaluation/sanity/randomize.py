"""Networks that have forgotten: what some layers have learnt is destroyed, their shape stays."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from ....engine.layer import Layer
from ....engine.model import Model


def learnt(model: Model) -> tuple[str, ...]:
    """The nodes that hold parameters, from the output down; a layer that stands at several nodes
    counts once, at its first."""
    homes = dict.fromkeys(model.homes[n.name] for n in model.nodes if n.layer.params)
    return tuple(reversed(homes))


def forgotten(model: Model, homes: Collection[str], seed: int) -> Model:
    """The model with the numbers of each parameter of these nodes' layers in a random order.

    So a layer's numbers keep their spread, and nothing that was learnt remains but that. Each
    layer's order depends on the seed and its place alone: a cascade destroys a layer in the same
    way whatever else it destroys.
    """
    made: dict[str, Layer] = {}
    for place, node in enumerate(model.nodes):
        if node.name not in homes:
            continue
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(place,)))
        made[node.name] = node.layer.with_params(
            **{name: rng.permuted(array.ravel()).reshape(array.shape)
               for name, array in node.layer.params.items()}
        )  # fmt: skip
    return model.with_layers(
        {node: made[home] for node, home in model.homes.items() if home in made}
    )
