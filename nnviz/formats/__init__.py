"""Model files: nnviz's own `.npz`."""

from .npz import load, save

__all__ = ["load", "save"]
