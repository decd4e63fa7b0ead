"""`visualize_saliency` and `visualize_cam`: where a picture speaks for an output."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ...engine.graph import INPUT
from ...engine.layer import Array
from ...engine.layers.conv import Conv2D
from ...engine.layers.depthwise import DepthwiseConv2D
from ...engine.layers.pool import AveragePooling2D, MaxPooling2D, Subsampling2D
from ...engine.model import Model
from ...engine.walk import descendants
from ...errors import ArgumentError
from ...inspection.anatomy.receptive import place_on_picture
from ...inspection.attribution.question import Question, Walk
from ...inspection.attribution.rules import RULES, rule_name, rule_set
from .modifiers import grad_modifier as gradient_of
from .modifiers import is_gradients, normalized, one_picture, refuse_tensor
from .view import LayerView, ModelView, view

CARRIERS = (Conv2D, DepthwiseConv2D, MaxPooling2D, AveragePooling2D, Subsampling2D)
"""The kinds of layer that a class activation map is made at by itself."""


def visualize_saliency(
    model: Model | ModelView,
    layer_idx: int,
    filter_indices: Any,
    seed_input: Any,
    wrt_tensor: Any = None,
    backprop_modifier: str | None = None,
    grad_modifier: Any = "absolute",
    keepdims: bool = False,
    *,
    raw: bool = False,
) -> Array:
    """The gradient of the filters' activation for the picture, through `grad_modifier`, and of the
    channels the largest, scaled to 0..1: (rows, cols), or (rows, cols, channels) with `keepdims`.

    backprop_modifier: None, "guided", or "relu" (also "rectified", "deconv"). raw: not scaled.
    """
    if isinstance(wrt_tensor, str):  # the release has no wrt_tensor: what follows came too early
        old = grad_modifier if backprop_modifier is None else backprop_modifier
        wrt_tensor, backprop_modifier, grad_modifier = None, wrt_tensor, old
    if is_gradients(backprop_modifier):  # the same, where no backprop_modifier was wanted
        backprop_modifier, grad_modifier = None, backprop_modifier
    refuse_tensor(wrt_tensor)
    modify = gradient_of(grad_modifier)
    walk = _walk(view(model), layer_idx, filter_indices, seed_input, INPUT, backprop_modifier)
    values = modify(walk.gradient[0])
    values = values if keepdims else values.max(axis=-1)
    return values if raw else normalized(values)


def visualize_cam(
    model: Model | ModelView,
    layer_idx: int,
    filter_indices: Any,
    seed_input: Any,
    penultimate_layer_idx: int | None = None,
    backprop_modifier: str | None = None,
    grad_modifier: Any = None,
    *,
    raw: bool = False,
) -> Array:
    """max(Σ_k w_k A_k, 0) at the penultimate layer, placed on the picture and scaled to 0..1:
    (rows, cols). w_k is the mean of the gradient, through `grad_modifier`, over the places.

    penultimate_layer_idx: None for the nearest convolution or pooling before `layer_idx`. raw: not
    scaled. Selvaraju et al. 2017, eqs. 1 and 2, arXiv:1610.02391.
    """
    seen, modify = view(model), gradient_of(grad_modifier)
    node = _penultimate(seen, layer_idx, penultimate_layer_idx)
    walk = _walk(seen, layer_idx, filter_indices, seed_input, node, backprop_modifier)
    weights = modify(walk.gradients[node]).mean(axis=(1, 2))
    map_ = np.maximum(np.einsum("nrck,nk->nrc", walk.outputs[node], weights), 0)
    values = place_on_picture(seen.model, node, map_)[0].astype(map_.dtype, copy=False)
    return values if raw else normalized(values)


def _penultimate(model: ModelView, layer_idx: int, chosen: int | None) -> str:
    """The node whose maps are weighted: one that the layer explained reads, near or far."""
    explained = model.layer(layer_idx)
    last = model.layers.index(explained)

    def is_read(layer: LayerView) -> bool:
        return explained.node in descendants(model.model.nodes, {layer.node})

    if chosen is not None:
        found = model.layer(chosen)
        if not is_read(found):
            raise ArgumentError(
                f"layer {found.name!r} does not lead to {explained.name!r}: choose one before it"
            )
        if len(model.model.shapes[found.node]) != 3:
            raise ArgumentError(f"layer {found.name!r} has no rows and cols: choose one before it")
        return found.node
    for layer in reversed(model.layers[:last]):
        if isinstance(layer.layer, CARRIERS) and is_read(layer):
            return layer.node
    raise ArgumentError(
        f"there is no convolution or pooling layer before {model.layers[last].name!r}: use "
        "visualize_saliency"
    )


def _walk(
    model: ModelView, layer_idx: int, filter_indices: Any, seed_input: Any, at: str, rule: Any
) -> Walk:
    """Forward for one picture and back to `at`."""
    target = model.target(layer_idx, filter_indices)
    question = Question.of(model.model, one_picture(model.model, seed_input), target, "keras_vis")
    rule_for, told = rule_set(model.model, backprop_rule(rule))
    for warning in told:
        warnings.warn(warning, stacklevel=3)
    return question.walk(at=(at,), rule_for=rule_for)


def backprop_rule(modifier: Any) -> str:
    """`backprop_modifier` as one of our rules."""
    name = rule_name(modifier)
    assert name in RULES
    return name
