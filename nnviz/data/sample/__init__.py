"""The shipped sample: 1,000 test digits of MNIST, 100 of each, never trained on.

`python -m nnviz.data.sample.make FOLDER` made it from the published files in FOLDER; `LICENSE.txt`
beside it names the authors and says what was changed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...files import read_npz
from ..dataset import Dataset

FILE = Path(__file__).with_name("mnist-1000.npz")
SOURCE = (
    "MNIST (Yann LeCun, Corinna Cortes, Christopher J. C. Burges), commonly given as CC BY-SA 3.0; "
    "1,000 of its 10,000 test digits, 100 of each, otherwise unchanged"
)


def sample() -> Dataset:
    """1,000 test digits (1000, 28, 28, 1) uint8 with their labels, in the order of the test set."""
    arrays = read_npz(FILE, "sample of digits")
    return Dataset(
        arrays["x"][..., None],
        arrays["y"].astype(np.int64),
        tuple("0123456789"),
        "1,000 MNIST test digits",
        SOURCE,
    )
