"""Can this map be believed? Scores, controls, sanity checks."""

from .controls import CONTROLS
from .measures import MEASURES
from .result import Score, Scores
from .score import score, scored

__all__ = ["CONTROLS", "MEASURES", "Score", "Scores", "score", "scored"]
