"""What only fresh processes can say: imports, peak memory, and a whole set of pictures."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from .race import LESS, MEGABYTES, SECONDS, THREADS, Goal, Race, Row, Runner

ROOT = Path(__file__).resolve().parents[2]


def fresh(*words: str) -> str:
    """What a new Python process prints; it must succeed.

    It keeps the byte code of what it imports, whatever the environment says: an installer compiles
    every package, and the rivals come from one, but our own lies here as source.
    """
    count = str(THREADS)
    env = {**os.environ, "NNVIZ_THREADS": count, "OMP_NUM_THREADS": count}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stderr}")
    return done.stdout


def import_seconds(module: str) -> float:
    """How long an import takes, measured inside the process."""
    return float(
        fresh(
            "-c",
            f"import time; t = time.perf_counter(); import {module}; "
            "print(time.perf_counter() - t)",
        )
    )


def peak_of(work: str) -> float:
    """Megabytes at the peak of one kind of work, see `peak`."""
    return float(fresh("-m", "benchmarks.speed.peak", work))


def whole(*words: str) -> float:
    """Seconds from the start of a process to its end."""
    began = time.perf_counter()
    fresh(*words)
    return time.perf_counter() - began


def import_runners() -> Mapping[str, Runner]:
    modules = {"ours": "nnviz", "theirs": "torch", "numpy": "numpy", "ndimage": "scipy.ndimage"}
    return {name: partial(import_seconds, module) for name, module in modules.items()}


def memory_runners() -> Mapping[str, Runner]:
    return {name: partial(peak_of, name) for name in ("ours", "theirs")}


def picture_runners() -> Mapping[str, Runner]:
    """Both scripts; theirs finds the weights and the digits in plain files."""
    import nnviz as nv

    from .nets import exported

    kept = tempfile.TemporaryDirectory(prefix="nnviz-bench-")
    atexit.register(kept.cleanup)
    folder = Path(kept.name)
    digits = nv.data.load("sample")
    np.savez(folder / "weights.npz", *exported(nv.load("mnist-cnn")))
    np.savez(folder / "digits.npz", x=digits.x, y=digits.y)
    files = [str(folder / name) for name in ("weights.npz", "digits.npz", "theirs")]
    return {
        "theirs": partial(whole, "-m", "benchmarks.plain_script", *files),
        "ours": partial(whole, "-m", "benchmarks.our_script", str(folder / "ours")),
    }  # fmt: skip


RACES = (
    Race(
        "memory",
        memory_runners,
        (Row("peak memory of training, batch of 128", "PyTorch", Goal("≤", 0.5), MEGABYTES),),
        fresh=True,
    ),
    Race(
        "import",
        import_runners,
        (
            Row("import nnviz", "import torch", Goal("≤", 0.2), SECONDS),
            Row("import nnviz", "import numpy", LESS, SECONDS, theirs="numpy", is_goal=False),
            Row("import nnviz", "import scipy.ndimage", LESS, SECONDS, theirs="ndimage",
                is_goal=False),
        ),
        fresh=True,
    ),
    Race(
        "pictures",
        picture_runners,
        (
            Row("a set of pictures, whole process", "torch + captum + matplotlib", Goal("≥", 5.0),
                SECONDS),
        ),
        fresh=True,
    ),
)  # fmt: skip
