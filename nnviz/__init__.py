"""See what a convolutional network learned.

    import nnviz as nv

    model = nv.load("models/mnist-cnn.npz")      # or train one: nv.Sequential([...]).fit(...)
    digits = nv.data.load("sample")
    print(model.summary())
    map_ = nv.grad_cam(model, digits.x[:1], target=7)
    nv.save_picture(map_, "why.png")
    nv.write_report(model, digits, out="gallery")

What is it made of: `summary`, `diagram`, `filters`, `feature_maps`, `top_patches`, `health`,
`distributions`, `embedding`, `profile`. What would it like to see: `maximize`. Why did it decide:
`saliency`, `grad_cam`, `occlusion`, or any of `METHODS` by name through `explain` (the functions
themselves are in `nv.attribution`). Where is it wrong: `mistakes`, `calibration`, `flips`,
`explain_mistakes`, and `compare` for two models. Can a map be believed: `score`, `sanity`,
`sensitivity`, `until_steady`, `compare_methods`, `selftest`. Every one of them returns arrays;
pictures are made of these by `picture` and `save_picture`, and `write_report` makes a page of all
of them.
"""

from typing import TYPE_CHECKING, Any

from .engine import layers
from .engine.executor import threads
from .engine.graph import Input, Node
from .engine.input import InputSpec
from .engine.layer import Call, Layer, Mode
from .engine.layers import *  # noqa: F403
from .engine.model import Model
from .engine.preprocess import prepared
from .engine.rewrite import drop_softmax, fold_batch_norm, with_input
from .engine.sequential import Sequential
from .errors import ArgumentError, FileError, NnvizError
from .formats import load

if TYPE_CHECKING:
    from . import data
    from .draw import picture, save_animation, save_picture
    from .formats.onnx.opening import from_onnx
    from .inspection import attribution
    from .inspection.anatomy import (
        diagram,
        distributions,
        embedding,
        feature_maps,
        filters,
        health,
        profile,
        receptive_field,
        summary,
        top_patches,
        top_patches_at,
    )
    from .inspection.attribution import (
        METHODS,
        OCCLUSION_GUIDE,
        Channel,
        Direction,
        Logit,
        LogProbability,
        Norm,
        Probability,
        Target,
        explain,
        grad_cam,
        gradient,
        occlusion,
        saliency,
        until_steady,
    )
    from .inspection.evaluation import (
        SMALL_CHANGES,
        Change,
        as_classifier,
        calibration,
        compare,
        compare_methods,
        explain_mistakes,
        flips,
        mistakes,
        sanity,
        score,
        scored,
        selftest,
        sensitivity,
    )
    from .inspection.maximize import (
        Blur,
        Decay,
        Fourier,
        Jitter,
        LpNorm,
        Padding,
        Pixels,
        Rotation,
        Scaling,
        TotalVariation,
        maximize,
    )
    from .inspection.results import Attribution, load_result
    from .report import write_report
    from .training import (
        SGD,
        AdaGrad,
        Adam,
        AdamW,
        Augmentations,
        BinaryCrossentropy,
        Callback,
        CategoricalCrossentropy,
        Checkpoint,
        CosineDecay,
        CSVLog,
        EarlyStopping,
        Flip,
        HalfSumOfSquares,
        MeanSquaredError,
        RMSProp,
        Rotate,
        Shift,
        StepDecay,
        WarmUp,
        Zoom,
        check_gradients,
        gradient_descent,
        numerical_gradient,
    )

__version__ = "0.1.0"

_HOMES = {
    "data": ("data",),
    "training": (
        "SGD",
        "AdaGrad",
        "Adam",
        "AdamW",
        "Augmentations",
        "BinaryCrossentropy",
        "Callback",
        "CategoricalCrossentropy",
        "Checkpoint",
        "CosineDecay",
        "CSVLog",
        "EarlyStopping",
        "Flip",
        "HalfSumOfSquares",
        "MeanSquaredError",
        "RMSProp",
        "Rotate",
        "Shift",
        "StepDecay",
        "WarmUp",
        "Zoom",
        "check_gradients",
        "gradient_descent",
        "numerical_gradient",
    ),
    "formats.onnx.opening": ("from_onnx",),
    "draw": ("picture", "save_animation", "save_picture"),
    "report": ("write_report",),
    "inspection": ("Attribution", "attribution", "load_result"),
    "inspection.anatomy": (
        "diagram",
        "distributions",
        "embedding",
        "feature_maps",
        "filters",
        "health",
        "profile",
        "receptive_field",
        "summary",
        "top_patches",
        "top_patches_at",
    ),
    "inspection.attribution": (
        "until_steady",
        "Channel",
        "Direction",
        "LogProbability",
        "Logit",
        "METHODS",
        "Norm",
        "OCCLUSION_GUIDE",
        "Probability",
        "Target",
        "explain",
        "grad_cam",
        "gradient",
        "occlusion",
        "saliency",
    ),
    "inspection.evaluation": (
        "sanity",
        "compare_methods",
        "score",
        "scored",
        "selftest",
        "sensitivity",
        "Change",
        "SMALL_CHANGES",
        "as_classifier",
        "calibration",
        "compare",
        "explain_mistakes",
        "flips",
        "mistakes",
    ),
    "inspection.maximize": (
        "Blur",
        "Decay",
        "Fourier",
        "Jitter",
        "LpNorm",
        "Padding",
        "Pixels",
        "Rotation",
        "Scaling",
        "TotalVariation",
        "maximize",
    ),
}
"""Where names live that are fetched when they are first asked for, so that `import nnviz` costs
little more than NumPy."""

_LATER = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        from importlib import import_module

        home = import_module(f".{_LATER[name]}", __name__)
        value = home if name == _LATER[name] else getattr(home, name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_LATER]


__all__ = [
    "METHODS",
    "OCCLUSION_GUIDE",
    "SGD",
    "SMALL_CHANGES",
    "AdaGrad",
    "Adam",
    "AdamW",
    "ArgumentError",
    "Attribution",
    "Augmentations",
    "BinaryCrossentropy",
    "Blur",
    "CSVLog",
    "Call",
    "Callback",
    "CategoricalCrossentropy",
    "Change",
    "Channel",
    "Checkpoint",
    "CosineDecay",
    "Decay",
    "Direction",
    "EarlyStopping",
    "FileError",
    "Flip",
    "Fourier",
    "HalfSumOfSquares",
    "Input",
    "InputSpec",
    "Jitter",
    "Layer",
    "LogProbability",
    "Logit",
    "LpNorm",
    "MeanSquaredError",
    "Mode",
    "Model",
    "NnvizError",
    "Node",
    "Norm",
    "Padding",
    "Pixels",
    "Probability",
    "RMSProp",
    "Rotate",
    "Rotation",
    "Scaling",
    "Sequential",
    "Shift",
    "StepDecay",
    "Target",
    "TotalVariation",
    "WarmUp",
    "Zoom",
    "as_classifier",
    "attribution",
    "calibration",
    "check_gradients",
    "compare",
    "compare_methods",
    "data",
    "diagram",
    "distributions",
    "drop_softmax",
    "embedding",
    "explain",
    "explain_mistakes",
    "feature_maps",
    "filters",
    "flips",
    "fold_batch_norm",
    "from_onnx",
    "grad_cam",
    "gradient",
    "gradient_descent",
    "health",
    "load",
    "load_result",
    "maximize",
    "mistakes",
    "numerical_gradient",
    "occlusion",
    "picture",
    "prepared",
    "profile",
    "receptive_field",
    "saliency",
    "sanity",
    "save_animation",
    "save_picture",
    "score",
    "scored",
    "selftest",
    "sensitivity",
    "summary",
    "threads",
    "top_patches",
    "top_patches_at",
    "until_steady",
    "with_input",
    "write_report",
]
__all__ += layers.__all__
