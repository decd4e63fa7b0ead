"""The picture that shows nothing: one set of words for all methods that take it."""

from __future__ import annotations

import numpy as np
import pytest
from networks import SEEN, pictures

from nnviz.inspection.attribution import METHODS, explain

WORDS = ["black", "grey", "white", "mean", "zero", "blur", 0.3, [0.1, "white"]]
TAKE = {
    name: option
    for name, known in METHODS.items()
    for option in ("baseline", "baselines", "fill", "references")
    if option in known.options
}
"""Method -> what it calls the picture that shows nothing."""


@pytest.mark.parametrize("method", TAKE)
def test_every_method_takes_the_same_words(method):
    model = SEEN["digits"]()
    x = pictures(model, 2)
    picture, own = np.full(x.shape[1:], 0.3, np.float32), np.full(x.shape, 0.3, np.float32)
    few = {"node": "conv2d_1", "steps": 4, "samples": 2, "count": 4, "cells": 2, "segments": "grid"}
    asked = {key: few[key] for key in few if key in METHODS[method].options}
    asked |= {"samples": 4} if method == "hsic" else {}
    maps = {}
    for word in [*WORDS, picture, own, [own, picture]]:
        got = explain(model, x, 1, method=method, **asked, **{TAKE[method]: word})
        assert np.isfinite(got.values).all()
        maps[str(word) if not isinstance(word, np.ndarray) else word.shape] = got.values
    many = METHODS[method].stochastic and TAKE[method] in ("baselines", "references")
    for same in (picture.shape,) if many else (picture.shape, own.shape):  # many: drawn from
        np.testing.assert_allclose(maps[same], maps["0.3"], atol=1e-5 * np.abs(maps["0.3"]).max())
    assert np.abs(maps["white"] - maps["black"]).max() > 0
    assert np.abs(maps["blur"] - maps["mean"]).max() > 0
