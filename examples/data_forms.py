"""Digits in the two forms in which people meet them (rows D1 and D6).

MNIST is published as IDX: a magic number (2051 for pictures, 2049 for labels), the sizes, then one
byte for each pixel. The digit-recognizer competition has the same digits as CSV: a header, then a
line of 785 numbers for each. Ten of the shipped digits are written in both forms, by hand, and read
back. With `--data FOLDER` the figures of the real files (60,000 and 10,000 digits) come as well.
"""

import argparse
import gzip
import struct
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import nnviz as nv

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", nargs="?", default=".", help="where the picture goes")
parser.add_argument("--data", help="a folder with MNIST's four files: print its figures as well")
told = parser.parse_args()
digits = nv.data.load("sample")
digits = digits[[int(np.flatnonzero(digits.y == k)[0]) for k in range(10)]]
x, y = digits.x, digits.y

with tempfile.TemporaryDirectory() as name:
    place = Path(name)
    pictures = struct.pack(">4I", 2051, *x.shape[:3]) + x.tobytes()
    labels = struct.pack(">2I", 2049, len(y)) + y.astype(np.uint8).tobytes()
    (place / "train-images-idx3-ubyte").write_bytes(pictures)
    (place / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))  # packed or not
    header = ",".join(f"pixel{i}" for i in range(784))
    lines = [",".join(map(str, picture.ravel())) for picture in x]
    table = "\n".join(f"{label},{line}" for label, line in zip(y, lines, strict=True))
    (place / "train.csv").write_text(f"label,{header}\n{table}\n")
    (place / "test.csv").write_text("\n".join([header, *lines]))
    forms = {
        "as shipped": digits,
        "IDX": nv.data.load(place, "train"),
        "CSV": nv.data.load(place / "train.csv"),
        "CSV without labels": nv.data.load(place / "test.csv"),
    }
figure = Figure(figsize=(11, 5), dpi=110, layout="constrained")
for row, (name, read) in zip(figure.subplots(4, 10), forms.items(), strict=True):
    labels = "none" if read.y is None else "equal" if np.array_equal(read.y, y) else "other"
    print(f"{name}: pictures {'equal' if np.array_equal(read.x, x) else 'other'}, labels {labels}")
    for i, ax in enumerate(row):
        ax.imshow(read.x[i, ..., 0], cmap="gray")
        ax.set(title="?" if read.y is None else read.y[i], xticks=[], yticks=[])
    row[0].set_ylabel(name, rotation=0, ha="right", va="center")
figure.savefig(f"{told.folder}/data_forms.png")
if told.data:
    mnist, test = nv.data.load(told.data, "train"), nv.data.load(told.data, "test")
    print("pictures, and the training set's mean and std:", len(mnist), len(test), end=" ")
    print(mnist.x.mean() / 255, mnist.x.std() / 255)
