"""One short function for each operator of ONNX: what layers it becomes. One family a file.

Importing this package fills `importer.OPERATORS`.
"""

from . import arithmetic, dense, layout, norm, pointwise, pool, reduce, resize, windows

__all__ = [
    "arithmetic",
    "dense",
    "layout",
    "norm",
    "pointwise",
    "pool",
    "reduce",
    "resize",
    "windows",
]
