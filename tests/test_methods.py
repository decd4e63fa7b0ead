"""The battery over every attribution method, on models of all kinds: a new method is tested by
being in METHODS."""

from __future__ import annotations

import inspect
from functools import cache

import numpy as np
import pytest
from networks import ALL, SEEN, pictures

import nnviz as nv
from nnviz.engine.layers import Dense
from nnviz.errors import ArgumentError, NnvizError
from nnviz.inspection.attribution import METHODS, explain
from nnviz.inspection.attribution.methods import FAMILIES
from nnviz.inspection.results import same_for_every_class

COARSE = {
    "blur_ig": {"steps": 4},
    "expected_gradients": {"samples": 6},
    "gradient_shap": {"samples": 6},
    "layer_gradient_shap": {"samples": 6},
    "extremal_perturbation": {"cells": 4, "steps": 5},
    "feature_permutation": {"samples": 2, "count": 9},
    "guided_ig": {"steps": 6},
    "hsic": {"samples": 64, "count": 9},
    "integrated_gradients": {"steps": 4},
    "internal_influence": {"steps": 4},
    "is_cam": {"steps": 2},
    "kernel_shap": {"samples": 40, "count": 6},
    "layer_conductance": {"steps": 4},
    "layer_integrated_gradients": {"steps": 4},
    "lime": {"samples": 40, "count": 6},
    "meaningful_perturbation": {"cells": 4, "steps": 5},
    "occlusion": {"patch": 5, "stride": 4},
    "rise": {"samples": 50, "cells": 4},
    "shapley_exact": {"count": 4},
    "shapley_sampling": {"samples": 4, "count": 6},
    "smooth_full_grad": {"samples": 2},
    "smooth_grad": {"samples": 4},
    "smooth_grad_cam_plus_plus": {"samples": 2},
    "smooth_grad_squared": {"samples": 4},
    "sobol": {"samples": 8, "count": 6},
    "ss_cam": {"samples": 2},
    "var_grad": {"samples": 4},
    "xrai": {"steps": 4, "segments": "grid"},
}
"""Settings that keep a method quick here."""
POOLED = {"cam"}
"""Methods that refuse models without a pooled head: they meet the one that has it."""
SOFTMAX = {"fast_score_cam", "is_cam", "score_cam", "ss_cam"}
"""Methods whose weights always add up to 1: they say in other words that the target hears
nothing (see `test_cam_scores`)."""
MODELS = {**SEEN, **{name: ALL[name] for name in ("chain", "residual", "inception", "twice")}}
"""28×28×1, 32×32×3 and 20×45×1 inputs; residual, concatenating and shared layers."""
LISTED = {
    "gradient": ("gradient", "1312.6034", True, False, True),
    "input_x_gradient": ("gradient", "1605.01713", True, False, True),
    "guided_backprop": ("gradient", "1412.6806", True, False, True),
    "deconvnet": ("gradient", "1311.2901", True, False, True),
    "integrated_gradients": ("path", "1703.01365", True, False, True),
    "deep_lift": ("rule", "1704.02685", True, False, True),
    "grad_cam": ("cam", "1610.02391", False, False, True),
    "occlusion": ("perturbation", "1311.2901", True, False, False),
    "rise": ("perturbation", "1806.07421", True, True, False),
}
"""Names that others rely on: family, arXiv id, signed, stochastic, needs gradients."""

every_method = pytest.mark.parametrize("method", METHODS)
every_model = pytest.mark.parametrize("name", MODELS)


def arrays_of(model):
    """The bytes of everything that a model holds."""
    held = [array for node in model.nodes for array in
            (*node.layer.params.values(), *node.layer.buffers.values())]  # fmt: skip
    return [array.tobytes() for array in held]


@cache
def kept(name):
    return MODELS[name]()


def model_for(method, name):
    """The model of this name, or the one that the method can explain, made once: only ask it."""
    return kept("wide" if method in POOLED else name)


def explained(model, x, target, method, **options):
    return explain(model, x, target, method=method, **{**COARSE.get(method, {}), **options})


@cache
def asked_together(method, name):
    """The model, three pictures, their targets and their maps; asking leaves the model alone."""
    model, targets = model_for(method, name), [0, 1, 1]
    x = pictures(model, 3)
    before, held = model.fingerprint(), arrays_of(model)
    got = explained(model, x, targets, method)
    assert model.fingerprint() == before, "the model was changed"
    assert arrays_of(model) == held, "the model's arrays were changed"
    return model, x, targets, got


@every_method
@every_model
def test_shapes_dtypes_and_provenance(name, method):
    model, x, targets, got = asked_together(method, name)
    assert got.values.shape == x.shape[:3]
    assert got.values.dtype == np.float32
    assert got.scores.shape == (3,)
    assert got.scores.dtype == np.float32
    assert np.isfinite(got.values).all()
    if got.raw is not None:
        assert got.raw.shape == x.shape
    assert got.signed == METHODS[method].signed
    assert got.signed or got.values.min() >= 0
    made = got.provenance
    assert (made.model, made.method) == (model.fingerprint(), METHODS[method].function.__name__)
    if METHODS[method].targeted:
        assert made.target.split()[0] in ("logit", "output")
    else:
        assert made.target is None
    wanted = [model.run(x)[model.logits_name].y[i, t] for i, t in enumerate(targets)]
    np.testing.assert_allclose(got.scores, wanted, rtol=1e-5, atol=1e-6)


@every_method
@every_model
def test_a_batch_is_its_pictures_one_by_one(name, method):
    model, x, targets, together = asked_together(method, name)
    for i in (0, 2):
        alone = explained(model, x[i : i + 1], targets[i], method)
        scale = np.abs(alone.values).max()
        np.testing.assert_allclose(together.values[i], alone.values[0], atol=1e-5 * scale)
        np.testing.assert_allclose(together.scores[i], alone.scores[0], rtol=1e-5)


@every_method
def test_the_same_call_gives_the_same_bits(method):
    _, x, targets, one = asked_together(method, "wide")
    two = explained(MODELS["wide"](), x, targets, method)
    np.testing.assert_array_equal(one.values, two.values)
    assert one.warnings == two.warnings
    assert one.provenance == two.provenance


@every_method
def test_pictures_are_not_written_to(method):
    model = model_for(method, "digits")
    x = pictures(model, 2)
    x.setflags(write=False)
    explained(model, x, 1, method)


@every_method
def test_one_picture_without_its_batch_axis(method):
    model = model_for(method, "digits")
    x = pictures(model, 1)
    got = explained(model, x[0, :, :, 0], 1, method)
    np.testing.assert_array_equal(got.values, explained(model, x, 1, method).values)


@every_method
def test_the_predicted_class_is_the_default(method):
    model = model_for(method, "colour")
    x = pictures(model, 2)
    answers = model.predict(x).argmax(axis=1)
    got, asked = explained(model, x, None, method), explained(model, x, answers, method)
    np.testing.assert_array_equal(got.values, asked.values)


def turned(model):
    """The model that sees transposed pictures as this one sees pictures: square kernels turned."""
    layers = [
        nv.Conv2D(3, 3, activation="relu"),
        nv.MaxPooling2D(2),
        nv.GlobalAveragePooling2D(),
        nv.Dense(3),
    ]
    rows, cols, channels = model.input.shape
    other = nv.Sequential(layers, (cols, rows, channels))
    for key, array in model.parameters().items():
        turns = array.ndim == 4
        other.parameters()[key][...] = array.transpose(1, 0, 2, 3) if turns else array
    return other


@every_method
def test_transposing_the_picture_transposes_the_map(method):
    if METHODS[method].stochastic and method != "random_cam":
        pytest.skip("stochastic: its draws are laid on places, and those are not turned")
    layers = [
        nv.Conv2D(3, 3, activation="relu"),
        nv.MaxPooling2D(2),
        nv.GlobalAveragePooling2D(),
        nv.Dense(3),
    ]
    model = nv.Sequential(layers, (20, 44, 1), seed=3)
    model.parameters()["dense_1/weight"][:, 1] = [1, 2, 3]  # something speaks for the class
    x = pictures(model, 2)
    options = {"patch": (4, 6), "stride": (2, 3)} if method == "occlusion" else {}
    got = explained(model, x, 1, method, **options)
    swapped = {key: value[::-1] for key, value in options.items()}
    other = explained(turned(model), x.transpose(0, 2, 1, 3), 1, method, **swapped)
    scale = np.abs(got.values).max()
    assert scale > 0
    np.testing.assert_allclose(other.values.transpose(0, 2, 1), got.values, atol=1e-5 * scale)


@every_method
def test_a_map_that_says_nothing_is_named(method):
    """Where the target hears nothing; or where the network sees nothing, for those whose map does
    not vanish with the target's weights."""
    model = MODELS["wide" if method in POOLED else "digits"]()  # its own: it is silenced
    deaf = METHODS[method].targeted and method not in SOFTMAX
    for key, array in model.parameters().items():
        if not deaf or key == f"{model.logits_name}/weight":
            array[...] = 0
    got = explained(model, pictures(model, 2), 1, method)
    assert not got.values.any()
    assert len(got.warnings) >= 2
    first = next(w for w in got.warnings if w.startswith("picture 0: "))
    assert first.startswith("picture 0: the map is zero everywhere: ")
    assert "try" in first


@every_method
def test_a_map_depends_on_the_target_or_says_that_it_does_not(method):
    model = model_for(method, "colour")
    x = pictures(model, 2)
    one, two = (explained(model, x, target, method).values for target in (0, 1))
    assert np.array_equal(one, two) != METHODS[method].targeted


@every_method
def test_a_map_that_is_the_same_for_every_class_is_named(method):
    model = model_for(method, "digits")
    x = pictures(model, 1)
    got = [explained(model, x, target, method) for target in range(3)]
    same = same_for_every_class(np.concatenate([one.values for one in got]))
    assert METHODS[method].targeted != same
    for one in got:
        named = [t for t in one.warnings if t.startswith("this map is the same for every class: ")]
        assert len(named) == same
        assert all("try grad_cam" in text for text in named)


@every_method
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.full((1, 28, 28, 1), np.nan, np.float32), r"784 value\(s\) that are NaN or infinite"),
        (np.zeros((0, 28, 28, 1), np.float32), "the input is empty"),
        (np.zeros((1, 27, 28, 1), np.float32), r"has shape \(1, 27, 28, 1\), expected N×28×28×1"),
        (np.zeros((1, 28, 28, 3), np.float32), "expected N×28×28×1"),
        (np.array([["a"]]), "the input must be numbers"),
    ],
    ids=["nan", "empty", "size", "channels", "words"],
)
def test_bad_pictures_are_refused(method, x, message):
    with pytest.raises(ArgumentError, match=message):
        explained(kept("digits"), x, 1, method)


STRANGE = [["a"], [1], {"a": 1}, {1}, (), b"a", 1 + 2j, object(), True, ""]
EXTREME = [
    1e300,
    -1e300,
    10**400,
    np.inf,
    np.nan,
    np.float32(3e38),
    1e-320,
    -0.0,
    1e9,
    -1e9,
    1e-9,
    np.int8(-128),
]
OPTIONS = [(method, option) for method, entry in METHODS.items() for option in entry.options]


@pytest.mark.slow
@pytest.mark.parametrize(("method", "option"), OPTIONS)
def test_options_of_strange_kinds_are_refused_or_work(method, option, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a word is a path where a file is asked for
    model = model_for(method, "chain")
    x = pictures(model, 1)
    for value in (*STRANGE, *EXTREME):
        try:
            got = explained(model, x, 1, method, **{option: value})
        except NnvizError:
            continue
        assert np.isfinite(got.values).all(), value


@every_method
def test_methods_describe_themselves(method):
    said = METHODS[method]
    assert said.name == method
    assert said.family in FAMILIES
    assert "arXiv" in said.reference or "doi" in said.reference
    assert said.stochastic == ("seed" in said.options and method != "occlusion")
    taken = inspect.signature(said.function).parameters.values()
    assert all(p.kind is not p.VAR_KEYWORD for p in taken)
    assert all(p.kind is p.KEYWORD_ONLY for p in list(taken)[3:])
    assert said.reference.split()[-1] in " ".join((said.function.__doc__ or "").split())


@pytest.mark.parametrize("method", LISTED)
def test_names_that_others_rely_on_are_listed(method):
    said = METHODS[method]
    family, paper, *rest = LISTED[method]
    assert said.family == family
    assert said.reference.endswith(f"arXiv:{paper}")
    assert [said.signed, said.stochastic, said.gradients] == rest
    assert said.needs in ("", "ReLU", "a node with places")
    assert all(part in "fb" or part.isalnum() or part in "+·" for part in said.cost.split())


@every_method
def test_they_say_whether_they_walk_back(method, monkeypatch):
    model, walked, own = model_for(method, "digits"), [], Dense.backward

    def backward(self, dy, call):
        walked.append(self)
        return own(self, dy, call)

    monkeypatch.setattr(Dense, "backward", backward)
    explained(model, pictures(model, 1), 1, method)
    assert METHODS[method].gradients == bool(walked)


# The one door ---------------------------------------------------------------------------------


def test_explain_checks_what_it_passes_on():
    model = MODELS["chain"]()
    x = pictures(model, 1)
    with pytest.raises(
        ArgumentError, match=r"no method named 'grad_can' \(did you mean 'grad_cam'"
    ):
        explain(model, x, 0, method="grad_can")
    with pytest.raises(ArgumentError, match="saliency has no option 'patch'; it has rule"):
        explain(model, x, 0, method="saliency", patch=3)
    with pytest.raises(ArgumentError, match="it has patch, stride, fill, border"):
        explain(model, x, 0, method="occlusion", rule="guided")
    with pytest.raises(ArgumentError, match="no rule named 'guide'"):
        explain(model, x, 0, method="saliency", rule="guide")
    assert explain(model, x).provenance.method == "grad_cam"
