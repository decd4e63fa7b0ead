"""Winograd's way gives what the patch matrices give, for every place of tiles and gaps."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnviz as nv
from nnviz.engine import equal_rows, patches, tiles, winograd
from nnviz.engine.layer import Call, Mode
from nnviz.engine.sweep import sweep

ONCE = {"stride": (1, 1), "dilation": (1, 1), "groups": 1}
numbers = st.integers


@st.composite
def convolutions(draw):
    """Pictures, kernels of three rows, gradients of the outputs, and how they are framed."""
    rng = np.random.default_rng(draw(numbers(0, 10**6)))
    n, rows, cols, kw = (draw(numbers(1, top)) for top in (4, 14, 14, 4))
    channels, filters = draw(numbers(1, 9)), draw(numbers(1, 9))
    pads = tuple(tuple(draw(numbers(0, 3)) for _ in range(2)) for _ in range(2))
    rows, cols = max(rows, 3 - sum(pads[0])), max(cols, kw - sum(pads[1]))
    out = (rows + sum(pads[0]) - 2, cols + sum(pads[1]) - kw + 1)
    x = rng.standard_normal((n, rows, cols, channels))
    weight = rng.standard_normal((3, kw, channels, filters))
    return x, weight, rng.standard_normal((n, *out, filters)), pads


def both(x, weight, dy, pads):
    """(name, Winograd's, the patch matrices') for the four functions."""
    kind, size, kernel = {**ONCE, "pads": pads, "mode": Mode()}, x.shape[1:3], weight.shape[:2]
    own, bias = {"pads": pads, "mode": Mode()}, weight[0, 0, 0]
    plain = patches.correlate(x, weight, out=dy.shape[1:3], **kind)
    yield "correlate", winograd.correlate(x, weight, form=winograd.FOUR, **own), plain
    yield (
        "correlate by two",
        winograd.correlate(x, weight, form=winograd.TWO, bias=bias, **own),
        plain + bias,
    )
    dx = patches.scatter(dy, weight, size=size, **kind)
    yield "scatter", winograd.scatter(dy, weight, size=size, **own), dx
    dw = patches.kernel_gradient(x, dy, kernel=kernel, **kind)
    yield "kernel_gradient", winograd.kernel_gradient(x, dy, kernel=kernel, **own), dw
    together = winograd.gradients(x, dy, weight, **own)
    yield "gradients, of inputs", together[0], dx
    yield "gradients, of kernels", together[1], dw


@settings(max_examples=60, deadline=None)
@given(convolutions(), numbers(1, 4), st.sampled_from([50, 5_000, 10**6]))
def test_it_gives_what_patch_matrices_give(case, units, small):
    with pytest.MonkeyPatch.context() as patch:
        for form in ("FOUR", "TWO"):
            patch.setattr(winograd, form, getattr(winograd, form)._replace(units=units))
        patch.setattr(tiles, "SMALL", small)
        for name, made, wanted in both(*case):
            error = np.abs(made - wanted).max() / np.abs(wanted).max()
            assert error < 1e-12, name


@pytest.mark.parametrize("form", ["TWO", "FOUR", "SIX"])
def test_a_form_is_an_identity(form):
    """Aᵀ [(G w) · (Bᵀ x)] is the sum over a tile's rows, for any numbers."""
    form = getattr(winograd, form)
    made = np.einsum("yk,kw,kx->ywx", form.output, form.kernel, form.input)
    wanted = np.zeros_like(made)
    for y in range(form.step):
        for w in range(3):
            wanted[y, w, y + w] = 1
    np.testing.assert_allclose(made, wanted, atol=1e-14)


@settings(max_examples=40, deadline=None)
@given(convolutions())
def test_what_moves_reaches_what_a_frame_of_zeros_shows(case):
    x, weight, _, _ = case
    kh, kw = weight.shape[:2]
    pads, out = ((2, 2), (kw - 1, kw - 1)), (x.shape[1] + kh - 1, x.shape[2] + kw - 1)
    plain = patches.correlate(x, weight, pads=pads, out=out, mode=Mode(), **ONCE)
    moved = winograd.answer_to(x, weight, mode=Mode())
    assert np.abs(moved - plain).max() < 1e-12 * np.abs(plain).max()


@pytest.mark.parametrize("rows", [4, 6, 7, 12])
def test_the_error_of_what_moves(rows):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, rows, 6, 32)).astype(np.float32)
    weight = rng.standard_normal((3, 3, 32, 64)).astype(np.float32)
    moved = winograd.answer_to(x, weight, mode=Mode())
    exact = winograd.answer_to(x.astype(np.float64), weight.astype(np.float64), mode=Mode())
    assert np.abs(moved - exact).max() < 2e-6 * np.abs(exact).max()


def test_its_error_in_float32_is_the_one_that_is_stated():
    rng = np.random.default_rng(0)
    x = np.maximum(rng.standard_normal((4, 26, 26, 32)), 0).astype(np.float32)
    weight = rng.standard_normal((3, 3, 32, 64)).astype(np.float32)
    dy = rng.standard_normal((4, 24, 24, 64)).astype(np.float32)
    pads = ((0, 0), (0, 0))
    exact = both(x.astype(float), weight.astype(float), dy.astype(float), pads)
    for (name, made, _), (_, _, wanted) in zip(both(x, weight, dy, pads), exact, strict=True):
        assert made.dtype == np.float32
        error = np.abs(made - wanted).max() / np.abs(wanted).max()
        assert error < 4e-6, name


@pytest.mark.parametrize(
    ("change", "suited"),
    [
        ({}, True),
        ({"stride": (2, 1)}, False),
        ({"dilation": (1, 2)}, False),
        ({"groups": 2}, False),
        ({"weight": (5, 3, 16, 16)}, False),
        ({"weight": (3, 3, 1, 16)}, False),
        ({"weight": (3, 3, 16, 2)}, False),
        ({"size": (3, 3)}, False),
    ],
)
def test_it_is_taken_where_it_is_quicker(change, suited):
    pads = ((1, 1), (1, 1))
    case = {"weight": (3, 3, 16, 16), **ONCE, "pads": pads, "size": (16, 16), **change}
    assert winograd.suits(case.pop("weight"), **case) == suited


def test_of_forms_the_one_that_keeps_grounds_plain_is_less_often_worth_it():
    case = {**ONCE, "pads": ((1, 1), (1, 1)), "size": (7, 7)}
    forms = (winograd.FOUR, winograd.TWO)
    assert [winograd.suits((3, 3, 16, 16), form=form, **case) for form in forms] == [True, False]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_where_somebody_looks_a_plain_ground_stays_plain(dtype, padding):
    """Equal places of a picture get equal numbers, whatever stands beside them; but for a unit in
    the last place where the machine's products give equal rows unequal numbers."""
    model = nv.Sequential([nv.Conv2D(16, 3, padding=padding)], (22, 26, 16)).astype(dtype)
    model.nodes[0].layer.params["bias"][:] = np.arange(16) / 7
    assert winograd.suits((3, 3, 16, 16), **ONCE, size=(22, 26), form=winograd.TWO,
                          pads=model.nodes[0].layer.window().padding((22, 26)))  # fmt: skip
    x = np.random.default_rng(0).random((5, 22, 26, 16)).astype(dtype)
    for ground, top in ((0.3, 3), (0.3, 4), (0, 5)):
        x[:, top : top + 11, 2:20] = ground
        maps = model.run(x, keep=("conv2d_1",))["conv2d_1"].y
        first = top if padding == "valid" else top + 1
        left = 2 if padding == "valid" else 3
        inside = maps[:, first : first + 9, left : left + 16]
        wrong = 0 if equal_rows.equal_rows(np.dtype(dtype)) else 2 * np.finfo(dtype).eps
        assert np.ptp(inside, axis=(1, 2)).max() <= wrong * np.abs(inside).max()
        if ground == 0:  # a ReLU after it is shut or open by the bias alone
            assert (inside == model.nodes[0].layer.params["bias"]).all()
        quick = model.predict(x)
        assert np.abs(quick - maps).max() <= 5e-6 * np.abs(maps).max()


@pytest.mark.parametrize(
    ("told", "dtype", "size"),
    [
        (None, np.float32, (22, 22)),
        (None, np.float64, (22, 22)),
        (None, np.float64, (23, 21)),
        (None, np.float64, (15, 33)),
        (False, np.float32, (22, 22)),
        (False, np.float32, (23, 21)),
    ],
)
@pytest.mark.parametrize("kind", [nv.Conv2D, nv.TrueConv2D])
def test_where_a_pool_chooses_on_the_way_back_all_ties_are_true(
    monkeypatch, told, dtype, size, kind
):
    """Also along diagonals: a gradient then goes to the first of several equal places. And also on
    machines whose products give equal rows unequal numbers, where sums can be half-way between two
    numbers of float32 or nothing but zeros."""
    if told is not None:
        monkeypatch.setattr(equal_rows, "equal_rows", lambda dtype: told)
    elif size != (22, 22) and equal_rows.equal_rows(np.dtype(np.float32)):
        pytest.skip("what is said of odd numbers of rows is said of other machines")
    elif dtype == np.float64 and not equal_rows.equal_rows(np.dtype(dtype)):
        pytest.skip("float64 has nothing wider")
    diagonal = np.add.outer(*map(np.arange, size)) % 7
    inked = np.zeros((*size, 16))
    inked[5:11, 4:12] = np.random.default_rng(0).random((6, 8, 16))
    pictures = (
        diagonal[:, :, None] / 7 * np.arange(1, 17),
        np.eye(7, 16)[diagonal],
        np.ones((*size, 16)),
        inked,
    )
    dy = np.ones((1, 3), dtype)
    for picture, use_bias in itertools.product(pictures, (True, False)):
        conv = kind(16, 3, use_bias=use_bias)
        layers = [conv, nv.MaxPooling2D(2), nv.Flatten(), nv.Dense(3)]
        model = nv.Sequential(layers, picture.shape).astype(dtype)
        x = picture[None].astype(dtype)
        seen = np.lib.stride_tricks.sliding_window_view(x[0], (3, 3), axis=(0, 1))
        _, first, same = np.unique(
            seen.reshape(-1, 144), axis=0, return_index=True, return_inverse=True
        )
        blank = seen.any(axis=(2, 3, 4)).ravel() == 0
        for _ in range(4):  # walked, noted, made again
            trace = model.run(x)
            maps = trace.calls[model.nodes[0].name][0].y.reshape(-1, 16)
            assert maps.dtype == dtype
            assert (maps == maps[first][same.ravel()]).all()
            assert (maps[blank] == 0).all()
            wanted = model.backward(trace, {"dense_1": dy})["input"]
            swept = sweep(model, x, lambda _, rows: {"dense_1": dy[rows]}, read=("dense_1",))
            assert (swept.gradients["input"] == wanted).all()
            model.nodes[0].layer.params["weight"][:] *= dtype(0.9)


@pytest.mark.parametrize("equal", [True, False])
def test_where_none_does_the_quicker_way_is_taken(monkeypatch, equal):
    monkeypatch.setattr(equal_rows, "equal_rows", lambda dtype: equal)
    forms = []
    correlate = winograd.correlate
    monkeypatch.setattr(
        winograd,
        "correlate",
        lambda *a, form, **k: forms.append(form) or correlate(*a, form=form, **k),
    )
    two = [winograd.TWO]
    cases = (
        (1, "input", []),
        (1, "max_pooling2d_1", two),
        (3, "input", two),  # only after the last choice
        (3, "max_pooling2d_1", [*two, *two]),
    )
    for kernel, until, used in cases:
        layers = [nv.Conv2D(16, 3), nv.MaxPooling2D(2), nv.Conv2D(16, kernel, padding="same")]
        model = nv.Sequential([*layers, nv.Flatten(), nv.Dense(3)], (22, 22, 16))
        x, ask = np.ones((1, 22, 22, 16), np.float32), lambda outputs, rows: outputs
        forms.clear()
        with nv.threads(1):
            sweep(model, x, ask, read=("dense_1",), until=(until,))
        assert forms == used


@pytest.mark.parametrize(
    "change", [{}, {"groups": 2}, {"kernel": (1, 1)}, {"channels": 2}, {"stride": (2, 1)}]
)
def test_sums_in_double_are_those_of_double_rounded(change):
    case = {"kernel": (3, 2), "channels": 8, **ONCE, **change}
    (kh, kw), channels = case.pop("kernel"), case.pop("channels")
    wide = _drawn((3, 9, 8, channels), (kh, kw, channels // case["groups"], 8))
    x, weight = (a.astype(np.float32) for a in wide)
    pads, down, along = ((0, 0), (0, 0)), case["stride"][0], 8 - kw + 1
    case = {**case, "pads": pads, "out": ((9 - kh) // down + 1, along), "mode": Mode()}
    in_double = patches.correlate(x.astype(float), weight.astype(float), **case)
    made = patches.correlate(x, weight, **case, sums=np.float64)
    assert made.dtype == np.float32
    assert (made == in_double.astype(np.float32)).all()


@pytest.mark.parametrize("kind", [nv.Conv2D, nv.TrueConv2D])
def test_both_gradients_at_once_are_those_of_each_by_itself(kind):
    layer, x, dy = kind(9, 3, padding="same"), *_drawn((3, 11, 9, 8), (3, 11, 9, 9))
    layer.build(np.random.default_rng(1), x.shape[1:])
    call = Call((x,), dy, None, Mode(train=True))
    dx, grads = layer.gradients(dy, call)
    np.testing.assert_allclose(dx, layer.backward(dy, call), rtol=1e-12, atol=1e-12)
    for name, wanted in layer.grads(dy, call).items():
        np.testing.assert_allclose(grads[name], wanted, rtol=1e-12, atol=1e-12)


def test_a_subclass_with_a_backward_of_its_own_is_asked_for_it():
    class Halved(nv.Conv2D, abstract=True):
        def backward(self, dy, call):
            return super().backward(dy, call) / 2

    plain, halved = (kind(9, 3, padding="same") for kind in (nv.Conv2D, Halved))
    x, dy = _drawn((2, 8, 8, 8), (2, 8, 8, 9))
    plain.build(np.random.default_rng(1), x.shape[1:])
    halved.params = plain.params
    call = Call((x,), dy, None, Mode(train=True))
    wanted = plain.gradients(dy, call)[0] / 2
    np.testing.assert_allclose(halved.gradients(dy, call)[0], wanted, rtol=1e-12, atol=1e-12)


def _drawn(*shapes):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape) for shape in shapes]
