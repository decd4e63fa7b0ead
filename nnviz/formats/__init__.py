"""Model files: nnviz's own `.npz`, and the models that ship."""

from .npz import save
from .onnx.opening import from_onnx
from .shipped import load

__all__ = ["from_onnx", "load", "save"]
