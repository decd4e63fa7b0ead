"""What ONNX has no place for, in the file's metadata: the preparation, the head, the classes.

Other programs keep these entries or pass them over; nnviz finds them again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...engine.model import HEADS, Model
from ...engine.rewrite import with_input
from ...errors import FileError, NnvizError
from ..npz import spec_from_json, spec_to_json

PREFIX = "nnviz."


def notes(model: Model) -> dict[str, str]:
    """What is written of a model, as JSON by name."""
    told = {"input": spec_to_json(model.input), "head": model.head, "classes": model.classes}
    return {f"{PREFIX}{name}": json.dumps(v, ensure_ascii=False) for name, v in told.items()}


def with_notes(model: Model, metadata: Mapping[str, str], label: str) -> Model:
    """A model that was read, with what its file's metadata say; `FileError` where that is damaged.

    A preparation for pictures of another shape, and names for another number of classes, are not
    this model's: they are left out.
    """
    told: dict[str, Any] = {}
    try:
        for name in ("input", "head", "classes"):
            if (text := metadata.get(f"{PREFIX}{name}")) is not None:
                told[name] = json.loads(text)
        spec = spec_from_json(told["input"]) if "input" in told else None
        classes = told.get("classes")
        names = [str(name) for name in classes] if classes is not None else None
    # The metadata are data from outside: whatever is wrong with them is one clear error.
    except (NnvizError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as why:
        raise FileError(
            f"the metadata {PREFIX}* of {label} are damaged: {type(why).__name__} {why}"
        ) from None
    if spec is not None and spec.shape != model.input.shape:
        spec = None
    if names is not None and len(names) != model.class_count:
        names = None
    if told.get("head") in HEADS:
        model.head = told["head"]
    return model if spec is None and names is None else with_input(model, spec, classes=names)
