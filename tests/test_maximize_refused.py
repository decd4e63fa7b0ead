"""What maximize refuses, and how it says so."""

from __future__ import annotations

import numpy as np
import pytest
from networks import chain

import nnviz as nv
from nnviz.errors import ArgumentError
from nnviz.inspection.attribution import Channel
from nnviz.inspection.maximize import (
    maximize,
)

BAD = [
    ({"steps": 0}, "steps of maximize must be a whole number from 1 to 100,000, got 0"),
    ({"steps": 2.5}, "steps of maximize must be a whole number from 1 to 100,000, got 2.5"),
    ({"count": True}, "count of maximize must be a whole number from 1 to 100,000, got True"),
    ({"snapshots": -1}, "snapshots of maximize must be a whole number from 0 to 100,000, got -1"),
    ({"tries": 0}, "tries of maximize must be a whole number from 1 to"),
    ({"seed": -1}, "seed of maximize must be a whole number from 0 to"),
    ({"rate": 0}, "learning_rate of Adam must be a number above 0, got 0"),
    ({"rate": float("nan")}, "learning_rate of Adam must be a number above 0, got nan"),
    ({"rate": 0.1, "optimizer": nv.Adam(0.1)}, "an instance has its own"),
    ({"optimizer": "adamm"}, r"no optimizer named 'adamm' \(did you mean"),
    ({"image": "wavelets"}, "no image named 'wavelets'; maximize has pixels, fourier"),
    ({"transforms": ["jitter"]}, r"transforms must be a list of them, got \['jitter'\]"),
    ({"priors": 3}, "priors must be a list of them, got 3"),
    ({"diversity": 1.0}, "diversity is about several pictures of one target"),
    ({"diversity": float("nan"), "count": 2}, "diversity of maximize must be a finite number"),
    (
        {"diversity": 1e30, "count": 2},
        r"diversity of maximize must be .* at most 1e\+09, got 1e\+30",
    ),
    ({"rate": 1e30}, r"the rate must be at most 1e\+09, got 1e\+30"),
    ({"optimizer": nv.SGD(1e30)}, r"the rate must be at most 1e\+09, got 1e\+30"),
    (
        {"count": 99_999, "snapshots": 99},
        "99999 pictures and 99 snapshots of each would take 4 GB",
    ),
    ({"against": np.zeros((1, 8, 7, 2))}, "against needs at least two pictures"),
    ({"against": np.zeros((3, 5, 5))}, r"the input has shape \(3, 5, 5\)"),
]


@pytest.mark.parametrize(("settings", "message"), BAD, ids=str)
def test_maximize_is_told_nonsense(settings, message):
    with pytest.raises(ArgumentError, match=message):
        maximize(chain(), 0, **settings)


def test_what_cannot_be_maximized():
    with pytest.raises(ArgumentError, match="class 9 is not among the model's 3"):
        maximize(chain(), [0, 9])
    with pytest.raises(ArgumentError, match="no node named 'conv9'"):
        maximize(chain(), Channel("conv9", 0))
    with pytest.raises(ArgumentError, match=r"conv2d_1' has 4 channels 0 … 3, got \(\)"):
        maximize(chain(), Channel("conv2d_1", ()))
    flat = nv.Sequential([nv.Dense(2)], (3,))
    with pytest.raises(ArgumentError, match=r"maximize makes pictures, .* has shape \(3,\)"):
        maximize(flat, 0)


def test_a_list_of_targets_is_told_what_to_give():
    channels = [Channel("conv2d_1", 0), Channel("conv2d_1", 1)]
    with pytest.raises(ArgumentError, match=r"for several channels .* Channel\(node, \(0, 1\)\)"):
        maximize(chain(), channels)
