"""Can this map be believed? Scores, controls, sanity checks."""

from .controls import CONTROLS
from .falls import Falls, falls
from .measures import MEASURES, speaking
from .result import Score, Scores
from .score import Judge, score, scored
from .sensitivity import sensitivity

__all__ = [
    "CONTROLS",
    "MEASURES",
    "Falls",
    "Judge",
    "Score",
    "Scores",
    "falls",
    "score",
    "scored",
    "sensitivity",
    "speaking",
]
