"""What is it made of?"""

from .diagram import Diagram, diagram
from .distributions import Distributions, distributions
from .embedding import Embedding, embedding
from .features import FeatureMaps, feature_maps
from .filters import Filters, filters
from .health import Finding, Health, health
from .patches import TopPatches, top_patches, top_patches_at
from .profile import NodeTime, Profile, profile
from .receptive import ReceptiveField, receptive_field
from .summary import Summary, summary

__all__ = [
    "Diagram",
    "Distributions",
    "Embedding",
    "FeatureMaps",
    "Filters",
    "Finding",
    "Health",
    "NodeTime",
    "Profile",
    "ReceptiveField",
    "Summary",
    "TopPatches",
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
]
