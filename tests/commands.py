"""A small world for the command line's tests: data, a model, pictures; and how a command is run."""

from __future__ import annotations

import struct

import numpy as np
from PIL import Image

import nnviz as nv
from nnviz.cli import main


def idx(folder, name, array):
    """One IDX file of unsigned bytes."""
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    (folder / name).write_bytes(head + array.astype(np.uint8).tobytes())


def make_world(folder):
    """A folder with a small data set, a model file and a few pictures, as a user has them."""
    rng = np.random.default_rng(0)
    (folder / "digits").mkdir()
    for split, n in (("train", 40), ("t10k", 12)):
        y = rng.integers(0, 3, n)
        x = np.zeros((n, 28, 28), np.uint8)
        for i, label in enumerate(y):
            x[i, 8 + 4 * label : 11 + 4 * label, 4:24] = rng.integers(180, 256)
        idx(folder / "digits", f"{split}-images-idx3-ubyte", x)
        idx(folder / "digits", f"{split}-labels-idx1-ubyte", y)
    layers = [nv.Conv2D(3, 3, activation="relu"), nv.Flatten(), nv.Dense(10, activation="softmax")]
    spec = nv.InputSpec((28, 28, 1), background=0.0)
    names = [str(i) for i in range(10)]
    nv.Sequential(layers, (28, 28, 1), seed=2, input=spec, classes=names).save(folder / "model.npz")
    Image.fromarray(x[0]).save(folder / "light-on-dark.png")
    Image.fromarray(255 - x[0]).save(folder / "dark-on-light.png")
    Image.fromarray(x[0]).resize((60, 40)).save(folder / "large.png")


def run(capsys, *words):
    """(exit code, lines on stdout, lines on stderr)."""
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out.splitlines(), err.splitlines()
