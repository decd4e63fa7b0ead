"""What is it made of?"""

from .diagram import Diagram, diagram
from .features import FeatureMaps, feature_maps
from .filters import Filters, filters
from .health import Health, health
from .receptive import ReceptiveField, receptive_field
from .summary import Summary, summary

__all__ = [
    "Diagram",
    "FeatureMaps",
    "Filters",
    "Health",
    "ReceptiveField",
    "Summary",
    "diagram",
    "feature_maps",
    "filters",
    "health",
    "receptive_field",
    "summary",
]
