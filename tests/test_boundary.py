"""Something else than a model, given to any public function that takes one: one clear error."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import nnviz as nv

X = np.zeros((1, 8, 8, 1), np.float32)
PUBLIC = {
    name: value
    for name in nv.__all__
    if inspect.isfunction(value := getattr(nv, name))
    and any(p.annotation == "Model" for p in inspect.signature(value).parameters.values())
}


def given(function, what):
    """Arguments for all that has no default; `what` for the models."""
    taken = inspect.signature(function).parameters.values()
    return {p.name: what if p.annotation == "Model" else X for p in taken
            if p.default is p.empty and p.kind is not p.VAR_KEYWORD}  # fmt: skip


@pytest.mark.parametrize("what", ["net.npz", None, 3, X, nv.Model], ids=lambda w: type(w).__name__)
@pytest.mark.parametrize("name", nv.METHODS)
def test_every_method_wants_a_model(name, what):
    with pytest.raises(nv.ArgumentError, match=r"needs a model, as nv.load.* give one, got"):
        nv.METHODS[name].function(what, X)
    with pytest.raises(nv.ArgumentError, match="needs a model"):
        nv.explain(what, X, method=name)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_function_wants_a_model(name):
    assert len(PUBLIC) > 25
    for what, said in (("net.npz", "a str"), (None, "None"), (7, "a int")):
        with pytest.raises(nv.ArgumentError, match=f"needs a model, .* got {said}"):
            PUBLIC[name](**given(PUBLIC[name], what))


def test_both_models_are_asked_for():
    model = nv.Sequential([nv.Flatten(), nv.Dense(2, activation="softmax")], (8, 8, 1))
    with pytest.raises(nv.ArgumentError, match=r"compare needs a model, .* got a str"):
        nv.compare(model, "other.npz", X, np.zeros(1, np.int64))


def test_a_forgotten_argument_is_pythons_own_error():
    with pytest.raises(TypeError, match="missing"):
        nv.saliency()


def test_health_names_weights_that_are_no_numbers():
    model = nv.Sequential([nv.Conv2D(2, 3, name="conv"), nv.ReLU()], (8, 8, 1))
    model.node("conv").layer.params["weight"][0, 0, 0, 0] = np.nan
    for look in (nv.health, nv.distributions):
        with pytest.raises(
            nv.ArgumentError, match=r"conv.* holds .* value\(s\) that are NaN or inf"
        ):
            look(model, X)
