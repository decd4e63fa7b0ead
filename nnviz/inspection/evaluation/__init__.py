"""How good is it, and where is it wrong?"""

from .answers import ClassChange
from .calibration import Calibration, calibration
from .changes import SMALL_CHANGES, Change, changed
from .classifier import as_classifier, is_classifier
from .compare import Comparison, compare
from .explained import ExplainedMistakes, explain_mistakes
from .flips import Flips, FlipShare, flips
from .intervals import mcnemar, newcombe, wilson
from .mistakes import ClassScore, Mistakes, mistakes
from .weights import Reshaped, WeightDifference

__all__ = [
    "SMALL_CHANGES",
    "Calibration",
    "Change",
    "ClassChange",
    "ClassScore",
    "Comparison",
    "ExplainedMistakes",
    "FlipShare",
    "Flips",
    "Mistakes",
    "Reshaped",
    "WeightDifference",
    "as_classifier",
    "calibration",
    "changed",
    "compare",
    "explain_mistakes",
    "flips",
    "is_classifier",
    "mcnemar",
    "mistakes",
    "newcombe",
    "wilson",
]
