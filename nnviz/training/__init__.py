"""Training: losses, optimizers, schedules and the loop that puts them together."""

from .augment import Augmentation, Shift
from .callbacks import Callback
from .losses import LOSSES, CategoricalCrossentropy, Loss, MeanSquaredError
from .optimizers import OPTIMIZERS, SGD, Adam, Optimizer
from .schedules import CosineDecay, Schedule
from .trainer import Evaluation, History, evaluate, fit

__all__ = [
    "LOSSES",
    "OPTIMIZERS",
    "SGD",
    "Adam",
    "Augmentation",
    "Callback",
    "CategoricalCrossentropy",
    "CosineDecay",
    "Evaluation",
    "History",
    "Loss",
    "MeanSquaredError",
    "Optimizer",
    "Schedule",
    "Shift",
    "evaluate",
    "fit",
]
