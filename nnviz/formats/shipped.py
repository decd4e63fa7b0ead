"""Finding the models that ship with nnviz: in a wheel, an editable install, or a checkout.

The wheel carries them inside the package; in a checkout they lie in `models/` beside it, which is
where an editable install looks as well.
"""

from __future__ import annotations

from pathlib import Path

from ..engine.model import Model
from ..errors import FileError, listing
from . import npz

PACKAGE = Path(__file__).resolve().parents[1]
FOLDERS = (PACKAGE / "_shipped", PACKAGE.parent / "models")


def shipped_models() -> dict[str, Path]:
    """Name -> file of every model that ships."""
    found: dict[str, Path] = {}
    for folder in reversed(FOLDERS):
        found |= {path.stem: path for path in sorted(folder.glob("*.npz"))}
    return found


def find_model(name: str | Path) -> Path:
    """The file of a model given by path, or by the name of one that ships."""
    path = Path(name)
    if path.is_file():
        return path
    models = shipped_models()
    if str(name) in models:
        return models[str(name)]
    raise FileError(
        f"there is no model {str(name)!r}: give the path of a model file, or one of the shipped "
        f"models: {listing(models) or 'none found'}"
    )


def load(name: str | Path) -> Model:
    """Load a model by the path of its file (nnviz's `.npz`, or an `.onnx`, see `from_onnx`), or by
    the name of one that ships ("mnist-cnn")."""
    path = find_model(name)
    if path.suffix.lower() != ".onnx":
        return npz.load(path)
    from .onnx.opening import from_onnx  # late: most models are not from elsewhere

    return from_onnx(path)
