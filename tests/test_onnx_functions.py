"""Functions of an ONNX file, and operators with a body, that mean harm when they are written out.

Writing out happens below Python, where no limit of memory holds: it is refused before it begins.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import nnviz as nv

onnx = pytest.importorskip("onnx")
helper, numpy_helper = onnx.helper, onnx.numpy_helper

MEMORY = 200_000_000
OPSETS = [helper.make_opsetid("", 23), helper.make_opsetid("own", 1)]
RELU = [helper.make_node("Relu", ["a"], ["b"])]


def function(name, nodes=RELU, overload=""):
    made = helper.make_function("own", name, ["a"], ["b"], nodes, OPSETS)
    made.overload = overload
    return made


def call(name, given=("a",), made=("b",), overload=""):
    node = helper.make_node(name, list(given), list(made), domain="own")
    node.overload = overload
    return node


def network(nodes, functions=(), weights=()):
    shape = helper.make_tensor_value_info("x", 1, ["N", 3, 8, 8])
    graph = helper.make_graph(
        list(nodes), "net", [shape], [helper.make_tensor_value_info("y", 1, None)],
        [numpy_helper.from_array(array, name) for name, array in weights],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=OPSETS, functions=list(functions))


def chain(name, length, **more):
    """Calls one after the other, from x to y."""
    names = ["x", *(f"v{i}" for i in range(length - 1)), "y"]
    return [call(name, [a], [b], **more) for a, b in itertools.pairwise(names)]


def within(*nodes, output="b"):
    """Nodes in the branches of an If, where a function may be called as well."""
    last = helper.make_tensor_value_info(nodes[-1].output[0], 1, None)
    branch = helper.make_graph(list(nodes), "branch", [], [last])
    truth = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.array(True)))
    choice = helper.make_node("If", ["c"], [output], then_branch=branch, else_branch=branch)
    return [truth, choice]


def refused(model, match):
    with pytest.raises(nv.FileError, match=match) as caught:
        nv.from_onnx(model, memory=MEMORY)
    assert "\n" not in str(caught.value)


def test_a_large_constant_called_many_times():
    big = numpy_helper.from_array(np.ones(250_000, np.float32))
    body = [
        helper.make_node("Constant", [], ["c"], value=big),
        helper.make_node("ReduceSum", ["c"], ["s"]),
        helper.make_node("Add", ["a", "s"], ["b"]),
    ]
    refused(network(chain("F", 2000), [function("F", body)]), "unfold to more than 25,000,000 byt")


def test_a_large_name_or_attribute_that_is_repeated_many_times():
    long = "n" * 100_000
    body = [helper.make_node("Add", ["a", "a"], ["b"])]
    for _ in range(8):
        body[-1].output[0] = f"t{len(body)}"
        body.append(helper.make_node("Add", [body[-1].output[0], "a"], ["b"]))
    one = [helper.make_node("Relu", ["x"], [long]), call("F", [long], ["y"])]
    assert nv.from_onnx(network(one, [function("F", body)]), memory=MEMORY).output_shape
    names = [f"v{i}" for i in range(40)]
    many = [call("F", [long], [name]) for name in names]
    last = helper.make_node("Sum", names, ["y"])
    refused(network([one[0], *many, last], [function("F", body)]), "unfold to more than .* bytes")


def test_too_many_nodes_also_inside_branches():
    flat = [helper.make_node("Relu", [f"t{i}" if i else "a"], [f"t{i + 1}"]) for i in range(100)]
    flat[-1].output[0] = "b"
    refused(network(chain("F", 201), [function("F", flat)]), "unfold to more than 20,000 nodes")
    functions = [function("F0")]
    for k in range(1, 30):
        twice = [call(f"F{k - 1}", ["a"], ["t"]), call(f"F{k - 1}", ["t"], ["u"])]
        functions.append(function(f"F{k}", within(*twice)))
    refused(network([call("F29", ["x"], ["y"])], functions), "unfold to more than 20,000 nodes")


def test_functions_that_call_themselves_or_have_one_name():
    itself = function("F", within(call("F", ["a"], ["t"])))
    refused(network([call("F", ["x"], ["y"])], [itself]), "function 'F' calls itself")
    refused(network([call("F", ["x"], ["y"])], [function("F")] * 2), "two functions .* named 'F'")
    deep = [function("F0"), *(function(f"F{k}", [call(f"F{k - 1}")]) for k in range(1, 300))]
    refused(network([call("F299", ["x"], ["y"])], deep), "damaged, says onnx .* depth")


def test_functions_of_one_name_are_told_apart_by_their_overload():
    other = function("F", [call("F")], overload="other")
    model = network([call("F", ["x"], ["y"], overload="other")], [function("F"), other])
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
    np.testing.assert_array_equal(nv.from_onnx(model).run_onnx(x)[0], np.maximum(x, 0))


def test_a_call_with_more_inputs_than_the_function_has():
    refused(network([call("F", ["x", "x"], ["y"])], [function("F")]), "damaged, says onnx")


@pytest.mark.parametrize(
    ("count", "outputs", "attributes"),
    [
        (9, ["y"], {}),
        (2, ["y"], {}),
        (3, ["y", "a", "b", "c", "d"], {}),
        (3, ["y"], {"scale": "text"}),
        (3, ["y"], {"is_causal": [1, 2]}),
        (3, ["y"], {"unheard": 1}),
    ],
)
def test_a_node_against_its_operators_definition_is_refused(count, outputs, attributes):
    node = helper.make_node("Attention", ["x"] * count, outputs, **attributes)
    refused(network([node]), "damaged, says onnx .*")


def test_two_nodes_that_make_one_value_are_refused_also_when_written_out():
    node = helper.make_node("Attention", ["x"] * 3, ["y"])
    refused(network([node, node]), "both make 'y'")


def test_many_operators_with_a_body():
    names = ["x", *(f"v{i}" for i in range(999)), "y"]
    nodes = [helper.make_node("Attention", [a] * 3, [b]) for a, b in itertools.pairwise(names)]
    refused(network(nodes), "unfold to more than 20,000 nodes")


def test_large_weights_are_not_copied_and_small_ones_are_read(monkeypatch):
    """What is handed on below Python has the shapes of large weights alone."""
    seen = []
    inliner = pytest.importorskip("onnx.inliner")
    real = inliner.inline_local_functions
    monkeypatch.setattr(
        inliner, "inline_local_functions", lambda m, *a: (seen.append(m.ByteSize()), real(m, *a))[1]
    )
    weight = np.random.default_rng(0).standard_normal((192, 1000)).astype(np.float32)
    rows = np.array([-1, 192], np.int64)
    nodes = [
        call("F", ["x"], ["a"]),
        helper.make_node("Shrink", ["a"], ["s"], lambd=0.1),
        helper.make_node("Reshape", ["s", "rows"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["y"]),
    ]
    model = network(nodes, [function("F")], [("rows", rows), ("w", weight)])
    x = np.random.default_rng(1).standard_normal((2, 3, 8, 8)).astype(np.float32)
    flat = np.where(x > 0.1, x, 0).reshape(2, -1)
    np.testing.assert_allclose(nv.from_onnx(model).run_onnx(x)[0], flat @ weight, atol=1e-4)
    assert len(seen) == 2
    assert max(seen) < 10_000
