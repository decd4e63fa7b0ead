"""Class activation maps by runs of masked pictures, by eigenvectors and by several walks.

From their papers; where a map is placed on the picture before it is used, nnviz's own placement is
taken, since the others stretch corner to corner.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from captum import attr
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from nnviz.inspection.anatomy.receptive import place_on_picture

from ..nets import RELU, Case
from ..twin import Conv, back, there
from .cam import grad_cam, pp_terms
from .entry import Entry, picked, scores, slopes
from .gradient import guided_backprop

DRAWS, GROUPS = 6, 3


def placed(case: Case, maps: Tensor, node: str | None = None) -> np.ndarray:
    """Maps (N, r, c) on the picture, (N, rows, cols)."""
    return place_on_picture(case.model, node or case.node, maps.detach().numpy())


def node_values(case: Case) -> Tensor:
    with torch.no_grad():
        return case.twin.values(case.input)[case.node]


def masks(case: Case, maps: Tensor) -> Tensor:
    """Channels (N, channels, r, c) on the picture, each brought to 0 … 1."""
    wide = torch.tensor(np.stack([placed(case, a) for a in maps.unbind(1)], 1))
    low = wide.amin((2, 3), keepdim=True)
    return (wide - low) / (wide.amax((2, 3), keepdim=True) - low).clamp(min=1e-300)


def score_cam(shares: Sequence[float]) -> Callable[[Case], np.ndarray]:
    """Wang et al. 2020, algorithm 1: softmax over channels of the score of the masked picture; with
    several shares the mean over pictures so dimmed (IS-CAM)."""

    def map_(case: Case) -> np.ndarray:
        a = node_values(case)
        seen = masks(case, a)
        every = [
            sum(scores(case, case.input * m[:, None] * t) for t in shares) / len(shares)
            for m in seen.unbind(1)
        ]
        varies = (a.amax((2, 3)) > a.amin((2, 3))).T
        weights = torch.where(varies, torch.stack(every), -torch.inf).softmax(0)
        return torch.einsum("kn,nkrc->nrc", weights, a).clamp(min=0).numpy()

    return map_


def fast_score_cam(case: Case) -> np.ndarray:
    """Score-CAM of the three channels that vary most."""
    a = node_values(case)
    found = []
    for i, own in enumerate(a):
        chosen = own.flatten(1).var(1, correction=0).topk(3).indices
        seen = masks(case, own[chosen][None])[0]
        points = case.input[i] * seen[:, None]
        with torch.no_grad():
            score = case.twin(points)[:, case.targets[i]]
        found.append(torch.einsum("k,krc->rc", score.softmax(0), own[chosen]))
    return torch.stack(found).clamp(min=0).numpy()


def group_cam(case: Case) -> np.ndarray:
    """Zhang et al. 2021, section 3: neighbouring channels grouped, the top 30 % of each group's
    places kept, and each group weighed by what its places bring over the blurred picture."""
    a, g = slopes(case, node=case.node)
    shares = a * g.mean((2, 3), keepdim=True)
    size = -(-shares.shape[1] // GROUPS)
    joined = torch.stack([part.sum(1).clamp(min=0) for part in shares.split(size, 1)], 1)
    least = joined.flatten(2).quantile(0.7, 2)[..., None, None]
    seen = masks(case, torch.where(joined > least, joined, 0)).nan_to_num()
    soft = there(
        np.stack(
            [
                np.stack([gaussian_filter(c, 2.0) for c in np.moveaxis(x, -1, 0)], -1)
                for x in back(case.input)
            ]
        )
    )
    total = torch.zeros_like(seen[:, 0])
    for m in seen.unbind(1):
        mixed = case.input * m[:, None] + soft * (1 - m[:, None])
        total += (scores(case, mixed) - scores(case, soft))[:, None, None] * m
    return total.clamp(min=0).numpy()


def kernel_component(case: Case) -> np.ndarray:
    """Karmani et al. 2024 with an RBF kernel of γ = 1: √λ u of the centred kernel matrix."""
    found = []
    for a in node_values(case):
        flat = a.flatten(1).T
        centre = torch.eye(len(flat), dtype=flat.dtype) - 1 / len(flat)
        table = centre @ torch.exp(-(torch.cdist(flat, flat) ** 2)) @ centre
        sizes, vectors = torch.linalg.eigh(table)
        map_ = (sizes[-1].clamp(min=0).sqrt() * vectors[:, -1]).reshape(a.shape[1:])
        found.append(map_ * torch.sign((map_ * a.sum(0)).sum()))
    return torch.stack(found).clamp(min=0).numpy()


def first_component(of: Callable[[Case], Tensor]) -> Callable[[Case], np.ndarray]:
    """The projection on the first right singular vector, with the sign of the channels' sum."""

    def map_(case: Case) -> np.ndarray:
        found = []
        for a in of(case):
            flat = a.flatten(1).T
            vector = torch.linalg.svd(flat, full_matrices=False)[2][0]
            map_ = (flat @ vector).reshape(a.shape[1:])
            found.append(map_ * torch.sign((map_ * a.sum(0)).sum()))
        return torch.stack(found).clamp(min=0).numpy()

    return map_


def times_slope(case: Case) -> Tensor:
    a, g = slopes(case, node=case.node)
    return a * g


def fem(case: Case) -> np.ndarray:
    """Fuad et al. 2020: channels' means where they lie two deviations above them."""
    a = node_values(case)
    mean, spread = a.mean((2, 3), keepdim=True), a.std((2, 3), correction=0, keepdim=True)
    strong = (a >= mean + 2 * spread) & (spread > 0)
    return (mean * strong).sum(1).clamp(min=0).numpy()


def cam(case: Case) -> np.ndarray:
    """Zhou et al. 2016, eq. 2."""
    weight = case.twin.at[case.twin.nodes[-1][0]].weight.detach()
    return torch.einsum("nk,nkrc->nrc", weight[case.target], node_values(case)).numpy()


def smooth_pp(case: Case) -> np.ndarray:
    """Omeiza et al. 2019, at the documented draws."""
    x, rng = back(case.input), np.random.default_rng(0)
    size = 0.15 * np.ptp(x, axis=(1, 2, 3), keepdims=True)
    points = [there(x + size * rng.standard_normal(x.shape[1:])) for _ in range(DRAWS)]
    g = torch.stack([slopes(case, p, case.node)[1] for p in points])
    a = node_values(case)
    below = 2 * (g**2).mean(0) + a.sum((2, 3), keepdim=True) * (g**3).mean(0)
    alpha = torch.where(below != 0, (g**2).mean(0) / torch.where(below != 0, below, 1), 0)
    weights = (alpha * g.mean(0).clamp(min=0)).sum((2, 3), keepdim=True)
    return (weights * a).sum(1).clamp(min=0).numpy()


def shapley_cam(case: Case) -> np.ndarray:
    """Cai 2025: the mean of g − ½ H A for z_c + log p_c, with the exact Hessian times A."""
    a = node_values(case).requires_grad_()
    logits = case.twin.values(case.input, {case.node: a})[case.twin.nodes[-1][0]]
    utility = picked(case, logits) + picked(case, logits.log_softmax(1))
    (g,) = torch.autograd.grad(utility.sum(), a, create_graph=True)
    (curve,) = torch.autograd.grad((g * a.detach()).sum(), a)
    weights = (g - curve / 2).mean((2, 3), keepdim=True)
    return (weights * a).sum(1).clamp(min=0).detach().numpy()


def finer_cam(case: Case) -> np.ndarray:
    """Zhang et al. 2025: Grad-CAM of z_c − (α / 3) Σ of the three nearest other logits."""
    a = node_values(case).requires_grad_()
    logits = case.twin.values(case.input, {case.node: a})[case.twin.nodes[-1][0]]
    own = picked(case, logits)
    apart = (logits - own[:, None]).abs().detach()
    apart[torch.arange(len(own)), case.target] = torch.inf
    near = apart.topk(3, largest=False).indices
    contrast = own - 0.6 / 3 * logits.gather(1, near).sum(1)
    (g,) = torch.autograd.grad(contrast.sum(), a)
    return (g.mean((2, 3), keepdim=True) * a).sum(1).clamp(min=0).detach().numpy()


def refine_cam(case: Case) -> np.ndarray:
    """Domeniconi et al. 2026: the product of Grad-CAM++ at two nodes, each with largest value 1."""
    found = np.ones(case.x.shape[:3])
    for node in two_nodes(case):
        map_ = placed(case, pp_terms(*slopes(case, node=node)).sum(1).clamp(min=0), node)
        top = map_.max((1, 2), keepdims=True)
        found *= np.divide(map_, top, out=np.zeros_like(map_), where=top > 0)
    return found


def two_nodes(case: Case) -> list[str]:
    return [next(name for name, _ in case.twin.nodes if "/" in name), case.node]


def guided_grad_cam(case: Case) -> np.ndarray:
    """captum's two factors, joined at nnviz's places."""
    return guided_backprop(case) * placed(case, torch.tensor(grad_cam(case)))[..., None]


def captum_guided_grad_cam(case: Case) -> np.ndarray:
    method = attr.GuidedGradCam(case.twin, case.twin.at[case.node])
    return back(method.attribute(case.input, case.target, interpolate_mode="bilinear"))


def full_grad(case: Case) -> np.ndarray:
    """Srinivas and Fleuret 2019, eq. 4: |gradient · input| and |gradient · bias| of every node with
    places, each scaled to 0 … 1; a batch normalization's bias is β − γ μ / √(σ² + ε)."""

    def scaled(term: Tensor) -> Tensor:
        size = term.abs()
        size = size - size.amin((1, 2, 3), keepdim=True)
        return (size / size.amax((1, 2, 3), keepdim=True)).sum(1)

    total = scaled(slopes(case)[1] * case.input).numpy()
    for name, _ in case.twin.nodes:
        module = case.twin.at[name]
        if isinstance(module, Conv) and module.bias is not None:
            bias = module.bias
        elif isinstance(module, nn.BatchNorm2d):
            spread = torch.sqrt(module.running_var + module.eps)
            bias = module.bias - module.weight * module.running_mean / spread
        else:
            continue
        term = slopes(case, node=name)[1] * bias.detach()[:, None, None]
        total = total + placed(case, scaled(term), name)
    return total


POOLED = ("residual", "smooth")
HERE = {"part": "at_node"}
ENTRIES = [
    Entry("cam", cam, "Zhou et al. 2016, eq. 2", nets=POOLED, **HERE),
    Entry("score_cam", score_cam([1]), "Wang et al. 2020, algorithm 1", **HERE),
    Entry("is_cam", score_cam([0.25, 0.5, 0.75, 1]), "Naidu et al. 2020", {"steps": 4}, **HERE),
    Entry("eigen_cam", first_component(node_values), "singular value decomposition", **HERE),
    Entry("eigen_grad_cam", first_component(times_slope), "singular value decomposition", **HERE),
    Entry("fast_score_cam", fast_score_cam, "Score-CAM of three channels", {"most": 3}, **HERE),
    Entry(
        "group_cam",
        group_cam,
        "Zhang et al. 2021, section 3",
        {"groups": GROUPS, "keep": 30.0, "blur": 2.0},
        part="values",
    ),
    Entry(
        "kpca_cam",
        kernel_component,
        "the eigenvectors of the whole matrix",
        {"kernel": "rbf", "gamma": 1.0},
        **HERE,
    ),
    Entry("fem", fem, "Fuad et al. 2020", **HERE),
    Entry(
        "smooth_grad_cam_plus_plus",
        smooth_pp,
        "Omeiza et al. 2019, at the same draws",
        {"samples": DRAWS, "noise": 0.15, "seed": 0},
        **HERE,
    ),
    Entry("shapley_cam", shapley_cam, "Cai 2025, exact Hessian by autograd", **HERE),
    Entry("finer_cam", finer_cam, "Zhang et al. 2025, by autograd", **HERE),
    Entry(
        "refine_cam",
        refine_cam,
        "the product, by autograd",
        lambda case: {"nodes": two_nodes(case)},
        part="values",
    ),
    Entry("guided_grad_cam", guided_grad_cam, "captum's two factors", nets=RELU),
    Entry(
        "guided_grad_cam",
        captum_guided_grad_cam,
        "captum GuidedGradCam",
        nets=RELU,
        kind="other",
        note="captum stretches Grad-CAM corner to corner, ours is placed by the receptive fields",
    ),
    Entry("full_grad", full_grad, "autograd for every bias", nets=RELU, part="values"),
]
