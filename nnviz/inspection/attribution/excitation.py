"""Excitation backprop: a chance walk from the target back to the picture.

From an output, the walk goes to one of the inputs that excite it, each with the chance of its
positive share. What is shown is how probable it is to come by a place.
"""

from __future__ import annotations

from typing import Any

from ...engine.graph import INPUT, Node
from ...engine.layer import Rule
from ...engine.model import Model
from ...engine.rewrite import fold_batch_norm
from ...engine.walk import RuleFor
from ...errors import ArgumentError
from ..anatomy.receptive import place_on_picture
from ..results import Attribution
from .checks import flag
from .composites import BY_KIND
from .gradients import without_channels
from .lrp import refuse_probabilities
from .methods import method
from .places import spatial_node
from .question import Question
from .relevance import (
    Part,
    Share,
    Shares,
    Term,
    above,
    beyond,
    first_layers,
    negative,
    passed,
    positive,
    rules_for,
    sharing,
    unfit,
)

CAUSE = (
    "nothing excites the target: no positive input meets a positive weight on any way to it; try "
    "another class, or another node"
)


@method(
    "rule",
    reference="Zhang et al. 2016, arXiv:1608.00507",
    signed=True,
    needs="no softmax inside",
    cost="1 f + 1 b of 2 times the size",
)
def excitation_backprop(
    model: Model,
    x: Any,
    target: Any = None,
    *,
    contrastive: bool = False,
    node: str | None = None,
) -> Attribution:
    """P(a_i) = Σ_j P(a_i | a_j) P(a_j) with P(a_i | a_j) = a_i w_ij⁺ / Σ_i a_i w_ij⁺.

    a: the values between the layers, as far as they are positive. It begins with the target's
    gradient, for a class 1 at its logit, so that a map adds up to 1 less what ended at outputs that
    nothing excites. values: (N, rows, cols), the channels added up; raw: by channel.
    contrastive: P with the weights of the target's own layer, less P with their negatives: what
        speaks for this class more than for all others. Signed; the paper shows its positive part.
    node: where to stop, by name; None for the picture itself. Then at_node is the map there, placed
    on the picture by the receptive fields' centres.

    At the layers that read pixels a is max(x − l, 0), l being what pixel 0 is there. Batch
    normalization is folded, one that stays passes everything on and is named; max pooling passes to
    the winner; sums and means share by what is positive; a product's factors share alike.
    Zhang, Lin, Brandt, Shen, Sclaroff 2016, sections 3.1 to 3.3, arXiv:1608.00507.
    """
    contrastive = flag(contrastive, "contrastive", "excitation_backprop")
    question = Question.of(model, x, target, "excitation_backprop")
    refuse_probabilities(question)
    place = INPUT if node is None else spatial_node(model, node)
    keep = (*question.goal.nodes, place)
    folded = question.with_model(fold_batch_norm(model, keep=keep))
    rules = _rules(folded, contrastive=contrastive)
    walk = folded.walk(at=(place,), rule_for=rules)
    found = without_channels(walk.gradients[place], "sum")
    warnings = unfit(
        folded.model, question.goal.nodes, question.method, for_relus=True, scaling_passes=True
    )
    if node is None:
        warnings += beyond(model, question.x, question.method)
    return question.answer(
        found if node is None else place_on_picture(model, place, found),
        scores=walk.scores,
        signed=True,
        raw=walk.gradient if node is None else None,
        at_node=None if node is None else found,
        node=node,
        cause=CAUSE,
        settings={"contrastive": contrastive},
        warnings=warnings,
    )


def _rules(question: Question, *, contrastive: bool) -> RuleFor:
    """The rule of every node on the way from the target."""
    ends, first = question.goal.nodes, first_layers(question.model)

    def rule_of(node: Node, kind: str) -> Rule | None:
        weighted, turned = kind in ("dense", "convolution"), contrastive and node.name in ends
        if turned and not weighted:
            raise ArgumentError(
                f"contrastive turns the weights of the layer that the target reads, and node "
                f"{node.name!r} ({type(node.layer).__name__}) has none: choose a class's logit or "
                "a channel of a dense or convolutional layer as target"
            )
        if weighted:
            part = above(first[node.name][0]) if node.name in first else positive
            return sharing(node.layer, excited(part, against=turned))
        if kind == "mixing":
            return sharing(node.layer, (Share((Term(positive),)),))
        return passed if kind == "scaling" else BY_KIND.get(kind)

    return rules_for(question.model, ends, question.method, rule_of)


def excited(part: Part, *, against: bool) -> Shares:
    """a w⁺ / Σ a w⁺, with `against` less the same for −w."""
    shares = (Share((Term(part, positive),)),)
    if not against:
        return shares
    return (*shares, Share((Term(part, lambda w: -negative(w)),), factor=-1.0))
