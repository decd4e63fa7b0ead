"""One process's work, and the memory that it took at its peak: `python -m benchmarks.speed.peak`.

PyTorch's process imports nothing of ours, and ours nothing of PyTorch's.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from .race import THREADS

STEPS = 4
WIDER = (101, 202, 405)
"""√10 times as wide as MISSION E1's network: ten times as many parameters."""


def ours(n: int, widths: tuple[int, ...] = (32, 64, 128)) -> None:
    """Train with us, so many pictures in a batch."""
    import nnviz as nv

    from .nets import digits_net, stepper

    with nv.threads(THREADS):
        step = stepper(digits_net(widths), nv.Adam(1e-3), n)
        for _ in range(STEPS):
            step()


def theirs(n: int) -> None:
    """Train with PyTorch."""
    import torch

    from .plain_nets import adam, channels_first, digits_net, stepper

    torch.set_num_threads(THREADS)
    rng, net = np.random.default_rng(n), digits_net()
    x = rng.random((n, 28, 28, 1), dtype=np.float32)
    step = stepper(net, adam(net), channels_first(x), rng.integers(0, 10, n))
    for _ in range(STEPS):
        step()


def imports() -> None:
    """Ours, before any work."""
    from . import nets  # noqa: F401


WORK: Mapping[str, Callable[[], None]] = {
    "imports": imports,
    "ours": lambda: ours(128),
    "ours, pictures": lambda: ours(1280),
    "ours, parameters": lambda: ours(128, WIDER),
    "theirs": lambda: theirs(128),
}


def peak() -> float:
    """Megabytes of this process at its peak.

    Linux keeps the peak of whoever started a process in its `ru_maxrss`, so the process's own
    high-water mark is read where there is one.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    except (OSError, StopIteration):
        unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    WORK[sys.argv[1]]()
    print(peak())
