"""The rules of layer-wise relevance propagation as data, and which layer gets which.

With x the inputs of a layer, w its weights, b its bias, a⁺ = max(a, 0), a⁻ = min(a, 0), and
z_ij = x_i w_ij, the relevance of input i is

| rule       | R_i = Σ_j … R_j                                             | from           |
|------------|-------------------------------------------------------------|----------------|
| zero       | z_ij / Σ_i z_ij (with b_j)                                  | Bach, eq. 56   |
| epsilon    | z_ij / (z_j + ε sign z_j)                                   | Bach, eq. 58   |
| gamma      | x_i (w_ij + γ w_ij⁺) / Σ_i …, see below                     | Montavon 2019  |
| alpha_beta | α z_ij⁺ / (Σ_i z_ij⁺ + b_j⁺) − β z_ij⁻ / (Σ_i z_ij⁻ + b_j⁻) | Bach, eq. 60   |
| z_plus     | alpha_beta with α = 1, β = 0                                | Montavon 2017  |
| w_square   | w_ij² / Σ_i w_ij²                                           | Montavon 2017  |
| flat       | 1 / Σ_i 1                                                   | Lapuschkin     |
| z_box      | (z_ij − l_i w_ij⁺ − h_i w_ij⁻) / Σ_i …, l ≤ x ≤ h           | Montavon 2017  |

Gamma's paper has x ≥ 0 and z > 0 in mind. For other inputs the products count by their own sign:
where z_j > 0 the weight of z_ij⁺ is 1 + γ and that of z_ij⁻ is 1, and where z_j < 0 the other way
round. On ReLU nets that is the paper's rule.

Bach et al. 2015, doi:10.1371/journal.pone.0130140; Montavon et al. 2017, arXiv:1512.02479;
Montavon et al. 2019, "Layer-wise relevance propagation: an overview", section 10.2;
Lapuschkin et al. 2019, arXiv:1902.10178; which layer gets which: Kohlbrenner et al. 2020,
arXiv:1910.09840.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...engine.graph import Node
from ...engine.layer import Rule
from ...engine.model import Model
from ...engine.walk import RuleFor
from .relevance import (
    Box,
    Share,
    Shares,
    Term,
    above,
    below,
    first_layers,
    halved,
    negative,
    passed,
    positive,
    routed,
    rules_for,
    sharing,
    whole,
)


@dataclass(frozen=True)
class Settings:
    """The numbers in the rules."""

    epsilon: float = 1e-6
    gamma: float = 0.25
    alpha: float = 2.0
    beta: float = 1.0


EXCITING = (Term(positive, positive, positive), Term(negative, negative, None))
"""z⁺: what speaks for an output."""
INHIBITING = (Term(positive, negative, negative), Term(negative, positive, None))
"""z⁻: what speaks against it."""


def epsilon(settings: Settings) -> Shares:
    """z_ij / (z_j + ε sign z_j)."""
    return (Share((Term(whole, whole, whole),), epsilon=settings.epsilon),)


def alpha_beta(alpha: float, beta: float) -> Shares:
    """α z_ij⁺ / z_j⁺ − β z_ij⁻ / z_j⁻."""
    both = (Share(EXCITING, alpha), Share(INHIBITING, -beta))
    return tuple(share for share in both if share.factor)


def gamma(settings: Settings) -> Shares:
    """Products of the output's own sign count 1 + γ times."""

    def more(part: Callable[..., np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
        return lambda w: w + settings.gamma * part(w)

    rising, falling = more(positive), more(negative)
    up = (Term(positive, rising, rising), Term(negative, falling, None))
    down = (Term(positive, falling, falling), Term(negative, rising, None))
    return (Share(up, only=lambda y: y > 0), Share(down, only=lambda y: y < 0))


def counted(part: Callable[[np.ndarray], np.ndarray]) -> Shares:
    """A share by the weights alone: w² or 1 for each, whatever the inputs are."""
    return (Share((Term(np.ones_like, part, None),)),)


def z_box(box: Box) -> Shares:
    """(x − l) w⁺ + (x − h) w⁻: the table's formula with no difference of large numbers in it. An
    input beyond its bounds is its own bound: l ≤ x ≤ h, and no share is below 0."""
    low, high = box
    return (Share((Term(above(low), positive, None), Term(below(high), negative, None))),)


LAYER_RULES: Mapping[str, Callable[[Settings], Shares]] = {
    "zero": lambda s: epsilon(Settings(epsilon=0.0)),
    "epsilon": epsilon,
    "gamma": gamma,
    "alpha_beta": lambda s: alpha_beta(s.alpha, s.beta),
    "alpha2_beta1": lambda s: alpha_beta(2.0, 1.0),
    "z_plus": lambda s: alpha_beta(1.0, 0.0),
    "z_plus_unbiased": lambda s: (Share((Term(positive, positive), Term(negative, negative))),),
    "w_square": lambda s: counted(np.square),
    "flat": lambda s: counted(np.ones_like),
    "even": lambda s: (Share((Term(np.ones_like),)),),
    "positive": lambda s: (Share((Term(positive),)),),
}
"""Name -> the shares, for given numbers; `z_box` needs the layer's bounds as well. "even" and
"positive" are flat and z⁺ for sums and means, whose own weights are never below 0; deep Taylor's
"z_plus_unbiased" gives the bias nothing."""


@dataclass(frozen=True)
class Composite:
    """Which rule each kind of layer gets, by name.

    first: for the layers with weights that read pixels, or None for their own kind's rule. mixing:
    for sums and means. scaling: for a normalization that could not be folded, y = s x + t; None
    passes all relevance to x, its only input (a share s x / (s x + t) is finite only where what
    comes from above falls with y, which flat and z_box do not promise).
    """

    dense: str
    convolution: str
    first: str | None = None
    mixing: str = "epsilon"
    scaling: str | None = None


COMPOSITES: Mapping[str, Composite] = {
    "epsilon_plus": Composite("epsilon", "z_plus"),
    "epsilon_plus_flat": Composite("epsilon", "z_plus", "flat"),
    "epsilon_alpha2_beta1": Composite("epsilon", "alpha2_beta1"),
    "epsilon_alpha2_beta1_flat": Composite("epsilon", "alpha2_beta1", "flat"),
    "epsilon_gamma_box": Composite("epsilon", "gamma", "z_box"),
    "zero": Composite("zero", "zero", mixing="zero", scaling="zero"),
    "epsilon": Composite("epsilon", "epsilon", scaling="epsilon"),
    "gamma": Composite("gamma", "gamma", scaling="epsilon"),
    "alpha_beta": Composite("alpha_beta", "alpha_beta"),
    "z_plus": Composite("z_plus", "z_plus"),
    "w_square": Composite("w_square", "w_square", mixing="even"),
    "flat": Composite("flat", "flat", mixing="even"),
}
"""The usual composites, and each rule by itself."""

DEEP_TAYLOR = Composite("z_plus_unbiased", "z_plus_unbiased", "z_box", "positive")

BY_KIND: Mapping[str, Rule] = {
    "routing": routed,
    "maximum": routed,
    "choice": routed,
    "curve": passed,
    "damping": passed,
    "product": halved,
}
"""Kinds whose rule is the same in every composite."""


def composite_rules(
    model: Model, ends: Sequence[str], method: str, composite: Composite, settings: Settings
) -> RuleFor:
    """The rule of every node on the way to `ends`; refuses a node that has none."""
    first = first_layers(model) if composite.first else {}

    def rule_of(node: Node, kind: str) -> Rule | None:
        if kind not in ("dense", "convolution", "mixing", "scaling"):
            return BY_KIND.get(kind)
        name = composite.first if node.name in first else getattr(composite, kind)
        if name is None:
            return passed
        if name == "z_box":
            return sharing(node.layer, z_box(first[node.name]))
        return sharing(node.layer, LAYER_RULES[name](settings))

    return rules_for(model, ends, method, rule_of)
