"""Writing ONNX: every registered layer and whole models, equal in onnxruntime to 1e-5."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import nnviz as nv
import nnviz.engine.layers
from nnviz import cli
from nnviz.engine.graph import INPUT, Node
from nnviz.engine.layer import Layer
from nnviz.engine.model import Model
from nnviz.formats.onnx import export
from nnviz.formats.onnx.export import to_proto
from nnviz.formats.onnx.export_graph import LAST, WRITERS, Writer
from nnviz.testing.subject import generic

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

OURS = [cls for cls in Layer.registry.values() if cls.__module__.startswith("nnviz.")]
CASES = [(layer, shapes) for cls in OURS for layer, shapes in cls.examples()]


def label(case):
    return f"{type(case[0]).__name__}-{'x'.join(map(str, case[1][0]))}"


def to_file(x):
    """A value as it lies in the file: pictures channels first."""
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if x.ndim == 4 else x


def from_file(y):
    return y.transpose(0, 2, 3, 1) if y.ndim == 4 else y


def run(model, x, *, prepared=True):
    """What onnxruntime makes of the exported model, in our layout."""
    proto = to_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    x = x if prepared else model.input.prepare(x)
    return from_file(session.run(None, {INPUT: to_file(x)})[0])


def spread(model, seed=0):
    """The model with all its numbers moved off their first values, variances above 0."""
    rng = np.random.default_rng(seed)
    for node in model.nodes:
        for store, low in ((node.layer.params, -0.3), (node.layer.buffers, 0.0)):
            for key, value in store.items():
                store[key] = (value + rng.uniform(low, 0.3, value.shape)).astype(np.float32)
    return model


class _Part(Layer):
    """A part of a long vector in some shape: so that one input gives a layer all that it wants."""

    def __init__(self, start, shape):
        super().__init__()
        self.start, self.shape = start, tuple(shape)

    def out_shape(self, *shapes):
        return self.shape

    def forward(self, *xs, mode):
        end = self.start + int(np.prod(self.shape))
        return xs[0][:, self.start : end].reshape(-1, *self.shape), None


def write_part(site, x):
    start, shape = site.layer.start, site.layer.shape
    ends = (site.integers([start], "from"), site.integers([start + int(np.prod(shape))], "to"))
    part = site.op("Slice", x, *ends, site.integers([1], "axes"))
    return site.op("Reshape", part, site.integers([-1, *shape], "shape"))


@pytest.fixture(autouse=True)
def parts(monkeypatch):
    monkeypatch.setitem(WRITERS, _Part, Writer(write_part, LAST))


def model_of(layer, shapes):
    """A model whose last node is the layer; several inputs are parts of one long vector."""
    if len(shapes) == 1:
        node = Node("made", layer, (INPUT,))
        return Model.from_nodes([node], input=nv.InputSpec(shapes[0]))
    sizes = [int(np.prod(shape)) for shape in shapes]
    nodes = [
        Node(f"part_{i}", _Part(sum(sizes[:i]), shape), (INPUT,)) for i, shape in enumerate(shapes)
    ]
    nodes.append(Node("made", layer, tuple(node.name for node in nodes)))
    return Model.from_nodes(nodes, input=nv.InputSpec((sum(sizes),)))


def close(got, wanted, tolerance=1e-5):
    assert got.shape == wanted.shape
    assert got.dtype == np.float32
    worst = np.abs(got.astype(float) - wanted).max() / max(1.0, np.abs(wanted).max())
    assert worst <= tolerance


@pytest.mark.parametrize("case", CASES, ids=label)
def test_every_layer_is_equal_in_onnxruntime_for_any_batch(case):
    layer, shapes = case
    model = spread(model_of(layer, shapes))
    for n in (1, 3):
        shape = (n, *model.input.shape)
        x = generic(np.random.default_rng(n), shape, layer.domain).astype(np.float32)
        close(run(model, x), model.run(x, prepared=True, keep=()).output)


@pytest.mark.parametrize("case", CASES, ids=label)
def test_every_layer_is_equal_between_layers_that_want_channels_first(case):
    """The same where a value comes channels first and is wanted so, or channels last."""
    layer, shapes = case
    if len(shapes) > 1 or len(shapes[0]) != 3:
        return
    nodes = [
        Node("before", nv.MaxPooling2D(1), (INPUT,)),
        Node("made", layer, ("before",)),
    ]
    model = Model.from_nodes(nodes, input=nv.InputSpec(shapes[0]))
    if len(model.output_shape) == 3:
        nodes.append(Node("flat", nv.Flatten(), ("made",)))
        nodes.append(Node("dense", nv.Dense(3), ("flat",)))
        model = Model.from_nodes(nodes, input=nv.InputSpec(shapes[0]))
    spread(model)
    x = generic(np.random.default_rng(0), (2, *model.input.shape), layer.domain).astype("f4")
    close(run(model, x), model.run(x, prepared=True, keep=()).output)


def test_every_registered_layer_has_a_writer():
    assert not [cls.__name__ for cls in OURS if cls not in WRITERS]


# Whole models -------------------------------------------------------------------------------------


def small_net():
    """A picture network with most of what people build: branches, a gate, batch norm, flatten."""
    x = nv.Input((8, 7, 3))
    a = nv.Conv2D(6, 3, padding="same", activation="relu")(x)
    b = nv.BatchNormalization()(nv.DepthwiseConv2D(3, padding="same")(a))
    gate = nv.Dense(6, activation="sigmoid")(nv.GlobalAveragePooling2D()(b))
    c = nv.Add()(a, nv.Multiply(broadcast=True)(b, gate))
    d = nv.MaxPooling2D(2, padding="same")(nv.Concatenate()(a, c))
    y = nv.Dense(4, activation="softmax")(nv.Flatten()(nv.Dropout(0.3)(d)))
    return spread(nv.Model(x, y, classes=["a", "b", "c", "d"]))


def test_a_whole_network_is_equal_in_onnxruntime():
    model = small_net()
    x = np.random.default_rng(1).random((5, 8, 7, 3)).astype(np.float32)
    close(run(model, x), model.predict(x))


@pytest.mark.parametrize("name", ["mnist-cnn", "cifar-resnet"])
def test_the_shipped_models_are_equal_in_onnxruntime(name):
    model = nv.load(name)
    x = np.random.default_rng(0).random((4, *model.input.shape)).astype(np.float32)
    close(run(model, x, prepared=False), model.predict(x))


def test_a_value_is_turned_once_for_all_its_readers():
    x = nv.Input((4, 5, 3))
    y = nv.Conv2D(2, 3, name="conv")(x)
    model = nv.Model(x, nv.Concatenate()(nv.Flatten()(y), nv.Flatten()(y)))
    kinds = [node.op_type for node in to_proto(model).graph.node]
    assert kinds.count("Transpose") == 1


def test_convolutions_in_a_row_are_not_turned_at_all():
    model = nv.Sequential(
        [nv.Conv2D(2, 3, activation="relu"), nv.MaxPooling2D(2), nv.GlobalAveragePooling2D()],
        input_shape=(8, 8, 3),
    )
    kinds = [node.op_type for node in to_proto(model).graph.node]
    assert kinds == ["Conv", "Relu", "MaxPool", "GlobalAveragePool", "Flatten"]


def test_nodes_are_called_as_in_the_model():
    model = small_net()
    names = {node.name for node in to_proto(model).graph.node}
    assert {node.name for node in model.nodes} <= names


def test_a_layer_at_two_places_has_its_weights_once():
    x = nv.Input((6,))
    layer = nv.Dense(6)
    model = nv.Model(x, layer(nv.ReLU()(layer(x))))
    proto = to_proto(model)
    assert len(proto.graph.initializer) == 2
    close(run(model, np.ones((2, 6), np.float32)), model.predict(np.ones((2, 6), np.float32)))


def test_names_that_look_like_those_of_the_exporter_are_kept_apart():
    x = nv.Input((4, 4, 2))
    a = nv.Conv2D(2, 1, name="a")(x)
    b = nv.Flatten(name="a/channels_last")(a)
    model = nv.Model(x, nv.Dense(2, name="a/weight")(b))
    x = np.random.default_rng(0).random((2, 4, 4, 2)).astype(np.float32)
    close(run(model, x), model.predict(x))


def test_a_float64_model_is_written_as_float32():
    model = small_net().astype(np.float64)
    proto = to_proto(model)
    assert {tensor.data_type for tensor in proto.graph.initializer} <= {
        onnx.TensorProto.FLOAT,
        onnx.TensorProto.INT64,
    }


# The file -----------------------------------------------------------------------------------------


def test_the_file_is_written_and_its_batch_is_free(tmp_path):
    path = small_net().to_onnx(tmp_path / "net")
    assert path == tmp_path / "net.onnx"
    proto = onnx.load(path)
    (given,), (made,) = proto.graph.input, proto.graph.output
    dims = [d.dim_param or d.dim_value for d in given.type.tensor_type.shape.dim]
    assert dims == ["N", 3, 8, 7]
    assert made.type.tensor_type.shape.dim[0].dim_param == "N"


def test_what_onnx_has_no_place_for_stands_in_the_metadata(tmp_path):
    proto = onnx.load(small_net().to_onnx(tmp_path / "net.onnx"))
    kept = {entry.key: json.loads(entry.value) for entry in proto.metadata_props}
    assert kept["nnviz.classes"] == ["a", "b", "c", "d"]
    assert kept["nnviz.head"] == "softmax"
    assert kept["nnviz.input"]["shape"] == [8, 7, 3]


def test_a_layer_without_a_form_is_named(monkeypatch, tmp_path):
    monkeypatch.delitem(WRITERS, nv.ReLU)
    with pytest.raises(nv.ArgumentError, match=r"'conv2d_1/relu' is a ReLU, which has no form"):
        small_net().to_onnx(tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


def test_too_many_weights_for_one_file_are_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(export, "LARGEST", 100)
    with pytest.raises(nv.ArgumentError, match=r"the weights take [\d,]+ bytes, an ONNX file"):
        small_net().to_onnx(tmp_path / "net.onnx")


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(nv.ArgumentError, match=r"pip install '\.\[onnx\]'"):
        small_net().to_onnx(tmp_path / "net.onnx")


# There and back -----------------------------------------------------------------------------------


def test_a_whole_network_comes_back_with_its_names_and_its_preparation(tmp_path):
    model = small_net()
    model = nv.with_input(model, nv.prepared(model.input, preprocess="imagenet", fit="crop"))
    again = nv.load(model.to_onnx(tmp_path / "net.onnx"))
    assert again.input == model.input
    assert (again.classes, again.head) == (model.classes, model.head)
    assert {node.name for node in model.nodes} - {"flatten_1"} <= set(again.shapes)
    x = np.random.default_rng(1).random((3, 8, 7, 3)).astype(np.float32)
    close(again.predict(x), model.predict(x))


@pytest.mark.parametrize("name", ["mnist-cnn", "cifar-resnet"])
def test_the_shipped_models_come_back(name, tmp_path):
    model = nv.load(name)
    again = nv.load(model.to_onnx(tmp_path / "net.onnx"))
    x = np.random.default_rng(0).integers(0, 256, (3, *model.input.shape), dtype=np.uint8)
    close(again.predict(x), model.predict(x))


@pytest.mark.parametrize(
    "name",
    ["resnet20_cifar10", "squeezenet1_0_dc", "mobilenet_v1_0.25_128", "tiny_vgg", "opt-mnist"],
)
def test_real_networks_are_written_again(name, shared_data):
    model = nv.load(shared_data / "models" / f"{name}.onnx")
    x = np.random.default_rng(0).random((2, *model.input.shape)).astype(np.float32)
    wanted = model.predict(x)
    close(run(model, x), wanted)
    close(nv.from_onnx(to_proto(model)).predict(x), wanted)


def test_notes_for_another_network_are_passed_over():
    proto = to_proto(small_net())
    for entry in proto.metadata_props:
        if entry.key == "nnviz.classes":
            entry.value = '["one"]'
        if entry.key == "nnviz.input":
            entry.value = entry.value.replace("[8, 7, 3]", "[9, 7, 3]")
    model = nv.from_onnx(proto)
    assert model.classes is None
    assert model.input.shape == (8, 7, 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [("input", "{"), ("input", "{}"), ("input", "[1]"), ("classes", "7"), ("classes", "[" * 9999)],
)
def test_damaged_notes_are_one_clear_error(name, value):
    proto = to_proto(small_net())
    for entry in proto.metadata_props:
        if entry.key == f"nnviz.{name}":
            entry.value = value
    with pytest.raises(nv.FileError, match=r"the metadata nnviz\.\* of .* are damaged"):
        nv.from_onnx(proto)


@pytest.mark.parametrize("case", CASES, ids=label)
def test_every_layer_comes_back_through_the_importer(case):
    layer, shapes = case
    model = spread(model_of(layer, shapes))
    try:
        again = nv.from_onnx(to_proto(model))
    except nv.FileError as error:
        if "known to nnviz" not in str(error):
            raise
        pytest.skip(str(error)[:160])
    x = generic(np.random.default_rng(2), (2, *model.input.shape), layer.domain).astype("f4")
    wanted = model.run(x, prepared=True, keep=()).output
    (got,) = again.run_onnx(to_file(x))
    close(from_file(got), wanted)


def test_outputs_are_nodes_each_once(tmp_path):
    model = nv.Sequential([nv.Conv2D(2, 3), nv.Flatten(), nv.Dense(2)], input_shape=(5, 5, 1))
    names = [node.name for node in model.nodes]
    path = model.to_onnx(tmp_path / "net.onnx", outputs=[names[0], names[-1]])
    x = np.random.default_rng(0).random((3, 5, 5, 1)).astype(np.float32)
    first, last = nv.load(path).run_onnx(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
    trace = model.run(x)
    np.testing.assert_allclose(first, trace[names[0]].y.transpose(0, 3, 1, 2), atol=1e-6)
    np.testing.assert_allclose(last, trace.output, atol=1e-6)
    for wrong in ([], "dense_1", [names[0], names[0]]):
        with pytest.raises(nv.ArgumentError, match="outputs must be a list of nodes' names"):
            model.to_onnx(tmp_path / "net.onnx", outputs=wrong)
    with pytest.raises(nv.ArgumentError, match="no node named 'q'"):
        model.to_onnx(tmp_path / "net.onnx", outputs=["q"])


def test_float64_is_written_as_float32_and_says_so(tmp_path, capsys):
    model = nv.Sequential([nv.Conv2D(2, 3, name="conv"), nv.ReLU()], (6, 6, 1)).astype(np.float64)
    model.save(tmp_path / "net.npz")
    words = ["convert", str(tmp_path / "net.npz"), str(tmp_path / "net.onnx")]
    assert cli.main(words) == 0
    assert "2 parameters are float64, and the file has them as float32" in capsys.readouterr().err
    x = np.random.default_rng(0).random((2, 6, 6, 1))
    again = nv.load(tmp_path / "net.onnx")
    assert {array.dtype for array in again.parameters().values()} == {np.dtype(np.float32)}
    np.testing.assert_allclose(again.predict(x), model.predict(x), rtol=1e-5, atol=1e-5)
    model.node("conv").layer.params["bias"][0] = 1e300
    with pytest.raises(nv.ArgumentError, match="conv/bias has numbers beyond float32"):
        model.to_onnx(tmp_path / "net.onnx")
