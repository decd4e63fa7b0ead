"""What the same maps are elsewhere: captum's, and short versions in PyTorch from the papers."""

from . import cam, cam_more, gradient, layer, path, perturbation, rule
from .entry import Entry

ENTRIES: list[Entry] = [
    *gradient.ENTRIES,
    *path.ENTRIES,
    *rule.ENTRIES,
    *cam.ENTRIES,
    *cam_more.ENTRIES,
    *layer.ENTRIES,
    *perturbation.ENTRIES,
]

ALONE = {
    "extremal_perturbation": "a climb to a mask; its steps, not only its aim, decide where it ends",
    "feature_permutation": "the mean of feature_ablation, which is compared, over drawn pictures",
    "meaningful_perturbation": "a climb to a mask, as extremal_perturbation",
    "random_cam": "a control whose weights are drawn",
    "smooth_full_grad": "the mean of full_grad, which is compared, over noisy pictures",
    "ss_cam": "score_cam, which is compared, with the mean score over noisy masks",
}
"""Seeded methods that are not compared, and why; loops hold them in the tests."""
