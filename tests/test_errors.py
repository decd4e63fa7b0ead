"""The errors and their words."""

from __future__ import annotations

import pytest

from nnviz.errors import ArgumentError, FileError, NnvizError, listing, readable, unknown


def test_every_error_is_ours_and_arguments_are_value_errors():
    assert issubclass(ArgumentError, NnvizError)
    assert issubclass(ArgumentError, ValueError)
    assert issubclass(FileError, NnvizError)
    assert not issubclass(FileError, ArgumentError)


def test_a_listing_is_cut():
    assert listing([]) == ""
    assert listing(["a", 2]) == "a, 2"
    assert listing(range(15)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 3 more"
    assert listing("abc", limit=2) == "a, b and 1 more"


def test_what_moves_a_cursor_is_shown_as_unreadable():
    assert readable("a\x1b[2Jb\x7f c\n") == "a\ufffd[2Jb\ufffd c\ufffd"
    assert readable("שלום 😀 卷积") == "שלום 😀 卷积"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("conv9", "no node named 'conv9' (did you mean 'conv1'?); this model has conv1, dense_1"),
        ("zzz", "no node named 'zzz'; this model has conv1, dense_1"),
        (7, "no node named '7'; this model has conv1, dense_1"),
    ],
)
def test_an_unknown_name_is_told_what_there_is(name, message):
    error = unknown("node", name, ["conv1", "dense_1"], "this model")
    assert isinstance(error, ArgumentError)
    assert str(error) == message
    assert "\n" not in str(error)
