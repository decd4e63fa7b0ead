"""The model's table: a row for each layer, as Keras prints it.

An activation that was asked for as `activation="relu"` has a node of its own in the model, but no
row: it belongs to the layer that it follows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ...engine.graph import INPUT, Node
from ...engine.layer import Shape
from ...engine.layers.named import ACTIVATIONS
from ...engine.model import Model
from ..results import Part, Result


@dataclass(frozen=True)
class Row(Part):
    """One layer of the table: the nodes it stands for, its kind, output shape, parameters."""

    name: str
    kind: str
    detail: str
    shape: Shape
    params: int
    trainable: int
    inputs: tuple[str, ...]
    activation: str | None


@dataclass(frozen=True)
class Summary(Result):
    """The table; `print(summary)` shows it.

    total = trainable + non_trainable counts every array once, also those of a layer at two places.
    """

    rows: tuple[Row, ...]
    total: int
    trainable: int
    non_trainable: int
    is_chain: bool

    def __str__(self) -> str:
        head = ["Layer (type)", "Output Shape", "Param #"]
        cells = [
            [
                f"{row.name} ({row.kind})",
                f"({', '.join(['None', *map(str, row.shape)])})",
                f"{row.params:,}",
            ]
            for row in self.rows
        ]
        if not self.is_chain:
            head.append("Connected to")
            for line, row in zip(cells, self.rows, strict=True):
                line.append(", ".join(row.inputs))
        widths = [max(len(line[i]) for line in [head, *cells]) + 3 for i in range(len(head))]
        rule = sum(widths)
        lines = ["_" * rule, _line(head, widths), "=" * rule]
        lines += [_line(line, widths) for line in cells]
        lines += [
            "=" * rule,
            f"Total params: {self.total:,}",
            f"Trainable params: {self.trainable:,}",
            f"Non-trainable params: {self.non_trainable:,}",
            "_" * rule,
        ]
        return "\n".join(line.rstrip() for line in lines)

    def _repr_png_(self) -> None:
        return None

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(str(self))}</pre>"


def _line(cells: list[str], widths: list[int]) -> str:
    return "".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))


def summary(model: Model) -> Summary:
    """One row for each layer with its output shape and number of parameters, and the totals."""
    rows: list[Row] = []
    row_of: dict[str, str] = {INPUT: INPUT}
    for node in model.nodes:
        owner = node.inputs[0]
        if folds_into(node):
            at = next(i for i, row in enumerate(rows) if row.name == row_of[owner])
            more, learnt = _counts(model, node)
            rows[at] = replace(
                rows[at],
                activation=node.layer.name or _word(node),
                params=rows[at].params + more,
                trainable=rows[at].trainable + learnt,
            )
            row_of[node.name] = row_of[owner]
            continue
        row_of[node.name] = node.name
        params, trainable = _counts(model, node)
        rows.append(
            Row(
                name=node.name,
                kind=type(node.layer).__name__,
                detail=_detail(node),
                shape=model.shapes[node.name],
                params=params,
                trainable=trainable,
                inputs=tuple(row_of[name] for name in node.inputs),
                activation=None,
            )
        )
    names = [INPUT, *(row.name for row in rows)]
    chain = all(row.inputs == (before,) for row, before in zip(rows, names, strict=False))
    total, trainable = sum(r.params for r in rows), sum(r.trainable for r in rows)
    return Summary(tuple(rows), total, trainable, total - trainable, chain)


def folds_into(node: Node) -> bool:
    """Whether a node is the activation of the one it reads (`conv2d_1/relu` of `conv2d_1`)."""
    if len(node.inputs) != 1 or not isinstance(node.layer, tuple(ACTIVATIONS.values())):
        return False
    return node.inputs[0] != INPUT and node.name.startswith(f"{node.inputs[0]}/")


def _word(node: Node) -> str:
    return node.name.rsplit("/", 1)[-1]


def _counts(model: Model, node: Node) -> tuple[int, int]:
    """Parameters (with buffers) and trainable ones; a layer's second place counts nothing."""
    if model.homes[node.name] != node.name:
        return 0, 0
    learnt = sum(a.size for a in node.layer.params.values())
    kept = sum(a.size for a in node.layer.buffers.values())
    return learnt + kept, learnt if node.layer.trainable else 0


def _detail(node: Node) -> str:
    """The few settings that tell layers of one kind apart, in short: `3×3, stride 2, same`."""
    config: dict[str, Any] = node.layer.config()
    parts = []
    for key in ("kernel_size", "pool_size"):
        if key in config:
            parts.append("×".join(map(str, config[key])))
    plain = config.get("pool_size", (1, 1))
    if "strides" in config and tuple(config["strides"]) != tuple(plain):
        parts.append(f"stride {'×'.join(map(str, config['strides']))}")
    if config.get("padding", "valid") != "valid":
        parts.append("same" if config["padding"] == "same" else "padded")
    if tuple(config.get("dilation_rate", (1, 1))) != (1, 1):
        parts.append(f"dilation {'×'.join(map(str, config['dilation_rate']))}")
    if config.get("groups", 1) != 1:
        parts.append(f"{config['groups']} groups")
    if "rate" in config:
        parts.append(f"{config['rate']:.0%}")
    return ", ".join(parts)
