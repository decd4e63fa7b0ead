"""The way of a sweep: which nodes are run, in which order and how, and which are gone back through.

Where a pool chooses on the way back, places that see the same must be equal to the last digit, or
the gradient goes by chance. The patch matrices of convolutions keep that (with sums in float64 on
machines whose products do not, see `equal_rows`), Winograd's F(2, 3) does not quite: it is used
where nothing chooses any more.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .again import Numbered
from .folding import bias_last, is_ours, pooled_first
from .graph import INPUT, Node
from .walk import ByKind, RuleFor, leading_to, live_nodes

if TYPE_CHECKING:
    from .model import Model


@dataclass(frozen=True)
class Way:
    """There and back through a model.

    nodes: with their places, as they are run. live: whose gradients are needed. read: whose outputs
    the seeds need and the caller gets. until: whose gradients are wanted. untied: names of nodes
    that run so, see `Mode`.
    """

    nodes: Numbered
    live: frozenset[str]
    read: tuple[str, ...]
    until: tuple[str, ...]
    rule_for: RuleFor | None
    untied: frozenset[str]

    @staticmethod
    def of(
        model: Model, read: Collection[str], until: Collection[str], rule_for: RuleFor | None
    ) -> Way:
        """The quickest among those whose way back is the same."""
        for name in {*read, *until} - {INPUT}:
            model.node(name)
        end = max((model.place(name) for name in read if name != INPUT), default=-1)
        nodes: Numbered = list(enumerate(model.nodes[: end + 1]))
        shut = isinstance(rule_for, ByKind) and rule_for.shut
        if rule_for is None or shut:
            nodes = pooled_first(nodes, {*read, *until}, apart=shut)
        live = live_nodes([node for _, node in nodes], until, params=False)
        untied = _untied([node for _, node in nodes], live)
        passed = {node.name for _, node in nodes if not live.isdisjoint(node.inputs)}
        nodes = bias_last(nodes, {*read, *until}, passed)
        return Way(nodes, frozenset(live), tuple(read), tuple(until), rule_for, untied)


def way_key(
    read: Collection[str], until: Collection[str], rule_for: RuleFor | None
) -> Hashable | None:
    """By what a way is known among those through one model; None where its rules need not
    repeat."""
    rules: tuple[Any, ...] = ()
    if rule_for is not None:
        if not (isinstance(rule_for, ByKind) and rule_for.repeats):
            return None
        rules = (rule_for.shut, *rule_for.rules.items())
    return tuple(read), tuple(until), rules


def _untied(nodes: Sequence[Node], live: Collection[str]) -> frozenset[str]:
    """Names of the nodes that lead to no choice on the way back."""
    passed = [node for node in nodes if any(name in live for name in node.inputs)]
    choosers = {n.name for n in passed if n.layer.chooses or not is_ours(n.layer)}
    return frozenset({node.name for node in nodes} - leading_to(nodes, choosers))
