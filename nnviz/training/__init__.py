"""Training: losses, optimizers, schedules and the loop that puts them together."""

from .augment import Augmentation, Augmentations, Flip, Rotate, Shift, Zoom
from .callbacks import Callback, Checkpoint, CSVLog, EarlyStopping
from .gradient_check import GradientCheck, check_gradients, gradient_descent, numerical_gradient
from .history import Epoch, Evaluation, History
from .losses import (
    LOSSES,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    HalfSumOfSquares,
    Loss,
    MeanSquaredError,
)
from .optimizers import OPTIMIZERS, SGD, AdaGrad, Adam, AdamW, Optimizer, RMSProp
from .schedules import CosineDecay, Schedule, StepDecay, WarmUp
from .trainer import Training, evaluate, fit

__all__ = [
    "LOSSES",
    "OPTIMIZERS",
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Augmentation",
    "Augmentations",
    "BinaryCrossentropy",
    "CSVLog",
    "Callback",
    "CategoricalCrossentropy",
    "Checkpoint",
    "CosineDecay",
    "EarlyStopping",
    "Epoch",
    "Evaluation",
    "Flip",
    "GradientCheck",
    "HalfSumOfSquares",
    "History",
    "Loss",
    "MeanSquaredError",
    "Optimizer",
    "RMSProp",
    "Rotate",
    "Schedule",
    "Shift",
    "StepDecay",
    "Training",
    "WarmUp",
    "Zoom",
    "check_gradients",
    "evaluate",
    "fit",
    "gradient_descent",
    "numerical_gradient",
]
