"""The digit-recognizer CSV: right ones in all their spellings, wrong ones by file and line."""

from __future__ import annotations

import contextlib
import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnviz import data
from nnviz.data import csv
from nnviz.errors import ArgumentError, FileError

HEADER = "label,pixel0,pixel1,pixel2,pixel3"
ROWS = ["1,0,50,100,255", "9,7,8,9,10", "0,1,2,3,4"]
PIXELS = [[0, 50, 100, 255], [7, 8, 9, 10], [1, 2, 3, 4]]


@pytest.fixture
def written(tmp_path):
    """Writes a CSV and loads it."""

    def write(*lines, end="\n", pack=bytes, name="a.csv", **options):
        text = lines[0] if isinstance(lines[0], bytes) else (end.join(lines) + end).encode()
        (tmp_path / name).write_bytes(pack(text))
        return data.load(tmp_path / name, **options)

    return write


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
def test_pictures_and_labels(written, pack, end):
    got = written(HEADER, *ROWS, pack=pack, end=end)
    assert got.x.shape == (3, 2, 2, 1)
    assert got.x.dtype == np.uint8
    np.testing.assert_array_equal(got.x.reshape(3, 4), PIXELS)
    np.testing.assert_array_equal(got.y, [1, 9, 0])
    assert got.y.dtype == np.int64
    assert got.classes == tuple("0123456789")
    assert (got.name, got.split) == ("a.csv", None)


SPELLINGS = {
    "no labels": (["pixel0,pixel1,pixel2,pixel3", *(row[2:] for row in ROWS)], None),
    "label last": (["pixel0,pixel1,pixel2,pixel3,label", *(r[2:] + "," + r[0] for r in ROWS)], 1),
    "another order": (
        ["pixel3,label,pixel1,pixel0,pixel2", "255,1,50,0,100", "10,9,8,7,9", "4,0,2,1,3"],
        1,
    ),
    "counted from one": ([HEADER.replace("3", "4").replace("2", "3").replace("l1", "l2")
                          .replace("l0", "l1"), *ROWS], 1),
    "quoted": (['"label","pixel0","pixel1","pixel2","pixel3"', '"1","0",50,100,255', *ROWS[1:]], 1),
    "with blank lines": ([HEADER, ROWS[0], "", *ROWS[1:], "  ", ""], 1),
    "with a byte order mark": (["\ufeff" + HEADER, *ROWS], 1),
    "with spaces": (["label, pixel0, pixel1, pixel2, pixel3", "1, 0, 50 ,100,255", *ROWS[1:]], 1),
    "with leading zeros": ([HEADER, "1,000,050,100,0255", *ROWS[1:]], 1),
}  # fmt: skip


@pytest.mark.parametrize("name", SPELLINGS)
def test_other_spellings_give_the_same(written, name):
    lines, labels = SPELLINGS[name]
    got = written(*lines)
    np.testing.assert_array_equal(got.x.reshape(3, 4), PIXELS)
    assert (got.y is not None) == bool(labels)
    assert (got.classes is not None) == bool(labels)


def test_the_last_line_may_lack_its_end(written):
    assert len(written("\n".join([HEADER, *ROWS]).encode())) == 3


def test_pictures_that_are_not_square(written):
    for options in ({"rows": 1}, {"cols": 4}, {"rows": 1, "cols": 4}):
        assert written(HEADER, *ROWS, **options).x.shape == (3, 1, 4, 1)
    six = ",".join(f"pixel{i}" for i in range(6))
    assert written(six, "1,2,3,4,5,6", rows=2).x[0, 1, 0, 0] == 4


def test_class_names_and_numbers(written):
    assert written(HEADER, "12,1,2,3,4", classes=13).classes[12] == "12"
    assert written(HEADER, "2,1,2,3,4", classes=["a", "b", "c"]).classes == ("a", "b", "c")
    assert written(HEADER, "1234,1,2,3,4", classes=2000).y[0] == 1234


def test_a_folder_with_train_and_test(tmp_path):
    (tmp_path / "train.csv").write_text("\n".join([HEADER, *ROWS]))
    (tmp_path / "test.csv.gz").write_bytes(gzip.compress(b"pixel0,pixel1,pixel2,pixel3\n1,2,3,4"))
    train, test = data.load(tmp_path, "train"), data.load(tmp_path)
    assert (len(train), train.split, train.name) == (3, "train", f"{tmp_path.name} (train)")
    assert (len(test), test.split, test.y) == (1, "test", None)
    (tmp_path / "test.csv.gz").unlink()
    with pytest.raises(FileError, match=r"has no test data: expected test\.csv\[\.gz\]"):
        data.load(tmp_path)


def test_it_is_known_by_its_first_line(written):
    assert len(written(HEADER, *ROWS, name="digits.txt")) == 3
    assert len(written(*SPELLINGS["no labels"][0], name="digits", pack=gzip.compress)) == 3


BAD = {
    "empty": ([b""], r"a\.csv is empty: expected a header label,pixel0"),
    "a header alone": ([HEADER], "holds no pictures: there is nothing below its header"),
    "blank lines alone": ([HEADER, "", " "], "holds no pictures"),
    "no header": (ROWS, "line 1: an unknown column '1': expected label"),
    "another column": (["id," + HEADER], "line 1: an unknown column 'id': expected label"),
    "two labels": (["label," + HEADER], "line 1: a second column 'label'"),
    "a pixel twice": ([HEADER + ",pixel3"], "line 1: a second column 'pixel3'"),
    "no pixels": (["label", "1"], "line 1: no pixel columns"),
    "a missing column": (["label,pixel0,pixel1,pixel3,pixel4"],
                         "line 1: the column pixel2 is missing"),
    "the last is missing": (["label,pixel0,pixel1,pixel2", "1,2,3,4"],
                            "line 1: 3 pixel columns make no square picture: is one missing"),
    "a short row": ([HEADER, *ROWS, "1,2,3,4"], "line 5: 4 values, the header has 5"),
    "a long row": ([HEADER, "1,2,3,4,5,6", *ROWS], "line 2: 6 values, the header has 5"),
    "short and long": ([HEADER, "1,2,3,4", "1,2,3,4,5,6"], "line 2: 4 values, the header has 5"),
    "text": ([HEADER, ROWS[0], "3,1,two,3,4"],
             r"line 3: pixel 1 is 'two', expected a whole number in 0\.\.255"),
    "nothing": ([HEADER, ROWS[0], "3,1,,3,4"], "line 3: pixel 1 is '', expected a whole"),
    "256": ([HEADER, *ROWS, "3,1,2,256,4"], "line 5: pixel 2 is '256', expected a whole number"),
    "-1": ([HEADER, "3,-1,2,3,4"], "line 2: pixel 0 is '-1', expected a whole number"),
    "a fraction": ([HEADER, "3,0.5,2,3,4"], r"line 2: pixel 0 is '0\.5', expected a whole"),
    "NaN": ([HEADER, "3,nan,2,3,4"], "line 2: pixel 0 is 'nan', expected a whole number"),
    "a huge number": ([HEADER, "3," + "9" * 50 + ",2,3,4"],
                      f"line 2: pixel 0 is '{'9' * 24}…', expected a whole number"),
    "another script": ([HEADER, "3,٣,2,3,4"], "line 2: pixel 0 is '٣', expected a whole"),
    "bytes": ([HEADER.encode() + b"\n1,2,\xff\x00,4,5\n"], "line 2: pixel 1 is '"),
    "label 12": ([HEADER, *ROWS, "12,1,2,3,4"], "line 5: label 12 of 10: give classes= if"),
    "label a": ([HEADER, "a,1,2,3,4"], "line 2: label 'a', expected a whole number"),
    "label -1": ([HEADER, "-1,1,2,3,4"], "line 2: label '-1', expected a whole number"),
    "after blank lines": ([HEADER, "", "", "1,2,3,4,x"], "line 4: pixel 3 is 'x'"),
    "windows": ([f"{HEADER}\r\n{ROWS[0]}\r\n1,2,x,4,5\r\n".encode()], "line 3: pixel 1 is 'x'"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_file_is_one_error_with_file_and_line(written, name):
    lines, message = BAD[name]
    with pytest.raises(FileError, match=message) as caught:
        written(*lines)
    assert "a.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_line_is_right_in_a_later_piece(written, monkeypatch):
    monkeypatch.setattr(csv, "PIECE", 40)
    rows = [f"{i % 10},{i % 256},1,2,3" for i in range(100)]
    got = written(HEADER, *rows)
    np.testing.assert_array_equal(got.x[:, 0, 0, 0], np.arange(100))
    rows[77] = "1,2,3,4"
    with pytest.raises(FileError, match="line 79: 4 values"):
        written(HEADER, *rows)


def test_options_that_do_not_fit(written):
    for options, message in (
        ({"rows": 3}, r"line 1: 4 pixel columns do not fit 3×\? pixels"),
        ({"cols": 9}, r"line 1: 4 pixel columns do not fit \?×9 pixels"),
        ({"rows": 2, "cols": 3}, "4 pixel columns do not fit 2×3 pixels"),
    ):
        with pytest.raises(FileError, match=message):
            written(HEADER, *ROWS, **options)
    for options, message in (
        ({"rows": 0}, "rows must be at least 1, got 0"),
        ({"cols": -2}, "cols must be at least 1, got -2"),
        ({"classes": 0}, "classes must be at least 1 and at most a million, got 0"),
        ({"classes": "ab"}, "classes must be a number or a sequence of names, got 'ab'"),
        ({"channels": 2}, "pictures of 1 channels cannot be given 2"),
    ):
        with pytest.raises(ArgumentError, match=message):
            written(HEADER, *ROWS, **options)


def test_what_is_too_large_is_refused(written, monkeypatch):
    monkeypatch.setattr(csv, "LONGEST", 60)
    monkeypatch.setattr(csv, "PIECE", 8)
    with pytest.raises(FileError, match="a line is longer than 60 bytes: this is no CSV"):
        written(HEADER, *ROWS, "1," * 60, pack=gzip.compress)
    monkeypatch.setattr(csv, "MAX_BYTES", 9)
    with pytest.raises(FileError, match="holds more than 9 bytes of pictures: refused"):
        written(HEADER, *ROWS)


def test_damaged_files(written):
    with pytest.raises(FileError, match="is damaged: Compressed file ended before"):
        written(HEADER, *ROWS, pack=lambda text: gzip.compress(text)[:-9])
    with pytest.raises(FileError, match="line 2 is no line of a CSV: field larger than"):
        written(HEADER.encode() + b"\n1," + b"7" * 140_000 + b",1,2,3\n")


@given(
    st.lists(st.lists(st.integers(0, 255), min_size=4, max_size=4), min_size=1, max_size=9),
    st.permutations(range(5)),
    st.integers(2, 60),
)
def test_any_picture_in_any_order_of_columns_is_read_back(tmp_path_factory, rows, order, piece):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    names = HEADER.split(",")
    full = [[row[0] % 10, *row] for row in rows]
    lines = [names, *[[str(value) for value in row] for row in full]]
    path.write_text("\n".join(",".join(line[i] for i in order) for line in lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv, "PIECE", piece)
        got = data.load(path)
    np.testing.assert_array_equal(got.x.reshape(-1, 4), rows)
    np.testing.assert_array_equal(got.y, [row[0] for row in full])


@given(st.binary(max_size=60))
def test_any_bytes_below_the_header_are_read_or_refused_as_one_error(tmp_path_factory, body):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(HEADER.encode() + b"\n" + body)
    with contextlib.suppress(FileError):
        assert data.load(path).x.shape[1:] == (2, 2, 1)


@given(st.text("0123456789,\n", max_size=60))
def test_the_fast_way_and_the_slow_way_agree(text):
    piece = (text + "\n").encode()
    fast = csv._table(piece, 3)
    if fast is not None:
        rows = [[int(cell) for cell in line.split(",")] for line in text.splitlines()]
        np.testing.assert_array_equal(fast, rows)
