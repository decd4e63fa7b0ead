"""The way of a sweep: which nodes are run, in which order and how, and which are gone back through.

Where a pool chooses on the way back, places that see the same must be equal to the last digit, or
the gradient goes by chance. The patch matrices keep that, Winograd's F(2, 3) does not quite. So it
is used after the last choice, where it is free, and right before that choice, where the pool
settles what is in doubt (see `layers.true_pool`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .again import Numbered
from .folding import is_ours, pooled_first
from .graph import INPUT, Node
from .layer import Layer, Shape
from .layers.conv import Conv2D
from .layers.pool import MaxPooling2D
from .layers.true_pool import _TruePool
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
        ours = rule_for is None or (isinstance(rule_for, ByKind) and rule_for.repeats)
        shut = isinstance(rule_for, ByKind) and rule_for.shut
        if rule_for is None or shut:
            nodes = pooled_first(nodes, {*read, *until}, apart=shut)
        live = live_nodes([node for _, node in nodes], until, params=False)
        nodes, untied = _freed(model, nodes, live, ours)
        return Way(nodes, frozenset(live), tuple(read), tuple(until), rule_for, untied)

    def key(self) -> Hashable | None:
        """By what it is known among the ways through one model; None where its rules need not
        repeat."""
        rules: tuple[Any, ...] = ()
        if self.rule_for is not None:
            if not (isinstance(self.rule_for, ByKind) and self.rule_for.repeats):
                return None
            rules = (self.rule_for.shut, *self.rule_for.rules.items())
        return self.read, self.until, rules


def _freed(
    model: Model, numbered: Numbered, live: Collection[str], ours: bool
) -> tuple[Numbered, frozenset[str]]:
    """The nodes, the last pool that chooses made true where it can be, and the names of those that
    may run untied: they lead to no choice but that one. ours: whether each pool has its own
    backward."""
    nodes = [node for _, node in numbered]
    choosers = [
        node.name
        for node in nodes
        if any(name in live for name in node.inputs)
        and (node.layer.chooses or not is_ours(node.layer))
    ]
    readers = Counter(name for node in nodes for name in node.inputs)
    changed, tied = list(numbered), leading_to(nodes, choosers)
    others = leading_to(nodes, choosers[:-1])
    at = {node.name: i for i, node in enumerate(nodes)}
    for name in choosers[-1:] if ours else ():
        place, pool = numbered[at[name]]
        conv = nodes[at[pool.inputs[0]]] if pool.inputs[0] in at else pool
        true = _true(pool.layer, conv.layer, model.shapes[conv.name])
        if true is not None and readers[conv.name] == 1 and name not in others:
            changed[at[name]] = place, Node(name, true, (conv.name, *conv.inputs))
            tied -= {conv.name}
    return changed, frozenset(at) - tied


def _true(pool: Layer, conv: Layer, shape: Shape) -> _TruePool | None:
    """The pool made true, where it can be; shape: of what it pools."""
    if type(pool) is not MaxPooling2D or type(conv) is not Conv2D:
        return None
    return _TruePool(pool, conv) if _TruePool.fits(pool, conv, (shape[0], shape[1])) else None
