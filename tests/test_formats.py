"""Model files: what goes in comes out, and what is no model is one clear error."""

from __future__ import annotations

import contextlib
import copy
import json

import networks
import numpy as np
import pytest

import nnviz as nv
from nnviz.engine.input import InputSpec
from nnviz.engine.layer import Layer
from nnviz.engine.layers import Conv2D, Dense, Flatten, MaxPooling2D
from nnviz.engine.sequential import Sequential
from nnviz.errors import ArgumentError, FileError
from nnviz.files import npz_bytes, read_npz, write_npz
from nnviz.formats import load, npz, save, shipped
from nnviz.training import fit


@pytest.mark.parametrize("build", networks.ALL.values(), ids=networks.ALL)
def test_a_model_comes_back_as_it_was(build, tmp_path):
    model = build(seed=3)
    model.made = {"seed": 3, "history": [{"loss": 0.5}], "command": "é"}
    for node in model.nodes:
        for array in node.layer.buffers.values():
            array += np.float32(0.25)
    model.nodes[0].layer.trainable = False
    save(model, tmp_path / "m.npz")
    got = load(tmp_path / "m.npz")
    assert got.fingerprint() == model.fingerprint()
    assert [(n.name, n.inputs) for n in got.nodes] == [(n.name, n.inputs) for n in model.nodes]
    for attribute in ("input", "head", "classes", "made", "shapes"):
        assert getattr(got, attribute) == getattr(model, attribute)
    assert not got.nodes[0].layer.trainable
    x = networks.pictures(model)
    np.testing.assert_array_equal(got.predict(x), model.predict(x))


def test_a_layer_at_two_places_is_saved_once_and_shared_again(tmp_path):
    model = networks.twice()
    save(model, tmp_path / "m.npz")
    names = list(read_npz(tmp_path / "m.npz", "model"))
    assert [n for n in names if n.startswith("conv2d")] == ["conv2d_1/weight", "conv2d_1/bias"]
    got = load(tmp_path / "m.npz")
    assert got.node("conv2d_1").layer is got.node("conv2d_1_2").layer
    assert len(got.parameters()) == 6


def test_every_setting_of_a_layer_is_kept(tmp_path):
    layers = [
        Conv2D(4, (2, 3), strides=(1, 2), padding=((1, 0), (2, 1)), dilation_rate=2, groups=2),
        MaxPooling2D(2, strides=1, padding="same"),
        Flatten(),
        Dense(3, use_bias=False, weight_init="he_normal"),
    ]
    model = Sequential(layers, (7, 6, 2), input=InputSpec((7, 6, 2), (-1, 1), (0.5,), (2.0, 3.0)))
    save(model, tmp_path / "m.npz")
    got = load(tmp_path / "m.npz")
    assert [n.layer.config() for n in got.nodes] == [n.layer.config() for n in model.nodes]
    assert got.input == model.input


def test_the_ending_is_added_and_the_same_model_gives_the_same_bytes(tmp_path):
    model = networks.chain()
    model.save(tmp_path / "m")
    model.save(tmp_path / "m.v2")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.npz", "m.v2.npz"]
    assert (tmp_path / "m.npz").read_bytes() == (tmp_path / "m.v2.npz").read_bytes()


def test_a_loaded_model_can_be_trained_on_whatever_order_its_arrays_have(tmp_path):
    model = networks.chain()
    layer = model.node("dense_1").layer
    layer.params["weight"] = np.asfortranarray(layer.params["weight"])
    layer.params["bias"] = layer.params["bias"].astype(">f4")
    model.save(tmp_path / "m.npz")
    got = load(tmp_path / "m.npz")
    assert got.node("dense_1").layer.params["bias"].dtype == np.dtype("=f4")
    x = networks.pictures(got)
    fit(got, x, np.arange(9) % 3, epochs=1, verbose=False)
    assert got.made["epochs"] == 1


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "m.npz"
    networks.chain().save(path)
    before = path.read_bytes()
    broken = networks.chain()
    broken.made = {"command": object()}
    with pytest.raises(TypeError, match="not JSON serializable"):
        broken.save(path)
    assert path.read_bytes() == before
    with pytest.raises(FileError, match="cannot write"):
        networks.chain().save(tmp_path / "nowhere" / "m.npz")


# Layers of a user -----------------------------------------------------------------------------


def test_a_users_own_layer_is_saved_by_name(tmp_path, monkeypatch):
    class TestsTriple(Layer):
        def forward(self, *xs, mode):
            return 3 * xs[0], None

    model = Sequential([TestsTriple()], (4,))
    model.save(tmp_path / "m.npz")
    assert isinstance(load(tmp_path / "m.npz").nodes[0].layer, TestsTriple)
    del Layer.registry["TestsTriple"]
    with pytest.raises(FileError, match=r"is a 'TestsTriple', which this nnviz does not know: it"):
        load(tmp_path / "m.npz")


def test_a_users_layer_with_a_name_of_ours_is_refused(tmp_path):
    mine = type("Flatten", (Flatten,), {"__module__": "notebook"})
    model = Sequential([mine()], (4,))
    with pytest.raises(ArgumentError, match="node 'flatten_1' is a Flatten of your own, and nnviz"):
        model.save(tmp_path / "m.npz")
    assert not list(tmp_path.iterdir())


# Damage ---------------------------------------------------------------------------------------


@pytest.fixture
def good(tmp_path):
    """A good file's page and arrays, and a way to write changed ones."""
    path = tmp_path / "m.npz"
    networks.residual().save(path)
    arrays = read_npz(path, "model")
    page = json.loads(arrays.pop("model.json").tobytes())

    def write(page=page, arrays=arrays):
        text = page if isinstance(page, bytes) else json.dumps(page).encode()
        write_npz(path, {"model.json": np.frombuffer(text, np.uint8), **arrays})
        return path

    return page, arrays, write


def test_what_is_no_model(tmp_path):
    path = tmp_path / "a.npz"
    with pytest.raises(FileError, match=r"there is no model file .*a\.npz: check the path"):
        npz.load(path)
    with pytest.raises(FileError, match=r"there is no model '.*a\.npz': give the path of a model"):
        load(path)
    with pytest.raises(FileError, match="there is no model '"):
        load(tmp_path)
    path.write_text("hello")
    with pytest.raises(FileError, match="is no nnviz model file, or it is damaged"):
        load(path)
    write_npz(path, {"x": np.zeros(3), "y": np.zeros(3)})
    with pytest.raises(FileError, match=r"is no nnviz model file: it has no model\.json but x, y"):
        load(path)
    write_npz(path, {})
    with pytest.raises(FileError, match=r"it has no model\.json but nothing"):
        load(path)


def test_a_model_file_cut_anywhere_is_one_clear_error(tmp_path):
    path = tmp_path / "m.npz"
    networks.chain().save(path)
    whole = path.read_bytes()
    for end in [*range(0, len(whole), len(whole) // 40), len(whole) - 1]:
        path.write_bytes(whole[:end])
        with pytest.raises(FileError, match=r"m\.npz is no nnviz model file, or it is damaged: ."):
            load(path)


PAGES = [
    (b"{", r"is damaged: its model\.json cannot be read \("),
    (b"\xff", r"its model\.json cannot be read"),
    (b"[" * 100_000, r"its model\.json cannot be read"),
    (b"[1]", r"its model\.json does not say 'nnviz-model'"),
    (
        b'{"format": "nnviz-model", "version": 9}',
        r"has version 9 of the model file, .* reads 1",
    ),
    (b'{"format": "nnviz-model", "version": 1}', "is damaged: KeyError 'input'"),
]


@pytest.mark.parametrize(("page", "message"), PAGES, ids=[m for _, m in PAGES])
def test_a_page_that_cannot_be_read(good, page, message):
    with pytest.raises(FileError, match=message):
        load(good[2](page))


def change(*path):
    """A change of the page: the last of `path` takes the place of what the others lead to."""

    def apply(page):
        *way, key, value = path
        for step in way:
            page = page[step]
        page[key] = value

    return apply


CHANGES = [
    (change("nodes", []), "it has no nodes"),
    (
        change("nodes", 0, "layer", "Explode"),
        "node 'stem' is a 'Explode', which this nnviz",
    ),
    (change("nodes", 0, "layer", ["x"]), "is damaged: TypeError"),
    (change("nodes", 1, "name", "stem"), "two nodes are named 'stem'"),
    (
        change("nodes", 1, "inputs", ["join"]),
        r"node 'stem/relu' reads \['join'\], which",
    ),
    (change("nodes", 1, "inputs", []), "node 'stem/relu' reads nothing"),
    (change("nodes", 2, "shares", "nix"), "is damaged: KeyError 'nix'"),
    (change("nodes", 2, "shares", "stem"), "no node asks for: conv2d_1/weight"),
    (
        change("nodes", 0, "config", "filters", 5),
        r"stem/weight is float32 of .*, expected float",
    ),
    (change("nodes", 0, "config", "filters", -5), "filters of Conv2D must be a whole number"),
    (change("nodes", 0, "config", "kernel_size", "big"), "kernel_size must be one or two whole"),
    (change("nodes", 0, "config", "nix", 5), "is damaged: TypeError"),
    (change("classes", "abc"), "its classes are no list"),
    (change("classes", ["a"]), "1 class names for 3 outputs"),
    (change("head", "soft"), "no head named 'soft'"),
    (change("made", 5), "is damaged: TypeError"),
    (
        change("input", "shape", [1 << 20, 1 << 20, 3]),
        r"the input's shape .* is too large",
    ),
    (change("input", "shape", [8, 0, 2]), "the input's shape must be"),
    (change("input", "std", [0]), "std of the input must be above 0"),
    (change("input", "value_range", [1e999, 2]), "value_range must be"),
    (change("input", "value_range", [1]), "is damaged: ValueError"),
]


@pytest.mark.parametrize(("apply", "message"), CHANGES, ids=[m[:40] for _, m in CHANGES])
def test_a_page_that_says_what_cannot_be(good, apply, message):
    page = copy.deepcopy(good[0])
    apply(page)
    with pytest.raises(FileError, match=f"m.npz is damaged: .*{message}|{message}"):
        load(good[2](page))


ARRAYS = [
    (lambda a: a.pop("stem/weight"), "the array 'stem/weight' is missing"),
    (lambda a: a.update(extra=np.zeros(2)), "it holds arrays that no node asks for: extra"),
    (
        lambda a: a.update({"stem/bias": np.zeros(5, np.float32)}),
        r"stem/bias is float32 of .*5",
    ),
    (lambda a: a.update({"stem/bias": np.zeros(4, int)}), r"stem/bias is int64 of shape \(4,\)"),
    (
        lambda a: a.update({"stem/bias": np.array([0, np.nan, 0, 0])}),
        "stem/bias has values",
    ),
    (
        lambda a: a.update({"batch_normalization_1/moving_mean": np.full(4, np.inf)}),
        "batch_normalization_1/moving_mean has values that are NaN or infinite",
    ),
]


@pytest.mark.parametrize(("apply", "message"), ARRAYS, ids=[m[:40] for _, m in ARRAYS])
def test_arrays_that_do_not_fit(good, apply, message):
    arrays = dict(good[1])
    apply(arrays)
    with pytest.raises(FileError, match=message):
        load(good[2](arrays=arrays))


def every_place(value, way=()):
    """The ways to all places in nested JSON."""
    if way:
        yield way
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        if isinstance(inner, dict | list):
            yield from every_place(inner, (*way, key))
        else:
            yield (*way, key)


def test_whatever_stands_anywhere_in_the_page_it_loads_or_is_one_clear_error(good):
    page, _, write = good
    strange = [None, True, -1, 0, 1.5, 10**20, "x", "", [], [[]], {}, {"a": 1}, [None], 1e999]
    rng = np.random.default_rng(0)
    refused = 0
    places = list(every_place(page))
    for way in places:
        other = copy.deepcopy(page)
        change(*way, strange[rng.integers(len(strange))])(other)
        path = write(other)
        with contextlib.suppress(FileError):
            load(path)
            refused -= 1
        refused += 1
    assert refused > len(places) // 2


def test_claims_of_huge_layers_take_no_memory(good):
    page = copy.deepcopy(good[0])
    page["nodes"][0]["config"]["filters"] = 10**12
    with pytest.raises(FileError, match=r"stem/weight is float32 of shape"):
        load(good[2](page))


def test_a_file_is_read_by_what_it_holds_not_by_its_name(tmp_path):
    model = networks.chain()
    model.save(tmp_path / "m.npz")
    (tmp_path / "other.bin").write_bytes((tmp_path / "m.npz").read_bytes())
    assert load(str(tmp_path / "other.bin")).fingerprint() == model.fingerprint()
    arrays = {"model.json": np.zeros(3)}
    (tmp_path / "odd.npz").write_bytes(npz_bytes(arrays, compress=False))
    with pytest.raises(FileError, match=r"model\.json cannot be read"):
        load(tmp_path / "odd.npz")


# Models that ship -----------------------------------------------------------------------------


def test_shipped_models_are_found_by_name_and_the_wheels_come_first(tmp_path, monkeypatch):
    folders = [tmp_path / "wheel", tmp_path / "checkout"]
    monkeypatch.setattr(shipped, "FOLDERS", tuple(folders))
    with pytest.raises(FileError, match="or one of the shipped models: none found"):
        load("small")
    for seed, folder in enumerate(folders):
        folder.mkdir()
        networks.chain(seed).save(folder / "small.npz")
    networks.chain(5).save(folders[1] / "other.npz")
    assert list(shipped.shipped_models()) == ["other", "small"]
    assert load("small").fingerprint() == networks.chain(0).fingerprint()
    assert load("other").fingerprint() == networks.chain(5).fingerprint()
    assert load(folders[1] / "small.npz").fingerprint() == networks.chain(1).fingerprint()
    with pytest.raises(FileError, match=r"there is no model .smal.: .*: other, small"):
        load("smal")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_load_refuses_is_not_saved(tmp_path, value):
    """A training that went astray: one clear error, and the file that was there stays."""
    model = nv.Sequential([nv.Flatten(), nv.Dense(2, name="dense")], (2, 2, 1))
    path = tmp_path / "model.npz"
    model.save(path)
    before = path.read_bytes()
    model.node("dense").layer.params["weight"][0, 0] = value
    with pytest.raises(nv.ArgumentError, match=r"dense/weight has values .* smaller learning rate"):
        model.save(path)
    assert path.read_bytes() == before


def test_constants_may_be_infinite_as_masks_are(tmp_path):
    mask = np.where(np.eye(3, dtype=bool), 0, -np.inf).astype(np.float32)
    pad = nv.Pad(((1, 1), (1, 1), (0, 0)), value=-np.inf)
    layers = [
        pad,
        nv.MaxPooling2D(3, strides=1),
        nv.WithConstant.of("add", mask[..., None]),
        nv.Softmax(2),
    ]
    model = nv.Sequential(layers, (3, 3, 1), seed=0)
    x = np.random.default_rng(0).random((2, 3, 3, 1)).astype(np.float32)
    model.save(tmp_path / "model.npz")
    again = nv.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert np.isfinite(again.predict(x)).all()
    model.nodes[2].layer.buffers["value"][0, 0] = np.nan
    with pytest.raises(nv.ArgumentError, match="value has values that are NaN, which no model"):
        model.save(tmp_path / "model.npz")
