"""Class activation maps: a weighted sum of a node's channels.

All of them make L = Σ_k w_k A_k at a node and place it on the picture; a method is how its weights
w_k come about. This file holds what they share, and the methods whose weights are read from one
walk through the network. In all formulas A_k is channel k of the node's output, g_k = ∂S/∂A_k the
target's gradient for it, (r, c) a place and Z the number of places.

The others: `cam_scores` (weights from runs of changed pictures), `cam_eigen` (no weights at all),
`cam_joined` (made of other maps), `full_grad`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...engine.graph import INPUT
from ...engine.layer import Array
from ...engine.layers.activation import Linear
from ...engine.layers.dense import Dense
from ...engine.layers.dropout import Dropout, SpatialDropout2D
from ...engine.layers.pool import AveragePooling2D, GlobalAveragePooling2D
from ...engine.layers.reshape import Flatten
from ...engine.model import Model
from ...engine.walk import RuleFor
from ...errors import ArgumentError
from ..anatomy.receptive import place_on_picture
from ..results import Attribution
from .checks import generator
from .methods import method
from .places import spatial_node
from .question import Question
from .rules import rule_name, rule_set
from .target import Logit

CAUSE = (
    "no channel of this node speaks for the target at any place (every weighted sum is zero or "
    "below); try another node, or another class"
)
PLACES = "a node with places"
CANCELLED = 1 / 20
"""A map whose largest value is a smaller share of the parts' sizes is made in float64: float32 errs
by some 1e-7 of those, and a batch is to be its pictures one by one to 1e-5 of that value."""

Parts = Callable[[Array, Array], Array]
"""A node's maps and slopes -> the parts of a map, all (N, r, c, channels)."""
Sum = Callable[[Array, Array], tuple[Array, Array]]
"""A node's maps and slopes -> a map (N, r, c), and the largest sum of its parts' sizes (N,)."""


def weighted(maps: Array, weights: Array) -> Array:
    """Σ_k w_k A_k: maps (N, r, c, channels), weights (N, channels) -> (N, r, c)."""
    n, rows, cols, channels = maps.shape
    lines = maps.reshape(n, rows * cols, channels)
    return np.matmul(lines, weights[:, :, None]).reshape(n, rows, cols)


def positive(map_: Array) -> Array:
    """max(L, 0): only what speaks for the target."""
    return np.maximum(map_, 0)


def divided(above: Array, below: Array) -> Array:
    """above / below, and 0 where below is 0."""
    whole = np.broadcast_shapes(above.shape, below.shape)
    out = np.zeros(whole, np.result_type(above, below))
    return np.divide(above, below, out=out, where=below != 0)


def varies(maps: Array) -> Array:
    """(N, 1, 1, channels): whether a channel differs from place to place by more than rounding."""
    spread = np.ptp(maps, axis=(1, 2), keepdims=True)
    return spread > 1e-9 * np.abs(maps).max(axis=(1, 2), keepdims=True)


def pooled_slopes(maps: Array, slopes: Array) -> tuple[Array, Array]:
    """Grad-CAM's Σ_k α_k A_k, with α_k the mean of channel k's slopes."""
    places = slopes.shape[1] * slopes.shape[2]
    means = slopes.sum(axis=1).sum(axis=1, dtype=np.float64) / places
    weights = means.astype(maps.dtype)
    # What comes out of a ReLU is its own size.
    sizes = weighted(maps if maps.min() >= 0 else np.abs(maps), np.abs(weights))
    return weighted(maps, weights), sizes.max(axis=(1, 2))


def added(parts_of: Parts) -> Sum:
    """The sum of parts over the channels."""

    def sum_of(maps: Array, slopes: Array) -> tuple[Array, Array]:
        parts = parts_of(maps, slopes)
        made = parts.sum(axis=-1, dtype=np.float64)
        sizes = np.einsum("nrck->nrc", np.abs(parts, out=parts))  # twice as fast as a sum
        return made, sizes.max(axis=(1, 2))

    return sum_of


@dataclass(frozen=True)
class AtNode:
    """A question that is asked at one node."""

    question: Question
    name: str

    @classmethod
    def of(cls, model: Model, x: Any, target: Any, method: str, node: str | None) -> AtNode:
        """Check pixels, target and node; None as node means the last one with space in it."""
        return cls(Question.of(model, x, target, method), spatial_node(model, node))

    @property
    def model(self) -> Model:
        return self.question.model

    @property
    def wide(self) -> Question:
        """The question in float64: channels speak against each other, and where their sum is small
        rounding would be left."""
        return replace(self.question, x=self.question.x.astype(np.float64))

    def walk(self, rule_for: RuleFor | None = None) -> tuple[Array, Array, Array]:
        """The node's maps and the target's gradient for them, (N, r, c, channels), and scores, in
        float64."""
        walk = self.wide.walk(at=(self.name,), rule_for=rule_for)
        return walk.outputs[self.name], walk.gradients[self.name], walk.scores

    def summed(
        self, sum_of: Sum, rule_for: RuleFor | None = None, *, signed: bool = False
    ) -> tuple[Array, Array]:
        """The map that sum_of makes of the node's maps and slopes, (N, r, c), and the scores.

        The walk is in the pictures' own dtype, twice as fast as in float64. Where the channels
        cancel so far that its rounding would show (`CANCELLED`), it is made again in float64, for
        those pictures alone.
        """
        scores, made, sizes = self.question.taken(sum_of, at=self.name, rule_for=rule_for)
        top = np.abs((np.abs(made) if signed else made).max(axis=(1, 2)))
        again = np.flatnonzero(top < CANCELLED * sizes)
        if len(again) and self.question.x.dtype != np.float64:
            x, goal = self.question.x[again], self.question.goal.take(again.tolist())
            some = AtNode(replace(self.question, x=x, goal=goal), self.name)
            _, made[again], _ = some.wide.taken(sum_of, at=self.name, rule_for=rule_for)
        return made, scores

    def look(self) -> tuple[Array, Array]:
        """The node's maps (N, r, c, channels) and the scores, without a walk back; in float64."""
        goal = self.question.goal
        trace = self.model.run(self.wide.x, prepared=True, keep=(*goal.nodes, self.name))
        return trace[self.name].y, goal.values({n: trace[n].y for n in goal.nodes})

    def placed(self, map_: Array) -> Array:
        """A map at the node as a map over the picture."""
        return place_on_picture(self.model, self.name, map_)

    def answer(
        self,
        at_node: Array,
        scores: Array,
        *,
        signed: bool = False,
        cause: str = CAUSE,
        settings: Mapping[str, Any] | None = None,
        seed: int | None = None,
        warnings: tuple[str, ...] = (),
    ) -> Attribution:
        """The map L (N, r, c), placed on the picture."""
        return self.question.answer(
            self.placed(at_node),
            scores=scores,
            at_node=at_node,
            node=self.name,
            cause=cause,
            signed=signed,
            settings=settings,
            seed=seed,
            warnings=warnings,
        )


# The methods ----------------------------------------------------------------------------------


@method("cam", reference="Zhou et al. 2016, arXiv:1512.04150", signed=True,
        needs="global average pooling, then one dense layer", cost="1 f")  # fmt: skip
def cam(model: Model, x: Any, target: Any = None) -> Attribution:
    """L = Σ_k w_k^c A_k, with w^c the dense layer's weights of class c.

    For networks that end in global average pooling and one dense layer (dropout and flattening
    between them do nothing at prediction): there S = Σ_k w_k^c · mean(A_k) + b_c, so the mean of L
    is the logit without its bias. Any other network is refused: `grad_cam` is made for them.
    target: classes alone, or sums and differences of them.
    values: (N, rows, cols), signed, placed by the receptive fields' centres; at_node: L, (N, r, c).
    Zhou, Khosla, Lapedriza, Oliva, Torralba 2016, eq. 2, arXiv:1512.04150; they stretch the map
    corner to corner.
    """
    question = Question.of(model, x, target, "cam")
    name, head = _pooled_head(question)
    maps, scores = AtNode(question, name).look()
    outputs = {head: np.zeros((len(question), *model.shapes[head]), maps.dtype)}
    slopes = question.goal.seeds(outputs)[head]  # of classes: the same for all outputs
    weight = model.node(head).layer.param("weight", maps.dtype)
    cause = "the dense layer's weights of this class are zero; try another class"
    return AtNode(question, name).answer(
        weighted(maps, slopes @ weight.T), scores, signed=True, cause=cause
    )


@method("cam", reference="Selvaraju et al. 2017, arXiv:1610.02391", needs=PLACES, cost="1 f + 1 b")
def grad_cam(
    model: Model, x: Any, target: Any = None, *, node: str | None = None, rule: str = "plain"
) -> Attribution:
    """L = max(Σ_k α_k A_k, 0) with α_k = (1 / Z) Σ_{r, c} g_k[r, c].

    A_k: channel k of the node's output, Z its number of places, g_k = ∂S/∂A_k, S the target (for a
        class, its logit).
    values: (N, rows, cols), not negative, placed on the picture by the receptive fields' centres;
    at_node: L itself, (N, r, c).
    node: by name; None for the last node with space in it. rule: the backward rule between target
    and node. Selvaraju et al. 2017, eqs. 1 and 2, arXiv:1610.02391; they stretch the map corner to
    corner.
    """
    rule = rule_name(rule)
    here = AtNode.of(model, x, target, "grad_cam", node)
    rule_for, warnings = rule_set(model, rule)
    map_, scores = here.summed(pooled_slopes, rule_for)
    return here.answer(positive(map_), scores, settings={"rule": rule}, warnings=warnings)


@method("cam", reference="Chattopadhay et al. 2018, arXiv:1710.11063", needs=PLACES,
        cost="1 f + 1 b")  # fmt: skip
def grad_cam_plus_plus(
    model: Model, x: Any, target: Any = None, *, node: str | None = None
) -> Attribution:
    """L = max(Σ_k w_k A_k, 0) with w_k = Σ_{r, c} α_k[r, c] · max(g_k[r, c], 0) and
    α_k[r, c] = g_k² / (2 g_k² + (Σ_{a, b} A_k[a, b]) · g_k³), 0 where g_k[r, c] is 0.

    This is the paper's closed form for Y = exp(S), whose second and third derivatives for one place
    are Y g² and Y g³. Their common factor exp(S) cancels in α; the one in ∂Y/∂A = exp(S) g, which
    only scales each picture's map and overflows for large logits, is left out.
    values, at_node, node: as for `grad_cam`. Chattopadhay, Sarkar, Howlader, Balasubramanian 2018,
    section 3, arXiv:1710.11063.
    """
    here = AtNode.of(model, x, target, "grad_cam_plus_plus", node)
    maps, slopes, scores = here.walk()
    # g² divided out: the same number, and tiny gradients do not vanish when they are squared.
    below = 2 + maps.sum(axis=(1, 2), keepdims=True) * slopes
    weights = divided(positive(slopes), below).sum(axis=(1, 2))
    return here.answer(positive(weighted(maps, weights)), scores)


@method("cam", reference="Fu et al. 2020, arXiv:2008.02312", needs=PLACES, cost="1 f + 1 b")
def xgrad_cam(model: Model, x: Any, target: Any = None, *, node: str | None = None) -> Attribution:
    """L = max(Σ_k w_k A_k, 0) with w_k = Σ_{r, c} (A_k[r, c] / Σ_{a, b} A_k[a, b]) · g_k[r, c].

    The gradients' mean, weighed by the channel itself, so that Σ L before the rectification is
    Σ A · g: the whole target, where what follows the node is ReLUs without biases. A channel that
    adds up to 0 weighs 0.
    values, at_node, node: as for `grad_cam`. Fu, Hu, Dong, Guo, Gao, Li 2020, section 3,
    arXiv:2008.02312.
    """
    here = AtNode.of(model, x, target, "xgrad_cam", node)
    maps, slopes, scores = here.walk()
    weights = divided((maps * slopes).sum(axis=(1, 2)), maps.sum(axis=(1, 2)))
    return here.answer(positive(weighted(maps, weights)), scores)


@method("cam", reference="Jiang et al. 2021, doi:10.1109/TIP.2021.3089943", needs=PLACES,
        cost="1 f + 1 b")  # fmt: skip
def layer_cam(model: Model, x: Any, target: Any = None, *, node: str | None = None) -> Attribution:
    """L[r, c] = max(Σ_k max(g_k[r, c], 0) · A_k[r, c], 0): each place has its own weights.

    Made for early nodes, where one weight for a whole channel says too little.
    values, at_node, node: as for `grad_cam`. Jiang, Zhang, Hou, Cheng, Wei 2021, IEEE
    Transactions on Image Processing 30, doi:10.1109/TIP.2021.3089943; their scaling of early
    layers by tanh is left to the reader.
    """
    here = AtNode.of(model, x, target, "layer_cam", node)
    map_, scores = here.summed(added(lambda maps, slopes: positive(slopes) * maps))
    return here.answer(positive(map_), scores)


@method("cam", reference="Draelos and Carin 2020, arXiv:2011.08891", signed=True, needs=PLACES,
        cost="1 f + 1 b")  # fmt: skip
def hires_cam(model: Model, x: Any, target: Any = None, *, node: str | None = None) -> Attribution:
    """L[r, c] = Σ_k g_k[r, c] · A_k[r, c], with its sign.

    Where one dense layer follows the node (flattened or pooled), L adds up to the logit without its
    bias: it shows exactly the places that raised the target. Where g_k is the same at all places,
    max(L, 0) is Grad-CAM.
    values: (N, rows, cols), signed; at_node, node: as for `grad_cam`. Draelos and Carin 2020,
    section 3, arXiv:2011.08891.
    """
    here = AtNode.of(model, x, target, "hires_cam", node)
    map_, scores = here.summed(added(np.multiply), signed=True)
    cause = "the target does not depend on this node; try another node, or another class"
    return here.answer(map_, scores, signed=True, cause=cause)


@method("cam", reference="Gildenblat 2021, after arXiv:1610.02391", needs=PLACES,
        cost="1 f + 1 b")  # fmt: skip
def element_wise_cam(
    model: Model, x: Any, target: Any = None, *, node: str | None = None
) -> Attribution:
    """L[r, c] = Σ_k max(g_k[r, c] · A_k[r, c], 0): HiRes-CAM, rectified before the sum.

    values, at_node, node: as for `grad_cam`. Known from the library of Gildenblat et al. 2021
    (element-wise Grad-CAM), after Selvaraju et al. 2017, arXiv:1610.02391; it has no paper.
    """
    here = AtNode.of(model, x, target, "element_wise_cam", node)
    map_, scores = here.summed(added(lambda maps, slopes: positive(slopes * maps)))
    return here.answer(map_, scores)


@method("cam", reference="a control, after Adebayo et al. 2018, arXiv:1810.03292", needs=PLACES,
        targeted=False, cost="1 f")  # fmt: skip
def random_cam(
    model: Model, x: Any, target: Any = None, *, node: str | None = None, seed: int = 0
) -> Attribution:
    """L = max(Σ_k w_k A_k, 0) with w_k drawn evenly from −1 … 1: the control.

    A map that looks no better than this one owes its looks to the channels, not to the weights. The
    weights depend on `seed` and on the number of channels alone; every picture gets the same, and
    the target plays no part.
    values, at_node, node: as for `grad_cam`. In the spirit of the randomization tests of Adebayo et
    al. 2018, arXiv:1810.03292.
    """
    rng = generator(seed, "random_cam")
    here = AtNode.of(model, x, target, "random_cam", node)
    maps, scores = here.look()
    weights = rng.uniform(-1, 1, maps.shape[-1])
    at_node = positive(maps @ weights)
    cause = "the random weights of all channels that answer are negative; try another seed or node"
    return here.answer(at_node, scores, seed=seed, cause=cause)


def _pooled_head(question: Question) -> tuple[str, str]:
    """The node whose maps are pooled and the dense node that reads the pool."""
    model = question.model
    if not all(type(target) is Logit for _, _, target in question.goal.terms):
        raise ArgumentError(
            "cam explains classes, or sums and differences of them: for other targets use grad_cam"
        )
    head = question.goal.nodes[0]
    if head != INPUT and isinstance(model.node(head).layer, Dense):
        pool = _source(model, head, (Flatten, Dropout, SpatialDropout2D, Linear))
        if pool is not None and _pools_all(model, pool):
            maps = _source(model, pool, (Dropout, SpatialDropout2D, Linear))
            if maps is not None:
                return spatial_node(model, maps), head
    raise ArgumentError(
        "cam needs a network that ends in global average pooling and one dense layer, and the "
        f"node {head!r} is not fed that way: use grad_cam, which equals it where cam works"
    )


def _source(model: Model, name: str, passed: tuple[type, ...]) -> str | None:
    """What a node reads, behind nodes of the kinds that do nothing; None for the picture."""
    name = model.node(name).inputs[0]
    while name != INPUT and isinstance(model.node(name).layer, passed):
        name = model.node(name).inputs[0]
    return None if name == INPUT else name


def _pools_all(model: Model, name: str) -> bool:
    """Whether a node is the mean over all places of what it reads."""
    node = model.node(name)
    if not isinstance(node.layer, AveragePooling2D):
        return isinstance(node.layer, GlobalAveragePooling2D)
    size = (model.shapes[node.inputs[0]][0], model.shapes[node.inputs[0]][1])
    pads = node.layer.window().padding(size)
    return node.layer.pool_size == size and not np.any(pads)
