"""The summary as text: which columns there are, and how a line is laid out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...engine.layer import Layer

if TYPE_CHECKING:
    from .summary import Row, Summary

NONE = "–"
"""What stands where a layer has no such thing, or where nobody has counted it."""


def _whole(value: int | None) -> str:
    return NONE if value is None else f"{value:,}"


def _pair(values: tuple[float, float] | None, mark: str) -> str:
    return NONE if values is None else mark.join(f"{value:.4g}" for value in values)


def _field(row: Row) -> str:
    """`5×5`, or `3–4×5` where some places read three rows and others four."""
    if row.receptive_field is None:
        return NONE
    most, least = row.receptive_field, row.receptive_field_least or row.receptive_field
    ends = zip(least, most, strict=True)
    return "×".join(f"{b:,}" if a == b else f"{a:,}–{b:,}" for a, b in ends)


def bytes_text(count: int | None) -> str:
    """`86.5 kB`, with 1 kB = 1,000 bytes."""
    if count is None:
        return NONE
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} GB"


COLUMNS: dict[str, tuple[str, Callable[[Row], str]]] = {
    "kernel": ("Kernel", lambda row: _pair(row.kernel, "×")),
    "parameters": ("Param #", lambda row: _whole(row.params)),
    "trainable": ("Trainable #", lambda row: _whole(row.trainable)),
    "mult_adds": ("Mult-Adds", lambda row: _whole(row.mult_adds)),
    "flops": ("FLOPs", lambda row: _whole(row.flops)),
    "memory": ("Memory", lambda row: bytes_text(row.memory)),
    "receptive_field": ("Receptive Field", _field),
    "stride": ("Stride", lambda row: _pair(row.stride, "×")),
    "centre": ("Centre", lambda row: _pair(row.centre, ", ")),
}
"""Name -> heading, and a row's cell."""


def table(summary: Summary) -> str:
    """The summary as Keras prints it, with the columns that were asked for."""
    head = ["Layer (type)", "Output Shape", *(COLUMNS[name][0] for name in summary.columns)]
    cells = [
        [
            f"{row.name} ({row.kind})",
            f"({', '.join(['None', *map(str, row.shape)])})",
            *(COLUMNS[name][1](row) for name in summary.columns),
        ]
        for row in summary.rows
    ]
    if not summary.is_chain:
        head.append("Connected to")
        for line, row in zip(cells, summary.rows, strict=True):
            line.append(", ".join(row.inputs))
    widths = [max(len(line[i]) for line in [head, *cells]) + 3 for i in range(len(head))]
    rule = sum(widths)
    lines = ["_" * rule, _line(head, widths), "=" * rule]
    lines += [_line(line, widths) for line in cells]
    lines += ["=" * rule, *_totals(summary), "_" * rule]
    return "\n".join(line.rstrip() for line in lines)


def _totals(summary: Summary) -> list[str]:
    """The lines under the table: what was asked for, summed up."""
    lines = [
        f"Total params: {summary.total:,}",
        f"Trainable params: {summary.trainable:,}",
        f"Non-trainable params: {summary.non_trainable:,}",
    ]
    said = {
        "mult_adds": f"Multiply-adds for one picture: {_whole(summary.mult_adds)}",
        "flops": f"FLOPs for one picture: {_whole(summary.flops)}",
        "memory": f"Activation memory for one picture: {bytes_text(summary.memory)} (float32)",
    }
    lines += [said[name] for name in summary.columns if name in said]
    if summary.uncounted:
        lines.append(f"Not counted, since not nnviz's own: {', '.join(summary.uncounted)}")
    return lines


def _line(cells: list[str], widths: list[int]) -> str:
    return "".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))


def kernel_of(layer: Layer) -> tuple[int, int] | None:
    """Rows and cols of a layer's kernel or pooling window; None where it has neither."""
    config = layer.config()
    size = config.get("kernel_size", config.get("pool_size"))
    return None if size is None else (int(size[0]), int(size[1]))


def detail_of(layer: Layer) -> str:
    """The few settings that tell layers of one kind apart, in short: `3×3, stride 2, same`."""
    config: dict[str, Any] = layer.config()
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
    parts += [str(config[key]) for key in ("operation", "function") if key in config]
    if "rate" in config:
        parts.append(f"{config['rate']:.0%}")
    return ", ".join(parts)
