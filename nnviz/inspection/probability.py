"""How sure a network is: its output as probabilities."""

from __future__ import annotations

import numpy as np

from ..engine.layer import Array
from ..engine.model import Model


def probabilities(model: Model, output: Array) -> Array:
    """The output (…, classes) as probabilities.

    After a softmax or a sigmoid it is one already; of logits the softmax is taken, which is what
    training with cross-entropy takes as well. Any other output comes back as it is.
    """
    if model.head != "logits" or len(model.output_shape) != 1:
        return output
    powers = np.exp(output - output.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
