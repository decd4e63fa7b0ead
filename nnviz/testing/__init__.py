"""The batteries as functions: check your own layer as nnviz checks its own."""

from .layer import check_layer
from .subject import CheckError

__all__ = ["CheckError", "check_layer"]
