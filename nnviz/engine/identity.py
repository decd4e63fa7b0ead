"""What tells one model from another."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from .executor import each

if TYPE_CHECKING:
    from .model import Model

PART_BYTES = 1 << 20
"""How much of an array one thread takes at a time."""


def fingerprint(model: Model) -> str:
    """A sha256 over architecture, input and all arrays: equal models have the same one."""
    digest = hashlib.sha256()
    for node in model.nodes:
        plan = [node.name, type(node.layer).__name__, node.inputs, node.layer.config()]
        digest.update(json.dumps(plan, default=str).encode())
        for key, array in {**node.layer.params, **node.layer.buffers}.items():
            digest.update(f"{key}{array.dtype}{array.shape}".encode())
            # In parts, which the threads can share.
            raw = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            parts = [raw[at : at + PART_BYTES].data for at in range(0, len(raw), PART_BYTES)]
            for part in each([partial(hashlib.sha256, part) for part in parts]):
                digest.update(part.digest())
    digest.update(repr((model.input, model.head)).encode())
    return digest.hexdigest()
