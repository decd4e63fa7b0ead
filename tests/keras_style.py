"""A model as keras-vis's guide prepares it, and a picture for it."""

from __future__ import annotations

import numpy as np

from nnviz.compat import keras_vis
from nnviz.compat.keras_vis import activations, utils


def linear(net):
    """As the guide does it."""
    model = keras_vis.view(net)
    model.layers[-1].activation = activations.linear
    return utils.apply_modifications(model)


def digit(seed=0):
    return np.random.default_rng(seed).random((28, 28, 1)).astype(np.float32)
