"""Both sides must do the same: their answers are compared before anything is measured."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

import nnviz as nv

from .plain_nets import channels_first
from .race import THREADS

torch.set_num_threads(THREADS)


def need_same(what: str, ours: np.ndarray, theirs: np.ndarray, tolerance: float = 1e-3) -> None:
    """Stop where arrays differ by more than this share of the largest value."""
    largest = max(float(np.abs(theirs).max()), 1e-30)
    gap = float(np.abs(ours - theirs).max()) / largest
    if ours.shape != theirs.shape or not gap <= tolerance:
        raise SystemExit(f"{what} differs from theirs by {gap:.1e} of the largest value")


def need_same_logits(model: nv.Model, net: nn.Module, x: np.ndarray) -> None:
    """The two networks give the same numbers for these pictures."""
    net.eval()
    with torch.no_grad():
        theirs = torch.softmax(net(channels_first(x)), 1).numpy()
    need_same("the network's answer", model.predict(x), theirs)
