"""Does the memory of top patches grow with the pictures? `python -m benchmarks.top_patches`.

All 96 channels of both convolutions of the shipped network in one pass, over 6,000 and over 60,000
digits, each in a fresh process. The digits are read from the folder of real data
(NNVIZ_SHARED_DATA, or shared/data beside the checkout) before memory is looked at. Printed: the
time, and the peak of what was allocated from then on (NumPy's arrays and Python's objects, by
tracemalloc; the pictures themselves are not in it).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import nnviz as nv
from nnviz.inspection.anatomy import top_patches_at

NODES = ("conv2d_1/relu", "conv2d_2/relu")
COUNTS = (6_000, 60_000)
BESIDE = Path(__file__).resolve().parents[1] / "../shared/data"


def measure(count: int) -> None:
    """One size, in this process."""
    folder = Path(os.environ.get("NNVIZ_SHARED_DATA", BESIDE)) / "mnist"
    digits = nv.data.load(folder, split="train").x
    model = nv.load("mnist-cnn")
    if len(digits) < count:
        raise SystemExit(f"{folder} has {len(digits)} pictures, {count} are needed")
    tracemalloc.start()
    began = time.perf_counter()
    found = top_patches_at(model, digits[:count], NODES)
    print(
        f"{count:,} pictures: {sum(len(f.channels) for f in found.values())} channels, "
        f"{time.perf_counter() - began:.1f} s, "
        f"peak memory {tracemalloc.get_traced_memory()[1] / 1e6:.1f} MB",
        flush=True,
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(int(sys.argv[1]))
    else:
        for count in COUNTS:
            command = [sys.executable, "-m", "benchmarks.top_patches", str(count)]
            subprocess.run(command, check=True)
