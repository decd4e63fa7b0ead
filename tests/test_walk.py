"""The walk through the network: the page's numbers add up to the network's own."""

from __future__ import annotations

import json
from pathlib import Path

import networks
import numpy as np
import pages
import pytest
from reference_walk import Walker

import nnviz as nv
from nnviz import report
from nnviz.data import Dataset
from nnviz.engine.graph import INPUT
from nnviz.engine.layer import Layer, Mode
from nnviz.inspection.anatomy import diagram, summary
from nnviz.report.packed import island, packed
from nnviz.report.page import squeezed
from nnviz.report.study import Study
from nnviz.report.walk import BUDGET, homes_of, walk
from nnviz.report.walk_steps import STEPS, careful, room, step_of
from nnviz.report.walk_store import Carried, shared

EXPLAINED = [
    pytest.param(layer, shapes, id=f"{type(layer).__name__}-{i}")
    for kind in STEPS
    for i, (layer, shapes) in enumerate(kind.examples())
]
COLUMNS = ("mult_adds", "receptive_field")


def study_of(model, n=5, labels=True, data=None):
    data = data or pages.dataset(model, n, labels)
    return Study(model, data, 0, "a network", "model = …", "data = …")


def walked(model, budget=BUDGET, **options):
    """What the page carries, through JSON and back."""
    study = study_of(model, **options)
    data = walk(study, diagram(model), summary(model, COLUMNS), budget)
    return json.loads(island(data)), study


def gaps(data, seed=0, most=60):
    """For each step of the page, the largest gap between its sum and the network's value, relative
    to the larger of that value and 1, over places drawn by chance."""
    walker, rng, found = Walker(data), np.random.default_rng(seed), {}
    for name, block in data["blocks"].items():
        steps = [node for node in block["nodes"] if "step" in data["nodes"][node]]
        for picture in range(len(data["pictures"])):
            places = list(walker.places(name, picture))
            for i in rng.permutation(len(places))[:most].tolist():
                for node in steps:
                    made, value = walker.value(name, node, picture, *places[i])
                    gap = abs(made - value) / max(abs(value), 1)
                    found[node] = max(found.get(node, 0.0), gap)
    return found


@pytest.mark.parametrize(("layer", "shapes"), EXPLAINED)
def test_a_step_gives_the_layers_answer(layer, shapes):
    """Every layer that the walk explains, by hand and by the layer itself."""
    rng = np.random.default_rng(2)
    layer.build(rng, *shapes)
    for store in (layer.params, layer.buffers):
        for key, array in store.items():
            store[key] = rng.uniform(0.5, 1.5, array.shape).astype(np.float32)
    step = step_of(layer, list(shapes))
    if step is None:  # a softmax along the rows, a stretched addition: not explained
        return
    xs = [rng.normal(size=(1, *s)).astype(np.float32) for s in shapes]
    y = careful(layer, *xs)
    plain = layer.forward(*xs, mode=Mode())[0]
    np.testing.assert_allclose(y, plain, rtol=2e-6, atol=2e-6)
    names = [f"x{i}" for i in range(len(xs))]
    record = {n: {"shape": room(x.shape[1:]), "out": [packed(x, "f4")]}
              for n, x in zip(names, xs, strict=True)}  # fmt: skip
    size = room(shapes[0])[:2]
    made = step.plain(size) | {k: packed(a, "f4") for k, a in step.arrays.items()}
    made = json.loads(island(made))
    outside = room(y.shape[1:])
    record["y"] = {"shape": outside, "from": names, "step": made, "out": [packed(y, "f4")]}
    walker = Walker({"nodes": record, "blocks": {"y": {"channels": None, "boxes": None}}})
    for place in np.ndindex(*outside):
        by_hand, value = walker.value("y", "y", 0, *place)
        assert abs(by_hand - value) <= 1e-6 * max(1, abs(value)), place


MODELS = {
    "chain": networks.chain,
    "residual": networks.residual,
    "inception": networks.inception,
    "100 nodes": pages.deep,
    "one number": pages.binary,
    "dense only": pages.dense_only,
    "digits": networks.SEEN["digits"],
}
LONG = pytest.param("100 nodes", marks=pytest.mark.slow)
KINDS = [LONG if kind == "100 nodes" else kind for kind in MODELS]


@pytest.mark.parametrize("budget", [BUDGET, 40_000], ids=["whole", "crops"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_numbers_add_up_to_the_networks_own(kind, budget):
    data, study = walked(MODELS[kind](), budget)
    found = gaps(data)
    assert found
    assert max(found.values()) <= 1e-6
    given = study.model.input.prepare(study.model.input.check(study.data.x))
    assert given.dtype == np.float32


def test_what_the_page_says_is_what_the_model_computes():
    """The values of the page beside an ordinary run of the model."""
    model = networks.chain()
    data, study = walked(model)
    chosen = [int(p["name"].split("picture ")[1].rstrip(")")) for p in data["pictures"]]
    trace, walker = model.run(study.data.x[chosen]), Walker(data)
    for node in model.nodes:
        y = trace[node.name].y
        for picture in range(len(chosen)):
            said = walker.output(node.name, picture).numbers.ravel()
            np.testing.assert_allclose(said, y[picture].ravel(), rtol=5e-6, atol=5e-6)
    assert INPUT in data["nodes"]


@pytest.mark.parametrize("name", ["resnet20_cifar10", "opt-mnist", "tiny_vgg"])
def test_networks_from_onnx(name, shared_data):
    folder = shared_data / "models"
    model = nv.load(folder / f"{name}.onnx")
    with np.load(folder / f"golden_{name}.npz") as golden:
        x = golden["pixels"].reshape(-1, *model.input.shape)
    data, _ = walked(model, data=Dataset(x, None, None, "p", "q"))
    assert max(gaps(data, most=12).values()) <= 1e-6
    assert len(island(data)) < 1_600_000
    explained = [n for n, block in data["blocks"].items() if "channels" in block]
    assert len(explained) > 0.8 * len(data["blocks"])


@pytest.mark.parametrize("budget", [2_000_000, 200_000, 50_000])
def test_the_budget_holds(budget):
    """Numbers are about what was asked for: base64 adds a third to what cannot be made smaller."""
    data, _ = walked(networks.SEEN["colour"](), budget)
    records = {name: {k: v for k, v in node.items() if k != "look"}
               for name, node in data["nodes"].items()}  # fmt: skip
    assert len(island(records)) < 1.4 * budget + 1500 * len(records)
    cropped = [name for name, block in data["blocks"].items() if block.get("boxes")]
    assert bool(cropped) == (budget < 2_000_000)


def test_shares_of_a_budget():
    assert shared({"a": 10, "b": 500, "c": 500}, 110) == {"a": 10, "b": 50, "c": 50}
    assert shared({"a": 10, "b": 20}, 100) == {"a": 10, "b": 20}
    assert sum(shared({str(i): 7 * i for i in range(50)}, 1000).values()) <= 1000


def test_everything_carried_is_plain_and_the_same_again():
    data, _ = walked(networks.chain())
    again, _ = walked(networks.chain())
    assert data == again
    assert set(data) == {"start", "pictures", "blocks", "nodes", "colours", "words"}
    assert data["start"] == "conv2d_1"


def test_blocks_say_what_they_are():
    data, _ = walked(networks.residual())
    blocks = data["blocks"]
    assert blocks["join"]["reads"] == ["batch_normalization_1", "stem"]
    assert blocks["stem"]["nodes"] == ["stem", "stem/relu"]
    assert "8×7×2 → 8×7×4" in blocks["stem"]["facts"]
    assert "3×3 pixels" in blocks["stem"]["facts"]
    assert blocks["stem"]["health"].startswith("Health")
    assert blocks["stem"]["figure"] == ["filters-first", None]
    last = blocks["dense_1"]
    assert last["classes"] == ["0", "1", "2"]
    assert len(last["strips"]["uris"]) == 3
    assert all(uri.startswith("data:image/png;base64,") for uri in last["strips"]["uris"])


def test_hostile_names_are_carried_as_text():
    model = pages.cnn((12, 12, 1), 4, names=pages.HOSTILE)
    study = study_of(model)
    text = island(walk(study, diagram(model), summary(model, COLUMNS)))
    assert "<" not in text
    data = json.loads(text)
    assert [n.strip("\u2068\u2069") for n in data["blocks"]["dense_1"]["classes"]] == pages.HOSTILE


def test_a_layer_without_a_step_shows_its_answers_alone():
    class Strange(Layer):
        def forward(self, *xs, mode):
            return xs[0] * xs[0], None

    Layer.registry.pop("Strange", None)
    model = nv.Sequential([Strange(), nv.Conv2D(2, 3), nv.Flatten(), nv.Dense(2)], (6, 5, 1))
    data, _ = walked(model)
    block = data["blocks"]["strange_1"]
    assert "step" not in data["nodes"]["strange_1"]
    assert "not walked through" in block["what"]
    assert max(gaps(data).values()) <= 1e-6


def test_numbers_that_are_none_are_carried_too():
    """NaN and infinity in the weights: the page says them, and nothing fails."""
    model = networks.chain()
    model.node("conv2d_1").layer.params["bias"][:2] = np.nan, np.inf
    x = np.zeros((2, *model.input.shape), np.float32)
    homes = homes_of(study_of(networks.chain()), diagram(model))
    for budget in (BUDGET, 20_000):
        nodes = json.loads(island(Carried(model, x, homes, budget).records))
        assert set(nodes) == {INPUT, *(node.name for node in model.nodes)}
    said = Walker({"nodes": nodes, "blocks": {}}).output("conv2d_1/relu", 0).numbers
    assert not np.isfinite(said).all()


def test_the_script_is_small():
    folder = Path(report.__file__).parent / "templates"
    parts = [squeezed((folder / f"walk.{kind}").read_text("utf-8"), kind) for kind in ("js", "css")]
    assert sum(map(len, parts)) < 16_000
    assert "innerHTML" not in parts[0]
    assert "eval(" not in parts[0]
