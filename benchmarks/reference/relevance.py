"""Layer-wise relevance propagation in PyTorch, node by node, from the papers' formulas.

Every rule is R_i = x_i Σ_j w_ij R_j / z_j for some parts of x and w, and Σ_j w_ij s_j is the
gradient of Σ_j z_j s_j (Montavon et al. 2019, section 10.3.3), so autograd does the sums. Batch
normalization is folded beforehand.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from nnviz.engine.graph import INPUT

from ..nets import Case
from ..twin import Conv, back
from .entry import picked

Part = Callable[[Tensor], Tensor]
Rule = Callable[[nn.Module, tuple[Tensor, ...], Tensor], list[Tensor]]


def whole(a: Tensor) -> Tensor:
    return a


def up(a: Tensor) -> Tensor:
    return a.clamp(min=0)


def down(a: Tensor) -> Tensor:
    return a.clamp(max=0)


def with_parts(module: nn.Module, weight: Part, bias: Part | None) -> nn.Module:
    """A copy with these parts of its weights and of its bias (None: no bias)."""
    made = copy.deepcopy(module)
    made.weight.data = weight(made.weight.data)
    if made.bias is not None:
        made.bias.data = made.bias.data * 0 if bias is None else bias(made.bias.data)
    return made


def shared(
    terms: list[tuple[nn.Module, tuple[Tensor, ...]]], relevance: Tensor, eps: float
) -> list[Tensor]:
    """Σ over terms of x · ∂(z · R / (z + ε sign z)) / ∂x with z = Σ over terms of module(x)."""
    given = [tuple(x.detach().clone().requires_grad_() for x in xs) for _, xs in terms]
    z = sum(module(*xs) for (module, _), xs in zip(terms, given, strict=True))
    safe = z + eps * torch.where(z >= 0, 1.0, -1.0)
    quotient = torch.where(safe == 0, 0, relevance / torch.where(safe == 0, 1, safe)).detach()
    flat = [x for xs in given for x in xs]
    parts = [
        x.detach() * g
        for x, g in zip(flat, torch.autograd.grad((z * quotient).sum(), flat), strict=True)
    ]
    count = len(given[0])
    return [sum(parts[i::count]) for i in range(count)]


def epsilon(eps: float) -> Rule:
    """Bach et al. 2015, eq. 58."""
    return lambda module, xs, r: shared([(module, xs)], r, eps)


def alpha_beta(alpha: float, beta: float) -> Rule:
    """Bach et al. 2015, eq. 60; the bias's positive part counts with the positive products."""

    def rule(module: nn.Module, xs: tuple[Tensor, ...], r: Tensor) -> list[Tensor]:
        high, low = (up(xs[0]),), (down(xs[0]),)
        speaking = [(with_parts(module, up, up), high), (with_parts(module, down, None), low)]
        against = [(with_parts(module, down, down), high), (with_parts(module, up, None), low)]
        total = alpha * shared(speaking, r, 0)[0]
        return [total - beta * shared(against, r, 0)[0] if beta else total]

    return rule


def gamma(value: float) -> Rule:
    """Montavon et al. 2019, section 10.2.3, where x ≥ 0 and z > 0; elsewhere as toolkits extend it:
    the products of z's own sign count 1 + γ times."""

    def rule(module: nn.Module, xs: tuple[Tensor, ...], r: Tensor) -> list[Tensor]:
        z = module(*xs).detach()
        total = torch.zeros_like(xs[0])
        for same, other, chosen in ((up, down, z > 0), (down, up, z < 0)):

            def more(w: Tensor, part: Part = same) -> Tensor:
                return w + value * part(w)

            def less(w: Tensor, part: Part = other) -> Tensor:
                return w + value * part(w)

            terms = [
                (with_parts(module, more, more), (up(xs[0]),)),
                (with_parts(module, less, None), (down(xs[0]),)),
            ]
            total = total + shared(terms, r * chosen, 0)[0]
        return [total]

    return rule


def counted(weight: Part) -> Rule:
    """By the weights alone: w² (Montavon et al. 2017, eq. 11) or 1 (flat)."""

    def rule(module: nn.Module, xs: tuple[Tensor, ...], r: Tensor) -> list[Tensor]:
        return shared([(with_parts(module, weight, None), (torch.ones_like(xs[0]),))], r, 0)

    return rule


def evenly(module: nn.Module, xs: tuple[Tensor, ...], r: Tensor) -> list[Tensor]:
    """Sums and means where only weights count, which are all alike there."""
    return shared([(module, tuple(torch.ones_like(x) for x in xs))], r, 0)


def z_box(
    module: nn.Module, xs: tuple[Tensor, ...], r: Tensor, low: Tensor, high: Tensor
) -> list[Tensor]:
    """Montavon et al. 2017, eq. 15: z_ij − l_i w_ij⁺ − h_i w_ij⁻ over its sum."""
    bare = [with_parts(module, part, None) for part in (whole, up, down)]
    return shared([(bare[0], xs), (Negated(bare[1]), (low,)), (Negated(bare[2]), (high,))], r, 0)


class Negated(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        return -self.module(x)


def routed(module: nn.Module, xs: tuple[Tensor, ...], r: Tensor) -> list[Tensor]:
    """Relevance goes where the output came from: the gradient."""
    given = tuple(x.detach().clone().requires_grad_() for x in xs)
    return list(torch.autograd.grad((module(*given) * r).sum(), given))


ROUTING = ("MaxPool2d", "PaddedMaxPool", "Flatten", "Concatenate", "Dropout", "Identity")
CURVES = (nn.ReLU, nn.Tanh, nn.ELU, nn.Softplus)


def relevance(
    case: Case,
    dense: Rule,
    convolution: Rule,
    first: Rule | None,
    mixing: Rule,
    start: Part = whole,
) -> np.ndarray:
    """(N, rows, cols, channels): `start` of the logit sent back by these rules; first: where pixels
    are read."""
    twin = case.folded
    with torch.no_grad():
        values = twin.values(case.input)
    output = twin.nodes[-1][0]
    seed = torch.zeros_like(values[output])
    rows = torch.arange(len(seed))
    seed[rows, case.target] = start(picked(case, values[output]))
    arrived = {output: seed}
    for name, inputs in reversed(twin.nodes):
        module, xs = twin.at[name], tuple(values[i] for i in inputs)
        if isinstance(module, CURVES):
            parts = [arrived[name]]
        elif type(module).__name__ in ROUTING:
            parts = routed(module, xs, arrived[name])
        elif isinstance(module, Conv) and first is not None and INPUT in inputs:
            parts = first(module, xs, arrived[name])
        else:
            kind = {Conv: convolution, nn.Linear: dense}
            parts = kind.get(type(module), mixing)(module, xs, arrived[name])
        for source, part in zip(inputs, parts, strict=True):
            arrived[source] = arrived[source] + part if source in arrived else part
    return back(arrived[INPUT])


def excited(module: nn.Module, xs: tuple[Tensor, ...], r: Tensor, low: Tensor) -> list[Tensor]:
    """Excitation at the picture: (x − l) w⁺ over its sum, l the darkest pixel."""
    return shared([(with_parts(module, up, None), (xs[0] - low,))], r, 0)


def deep_taylor(case: Case) -> np.ndarray:
    return positive_only(case, boxed(case), excite=False)


def excitation(case: Case) -> np.ndarray:
    return positive_only(case, partial(excited, low=case.ready(0.0)), excite=True)


def boxed(case: Case) -> Rule:
    """The z-box rule between the darkest and the lightest picture."""
    return partial(z_box, low=case.ready(0.0), high=case.ready(1.0))


COMPOSITES: Mapping[str, Callable[[Case], tuple[Rule, Rule, Rule | None]]] = {
    "zero": lambda case: (epsilon(0), epsilon(0), None),
    "epsilon": lambda case: (epsilon(1e-6), epsilon(1e-6), None),
    "gamma": lambda case: (gamma(0.25), gamma(0.25), None),
    "alpha_beta": lambda case: (alpha_beta(2, 1), alpha_beta(2, 1), None),
    "z_plus": lambda case: (alpha_beta(1, 0), alpha_beta(1, 0), None),
    "w_square": lambda case: (counted(torch.square), counted(torch.square), None),
    "flat": lambda case: (counted(torch.ones_like), counted(torch.ones_like), None),
    "epsilon_plus": lambda case: (epsilon(1e-6), alpha_beta(1, 0), None),
    "epsilon_plus_flat": lambda case: (epsilon(1e-6), alpha_beta(1, 0), counted(torch.ones_like)),
    "epsilon_alpha2_beta1": lambda case: (epsilon(1e-6), alpha_beta(2, 1), None),
    "epsilon_alpha2_beta1_flat": lambda case: (
        epsilon(1e-6),
        alpha_beta(2, 1),
        counted(torch.ones_like),
    ),
    "epsilon_gamma_box": lambda case: (epsilon(1e-6), gamma(0.25), boxed(case)),
}


def lrp(composite: str) -> Callable[[Case], np.ndarray]:
    def map_(case: Case) -> np.ndarray:
        mixing = epsilon(0 if composite == "zero" else 1e-6)
        by_weights = composite in ("w_square", "flat")
        return relevance(case, *COMPOSITES[composite](case), evenly if by_weights else mixing)

    return map_


def deep_lift(case: Case, base: Tensor) -> np.ndarray:
    """Shrikumar et al. 2017, the rescale rule, node by node: multipliers m, and m (x − x⁰).

    Max pooling by captum's definition: a rise of the maximum belongs to its new place, a fall to
    its old one.
    """
    twin = case.twin
    with torch.no_grad():
        here, there_ = twin.values(case.input), twin.values(base)
    output = twin.nodes[-1][0]
    seed = torch.zeros_like(here[output])
    seed[torch.arange(len(seed)), case.target] = 1
    arrived = {output: seed}
    for name, inputs in reversed(twin.nodes):
        module, m = twin.at[name], arrived[name]
        xs, before = (tuple(v[i] for i in inputs) for v in (here, there_))
        change, steps = here[name] - there_[name], [x - b for x, b in zip(xs, before, strict=True)]
        if isinstance(module, CURVES):
            parts = [m * change / steps[0]]
        elif isinstance(module, nn.MaxPool2d):
            (risen,) = routed(module, xs, m * change.clamp(min=0))
            (fallen,) = routed(module, before, m * change.clamp(max=0))
            safe = torch.where(steps[0] == 0, 1, steps[0])
            parts = [torch.where(steps[0] == 0, 0, (risen + fallen) / safe)]
        else:
            parts = routed(module, xs, m)
        for source, part in zip(inputs, parts, strict=True):
            arrived[source] = arrived[source] + part if source in arrived else part
    return back(arrived[INPUT] * (case.input - base))


def positive_only(case: Case, first: Rule, *, excite: bool) -> np.ndarray:
    """z⁺ without biases at every linear layer, by another rule where pixels are read: excitation
    backprop (begun with 1) and deep Taylor (begun with the positive logit)."""

    def plus(module: nn.Module, xs: tuple[Tensor, ...], r: Tensor) -> list[Tensor]:
        terms = [(with_parts(module, up, None), (up(xs[0]),))]
        if not excite:
            terms.append((with_parts(module, down, None), (down(xs[0]),)))
        return shared(terms, r, 0)

    def mixing(module: nn.Module, xs: tuple[Tensor, ...], r: Tensor) -> list[Tensor]:
        return shared([(module, tuple(up(x) for x in xs))], r, 0)

    start = torch.ones_like if excite else up
    return relevance(case, plus, plus, first, mixing, start)
