"""Activations by name: what `activation="relu"` on another layer may say."""

from __future__ import annotations

from ..layer import Layer
from .activation import Linear, Sigmoid, Softmax, Softplus, Step, Tanh
from .rectifier import ELU, GELU, SELU, HardSwish, LeakyReLU, PReLU, ReLU, Swish

ACTIVATIONS: dict[str, type[Layer]] = {
    "elu": ELU,
    "gelu": GELU,
    "hard_swish": HardSwish,
    "leaky_relu": LeakyReLU,
    "linear": Linear,
    "prelu": PReLU,
    "relu": ReLU,
    "selu": SELU,
    "sigmoid": Sigmoid,
    "silu": Swish,
    "softmax": Softmax,
    "softplus": Softplus,
    "step": Step,
    "swish": Swish,
    "tanh": Tanh,
}
"""Name -> layer; each becomes a node of its own, `conv2d_1/relu`."""
