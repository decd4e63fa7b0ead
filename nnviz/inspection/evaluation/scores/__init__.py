"""Can this map be believed? Scores, controls, sanity checks."""

from .controls import CONTROLS
from .measures import MEASURES
from .result import Score, Scores
from .score import Judge, score, scored
from .sensitivity import sensitivity

__all__ = ["CONTROLS", "MEASURES", "Judge", "Score", "Scores", "score", "scored", "sensitivity"]
