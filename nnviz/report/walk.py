"""The network, walked through: what the page's script needs so that a reader can choose a layer,
a picture, a channel and a place, and see the very numbers.

All of it is plain data. The numbers come from a run of a few pictures, see `walk_store`; what each
layer does with them, from `walk_steps`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..draw.colour import DIVERGING, SEQUENTIAL, table
from ..draw.image import block_for, coarse, pixels
from ..draw.png import data_uri
from ..engine.graph import INPUT
from ..engine.layer import Array, Layer
from ..engine.layers import (
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    LogSoftmax,
    MaxPooling2D,
    Reshape,
    Softmax,
    Subsampling2D,
)
from ..engine.layers.activation import Pointwise
from ..inspection.anatomy import Diagram, Summary
from .study import Study
from .walk_patches import Wanted, patch_strips
from .walk_steps import Step, room
from .walk_store import Carried
from .words import isolated, listing, say, words

BUDGET = 1_150_000
"""Bytes of numbers that the page carries, before they are packed."""
MOST_PICTURES, FEW_PICTURES = 3, 2
"""How many pictures one may choose from: the most, and where not all of a network is carried."""
SMALL_PICTURE = 56
"""How many pixels wide the pictures to choose from are at the most."""
STOPS = 33
"""Colours of a table that the script has; between them it mixes."""
NAMED = 1200
"""Classes whose names are carried at the most."""

KINDS: tuple[tuple[str, tuple[type[Layer], ...]], ...] = (
    ("conv", (Conv2D,)),
    ("depthwise", (DepthwiseConv2D,)),
    ("dense", (Dense,)),
    ("max", (MaxPooling2D, GlobalMaxPooling2D)),
    ("mean", (AveragePooling2D, GlobalAveragePooling2D)),
    ("sum", (Subsampling2D,)),
    ("norm", (BatchNormalization,)),
    ("softmax", (Softmax, LogSoftmax)),
    ("dropout", (Dropout,)),
    ("same", (Flatten, Reshape)),
    ("add", (Add,)),
    ("concat", (Concatenate,)),
    ("curve", (Pointwise,)),
)
"""What is said of a layer, by the first kind that fits."""


def walk(study: Study, drawn: Diagram, rows: Summary, budget: int = BUDGET) -> dict[str, Any]:
    """Everything that the walk through this network needs, as plain data.

    drawn: the diagram that is its map. rows: the summary with its columns "mult_adds" and
    "receptive_field". budget: bytes of numbers, before they are packed.
    """
    model, homes = study.model, homes_of(study, drawn)
    chosen = chosen_pictures(study, MOST_PICTURES)
    whole = 4 * sum(int(np.prod(shape)) for shape in model.shapes.values())
    if whole * len(chosen) > 2 * budget:
        chosen = chosen[:FEW_PICTURES]
    given = model.input.prepare(model.input.check(study.data.x[chosen]))
    carried = Carried(model, np.asarray(given, np.float32), homes, budget)
    sees = {row.name: row.receptive_field for row in rows.rows}
    for name, record in carried.records.items():
        if "step" in record:
            record["step"]["says"] = said(carried.steps[name])
    blocks = {b.name: _block(study, carried, b.name, sees.get(b.name)) for b in drawn.blocks}
    for name, block in zip(blocks, drawn.blocks, strict=True):
        blocks[name]["reads"] = [a for a, b in drawn.arrows if b == block.name]
        blocks[name]["kind"] = ", ".join(w for w in (block.kind, block.detail) if w)
    wanted = _unshown(study, carried, sees)
    for name, strips in patch_strips(study, wanted, chosen, rows.mult_adds or 1).items():
        blocks[homes[name]]["strips"] = strips
    for name, place in _figures(study).items():
        blocks[homes[name]]["figure"] = place
    return {
        "start": _start(carried, blocks),
        "pictures": [_picture(study, i) for i in chosen],
        "blocks": blocks,
        "nodes": carried.records,
        "colours": {name: _stops(cmap) for name, cmap in PALETTES},
        "words": {
            key.removeprefix("walk.js."): text
            for key, text in words().items()
            if key.startswith("walk.js.")
        },
    }


FORMULAS = {
    "affine": "({x} − {mean}) × {gamma} / √({variance} + {epsilon}) + {beta} = {value}",
    "mean": "{sum} / {n} = {value}",
    "sigmoid": "1 / (1 + e^−({x})) = {value}",
    "tanh": "tanh({x}) = {value}",
}
"""What needs no words."""
PALETTES = (("plain", SEQUENTIAL), ("signed", DIVERGING))


def said(step: Step | None) -> str:
    """How the script says a step: text in which it fills in the numbers. Sums stand in a table."""
    if step is None or step.op in ("sum", "add"):
        return ""
    key = step.settings.get("curve") or step.settings.get("how") or step.op
    if key in FORMULAS:
        return FORMULAS[key]
    return words()[f"walk.says.{'same' if key == 'concat' else key}"]


def homes_of(study: Study, drawn: Diagram) -> dict[str, str]:
    """For each node the block of the diagram in which it stands: its own, or that of the node it
    follows."""
    blocks = {block.name for block in drawn.blocks}
    homes = {INPUT: INPUT}
    for node in study.model.nodes:
        homes[node.name] = node.name if node.name in blocks else homes[node.inputs[0]]
    return homes


def chosen_pictures(study: Study, most: int) -> list[int]:
    """The first pictures of the first classes, and in the last place the surest mistake."""
    picks = study.picks[:most]
    found = study.mistakes
    if found is None or not len(found.wrong):
        return picks
    worst = int(found.wrong[0])
    return [*[i for i in picks if i != worst][: max(1, most - 1)], worst]


def _picture(study: Study, i: int) -> dict[str, str]:
    """A picture to choose: small, and what it is called."""
    x = study.data.x[i : i + 1]
    scale = np.float32(255) if x.dtype == np.uint8 else np.float32(1)
    block = block_for(x.shape[1], x.shape[2], SMALL_PICTURE)
    small = coarse(x, block) / scale if block > 1 else x
    wrong = study.mistakes is not None and study.predicted[i] != study.labels[i]
    key, answer = "walk.picture", ""
    if wrong:
        key, answer = "walk.picture.wrong", study.class_name(int(study.predicted[i]))
    name = say(key, name=study.shown_as(i), answer=answer, number=i)
    return {"name": name, "uri": data_uri(pixels(small[0]))}


def _block(
    study: Study, carried: Carried, name: str, seen: tuple[int, int] | None
) -> dict[str, Any]:
    """What the script says of one block."""
    model, region = study.model, carried.regions.get(name)
    nodes = [node for node, home in carried.homes.items() if home == name]
    made: dict[str, Any] = {
        "name": isolated(name),
        "nodes": nodes,
        "what": say(f"walk.kind.{_kind(study, name)}"),
        "facts": _facts(study, nodes, seen),
        "health": _health(study, nodes),
        "large": region is None and carried.steps[name] is not None,
    }
    if region is not None:
        made["channels"] = None if region.channels is None else region.channels.tolist()
        made["boxes"] = None if region.channels is None else [list(b) for b in region.boxes]
    last = nodes[-1]
    if study.is_classifier and {last, nodes[0]} & {model.output_name, model.logits_name}:
        count = room(model.shapes[last])[2]
        if count == study.judged.output_shape[-1] and count <= NAMED:
            made["classes"] = [study.class_name(c) for c in range(count)]
    return made


def _kind(study: Study, name: str) -> str:
    if name == INPUT:
        return "Input"
    layer = study.model.node(name).layer
    return next((kind for kind, types in KINDS if isinstance(layer, types)), "other")


def _facts(study: Study, nodes: Sequence[str], seen: tuple[int, int] | None) -> str:
    """What goes in, what comes out, how much is learnt, how much of the picture is seen."""
    model, last = study.model, nodes[-1]
    if last == INPUT:
        return _size(model.shapes[INPUT])
    inside = " + ".join(_size(model.shapes[i]) for i in model.node(nodes[0]).inputs)
    params = sum(a.size for n in nodes for a in model.node(n).layer.params.values())
    values = {"inside": inside, "outside": _size(model.shapes[last]), "params": params}
    if seen is None:
        return say("walk.facts", **values)
    return say("walk.facts.sees", **values, seen=_size(seen))


def _size(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape)) or "1"


def _health(study: Study, nodes: Sequence[str]) -> str:
    """What is wrong with the block's channels; nothing where nobody has looked."""
    model, found = study.model, study.health
    looked = [n for n in nodes if n != INPUT and (
        "weight" in model.node(n).layer.params or isinstance(model.node(n).layer, Pointwise)
    )]  # fmt: skip
    if not looked or not model.shapes[nodes[-1]]:
        return ""
    said = []
    for kind in ("dead", "duplicate", "saturated"):
        channels = sorted({f.channel for f in found.of(kind) if f.node in nodes})
        if channels:
            count, of = len(channels), model.shapes[nodes[-1]][-1]
            said.append(say(f"walk.health.{kind}", n=count, of=of, which=listing(channels, 8)))
    if not said:
        return say("walk.health.fine", pictures=found.pictures)
    return say("walk.health", pictures=found.pictures, found=say("list.comma").join(said))


def _unshown(
    study: Study, carried: Carried, sees: Mapping[str, tuple[int, int] | None]
) -> dict[str, Wanted]:
    """For each block that has learnt something and of which the page shows no patches elsewhere,
    the node that answers, the channels that are carried of it, and what they see."""
    figures = _figures(study)
    last = {home: name for name, home in carried.homes.items()}
    wanted: dict[str, Wanted] = {}
    for block, node in last.items():
        if block == INPUT or block in figures or "weight" not in study.model.node(
            block).layer.params:  # fmt: skip
            continue
        region = carried.regions.get(block)
        known = None if region is None or region.channels is None else region.channels.tolist()
        if study.model.shapes[node]:
            wanted[node] = Wanted(known, sees.get(block) or study.model.input.shape[:2])
    return wanted


def _figures(study: Study) -> dict[str, list[Any]]:
    """The blocks whose patches and maximized channels stand in figures of the page: the figure's
    id, and the channels in its order (None: the first ones)."""
    found: dict[str, list[Any]] = {}
    for place, (node, channels) in enumerate(study.deep_layers, 1):
        which = "" if place == 1 else f"-{place}"
        found[node] = [f"ideal-filters{which}", None if channels is None else list(channels)]
    if study.convolutions:
        found.setdefault(study.convolutions[0], ["filters-first", None])
    return found


def _start(carried: Carried, blocks: Mapping[str, Any]) -> str:
    """The layer that is shown first: the first whose sums can be followed."""
    steps = [name for name in blocks if "step" in carried.records[name]]
    sums = [name for name in steps if carried.steps[name].op == "sum"]  # type: ignore[union-attr]
    return next(iter([*sums, *steps, *blocks]))


def _stops(cmap: str) -> list[list[int]]:
    """A few colours of a table, evenly spread."""
    colours: Array = table(cmap)[np.linspace(0, 255, STOPS).round().astype(int)]
    return [[int(v) for v in colour] for colour in colours]
