"""Model files: nnviz's own `.npz`, and the models that ship."""

from .npz import save
from .shipped import load

__all__ = ["load", "save"]
