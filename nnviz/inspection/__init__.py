"""Looking inside: every method computes, returns a frozen result of arrays, and never draws."""

# All of it at once: whoever loads a result needs every kind of result to be known.
from . import anatomy, attribution, evaluation, maximize
from .results import Attribution, load_result

__all__ = [
    "Attribution",
    "anatomy",
    "attribution",
    "evaluation",
    "load_result",
    "maximize",
]
