"""Attribution maps of digits, beside Captum, for the network that ships."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

import nnviz as nv

from .nets import exported
from .race import Goal, Race, Row, Runner, Unit, timed

LAST_MAP = 4
"""Where the shipped network's last map stands among PyTorch's modules: the pool."""


def _saliency(net: Any) -> Callable[..., Any]:
    from captum.attr import Saliency

    return Saliency(net).attribute


def _guided(net: Any) -> Callable[..., Any]:
    from captum.attr import GuidedBackprop

    method = GuidedBackprop(net)
    return lambda x, target: method.attribute(x, target=target).abs()


def _grad_cam(net: Any) -> Callable[..., Any]:
    from captum.attr import LayerAttribution, LayerGradCam

    method = LayerGradCam(net, net[LAST_MAP])

    def attribute(x: Any, target: Any) -> Any:
        small = method.attribute(x, target=target, relu_attributions=True)
        return LayerAttribution.interpolate(small, x.shape[2:], "bilinear")

    return attribute


def _integrated(net: Any) -> Callable[..., Any]:
    from captum.attr import IntegratedGradients

    return partial(IntegratedGradients(net).attribute, n_steps=50)


METHODS: Mapping[str, tuple[str, Callable[..., Any], Callable[[Any], Callable[..., Any]], int]] = {
    "saliency": ("saliency", nv.saliency, _saliency, 64),
    "guided": ("guided saliency", partial(nv.saliency, rule="guided"), _guided, 64),
    "grad-cam": ("Grad-CAM", partial(nv.grad_cam, node="max_pooling2d_1"), _grad_cam, 64),
    "integrated": (
        "integrated gradients, 50 steps",
        partial(nv.attribution.integrated_gradients, steps=50),
        _integrated,
        8,
    ),
}
"""Name -> its words, ours, theirs, how many digits."""


def runners(name: str) -> Mapping[str, Runner]:
    import torch

    from . import plain_nets
    from .same import need_same, need_same_logits

    warnings.filterwarnings("ignore", module="captum|torch")  # they announce their own hooks
    _, ours, theirs, n = METHODS[name]
    model, digits = nv.load("mnist-cnn"), nv.data.load("sample")
    x, labels = np.divide(digits.x[:n], 255, dtype=np.float32), digits.y[:n]
    net = plain_nets.digits_net()
    plain_nets.fill(net, exported(model))
    need_same_logits(model, net, x)
    attribute, ready, target = theirs(net), plain_nets.channels_first(x), torch.from_numpy(labels)
    made, wanted = ours(model, x, labels), attribute(ready, target=target)
    if made.at_node is None:  # Captum stretches a small map corner to corner, we place its cells
        need_same(name, made.values, wanted.detach().numpy()[:, 0])
    times = 2 if name == "integrated" else 4
    return {
        "theirs": timed(lambda: attribute(ready, target=target), times),
        "ours": timed(lambda: ours(model, x, labels), times),
    }


def race(name: str) -> Race:
    words, *_, n = METHODS[name]
    row = Row(f"{words} of {n} digits", "Captum", Goal("≥", 2.0), Unit("pictures/s", n))
    return Race(f"map-{name}", partial(runners, name), (row,))


RACES = tuple(race(name) for name in METHODS)
