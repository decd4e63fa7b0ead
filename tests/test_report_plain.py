"""Figures and results as plain data: what goes in comes out, and nothing else does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnviz.report.figure import Cell, Figure, Scale, Table
from nnviz.report.plain import BYTES, PAGE, fits, pack, unpack

KINDS = [np.float32, np.float64, np.float16, np.int64, np.uint8, np.bool_, "<U5", ">f4"]
ARRAYS = st.sampled_from(KINDS).flatmap(
    lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0))
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | ARRAYS
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def same(a, b):
    if isinstance(a, np.ndarray | np.generic):
        equal = np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        return type(a) is type(b) and a.dtype == b.dtype and equal
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    return type(a) is type(b) and (a == b or a != a)


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_what_goes_in_comes_out(value):
    assert same(value, unpack(pack(value)))


def figure():
    picture = np.arange(12, dtype=np.uint8).reshape(1, 3, 4)
    return Figure(
        "cam", "a </script> 😀", "שלום", cells=[[Cell(picture, "one"), Cell(picture[:, ::-1])]],
        row_heads=["r"], table=Table(["a"], [("b",)]), scale=Scale(-1.5, 2, "jet", ("l", "h")),
        warnings=["w"], seed=3, numbers={"values": np.float32([[np.nan, np.inf]])},
        legend=[("#fff", "white")],
    )  # fmt: skip


def test_a_figure_comes_out_as_it_was():
    one = figure()
    other = unpack(pack(one), Figure | None)
    assert other.cells[0][1].picture.tolist() == one.cells[0][1].picture.tolist()
    assert (other.table, other.scale, other.legend) == (one.table, one.scale, one.legend)
    np.testing.assert_array_equal(other.numbers["values"], one.numbers["values"])
    with pytest.raises(ValueError, match="no plain data: ValueError Figure is not"):
        unpack(pack(one), list[str])


@dataclass
class Foreign:
    value: int


@pytest.mark.parametrize(
    "value",
    [
        object(), len, {1, 2}, b"raw", 1j, Foreign(3), [Foreign(3)], np.array([1j]),
        np.array([None], object), np.array([1], "datetime64[s]"),
    ],
    ids=lambda value: type(value).__name__,  # the same in every process
)  # fmt: skip
def test_what_is_no_plain_data_is_refused(value):
    with pytest.raises(TypeError, match="a report's data cannot hold"):
        pack(value)


def entry(page, row=b""):
    text = page if isinstance(page, bytes) else json.dumps(page).encode()
    return {PAGE: np.frombuffer(text, np.uint8), BYTES: np.frombuffer(row, np.uint8)}


CELL = "nnviz.report.figure.Cell"
HOSTILE = {
    "no json": b"{",
    "no text": b"\xff\xfe",
    "deep": b"[" * 100_000,
    "an unknown kind": {"of": "os.system", "fields": {}},
    "a kind that is none": {"of": ["a"], "fields": {}},
    "a field too many": {"of": CELL, "fields": {"picture": 3, "more": 1}},
    "a field too few": {"of": CELL, "fields": {}},
    "a wrong type": {"of": CELL, "fields": {"picture": "text", "label": "", "alt": ""}},
    "nothing of ours": {"what": 3},
    "outside the bytes": {"array": "<f4", "shape": [3], "at": 0},
    "before the bytes": {"array": "<f4", "shape": [1], "at": -4},
    "a negative shape": {"array": "<f4", "shape": [-1], "at": 0},
    "far too large": {"array": "<f4", "shape": [2**40, 2**40], "at": 0},
    "objects": {"array": "|O", "shape": [1], "at": 0},
    "no dtype": {"array": "nonsense", "shape": [1], "at": 0},
    "a place that is text": {"array": "<f4", "shape": [1], "at": "0"},
    "a shape that is text": {"array": "<f4", "shape": "11", "at": 0},
    "a dict of no pairs": {"dict": [[1]]},
    "a dict by lists": {"dict": [[[1], 2]]},
    "a tuple of a number": {"tuple": 3},
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_none_of_ours_is_one_kind_of_error(kind):
    with pytest.raises(ValueError, match="no plain data: "):
        unpack(entry(HOSTILE[kind], b"\0" * 8))


@pytest.mark.parametrize(
    ("value", "hint", "wanted"),
    [
        (3, int, True), (3, float, True), (3.0, int, False), ("a", str, True), (None, str, False),
        (np.float32(3), float, True), (None, str | None, True), ([], list[str], True),
        ([1], list[str], False), ((1,), list[int], False), ((1, "a"), tuple[int, str], True),
        ((1,), tuple[int, str], False), ((1, 2, 3), tuple[int, ...], True),
        ({"a": 1}, dict[str, int], True), ({1: 1}, dict[str, int], False), (3, Any, True),
        (np.zeros(2), np.ndarray, True), ([0.0], np.ndarray, False),
    ],
)  # fmt: skip
def test_types_are_held_against_their_hints(value, hint, wanted):
    assert fits(value, hint) is wanted
