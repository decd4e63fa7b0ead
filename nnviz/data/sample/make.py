"""Makes the shipped sample from the published files: `python -m nnviz.data.sample.make FOLDER`.

The first 100 pictures of each digit among the 10,000 of the test set, in the test set's order.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from ...files import write_npz
from ..idx import find, read_idx
from . import FILE


def make(folder: str) -> None:
    """Write `mnist-1000.npz` from the test files in `folder`."""
    files = find(Path(folder), "test")
    if files is None:
        raise SystemExit(f"no MNIST test files in {folder}")
    x, y = read_idx(files[0]), read_idx(files[1])
    chosen = np.sort(np.concatenate([np.flatnonzero(y == digit)[:100] for digit in range(10)]))
    write_npz(FILE, {"x": x[chosen], "y": y[chosen], "place": chosen}, compress=True)
    print(FILE)


if __name__ == "__main__":
    make(sys.argv[1])
