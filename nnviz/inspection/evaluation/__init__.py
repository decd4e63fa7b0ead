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
from .rank_methods import MethodRanking, Ranked, compare_methods
from .sanity import Sanity, rank_correlation, sanity, ssim
from .scores import CONTROLS, MEASURES, Score, Scores, score, scored, sensitivity
from .selftest import SelfTest, selftest
from .weights import Reshaped, WeightDifference

__all__ = [
    "CONTROLS",
    "MEASURES",
    "SMALL_CHANGES",
    "Calibration",
    "Change",
    "ClassChange",
    "ClassScore",
    "Comparison",
    "ExplainedMistakes",
    "FlipShare",
    "Flips",
    "MethodRanking",
    "Mistakes",
    "Ranked",
    "Reshaped",
    "Sanity",
    "Score",
    "Scores",
    "SelfTest",
    "WeightDifference",
    "as_classifier",
    "calibration",
    "changed",
    "compare",
    "compare_methods",
    "explain_mistakes",
    "flips",
    "is_classifier",
    "mcnemar",
    "mistakes",
    "newcombe",
    "rank_correlation",
    "sanity",
    "score",
    "scored",
    "selftest",
    "sensitivity",
    "ssim",
    "wilson",
]
