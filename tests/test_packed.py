"""Numbers inside the page: what goes in comes out."""

from __future__ import annotations

import base64
import json
import zlib

import numpy as np
import pytest
from pages import HOSTILE

from nnviz.errors import ArgumentError
from nnviz.report.packed import KINDS, island, packed


def unpacked(record):
    raw = zlib.decompress(base64.b64decode(record["data"]))
    values = np.frombuffer(raw, KINDS[record["dtype"]]).reshape(record["shape"])
    return values if record["dtype"] != "f2" else values.astype(np.float64) * record["scale"]


@pytest.mark.parametrize("dtype", ["f4", "u1"])
def test_whole_numbers_come_back_as_they_are(dtype):
    array = np.arange(24).reshape(2, 3, 4)
    assert np.array_equal(unpacked(packed(array, dtype)), array)


@pytest.mark.parametrize("size", [1e-30, 1e-5, 1, 1e4, 1e30])
def test_half_precision_keeps_three_digits_of_the_small_and_of_the_large(size):
    rng = np.random.default_rng(0)
    array = (rng.normal(size=(5, 28, 28)) * size * 10.0 ** rng.integers(-5, 1, (5, 28, 28))).astype(
        np.float32
    )
    array[0, 0] = 0
    np.testing.assert_allclose(unpacked(packed(array)), array, rtol=5e-4)


def test_what_is_no_number_stays_none():
    array = np.array([np.nan, np.inf, -np.inf, 3.0])
    assert np.array_equal(unpacked(packed(array)), array, equal_nan=True)
    assert unpacked(packed(np.full(3, np.nan)))[0] != 0


@pytest.mark.parametrize("array", [np.zeros((2, 2)), np.zeros((0, 3))])
def test_nothing_comes_back_as_nothing(array):
    assert np.array_equal(unpacked(packed(array)), array)


def test_an_unknown_packing_is_refused():
    with pytest.raises(ArgumentError, match="no packing named 'f8'; known are f4, f2, u1"):
        packed(np.zeros(3), "f8")


def test_an_island_closes_no_tag():
    value = {name: [name, "\u2028", 1.5] for name in [*HOSTILE, "</script>", "<!--"]}
    text = island(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value
