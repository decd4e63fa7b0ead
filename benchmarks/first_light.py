"""What a newcomer waits for: `python -m benchmarks.first_light`.

The import beside NumPy's own, in turn, in fresh processes; and the default report as a whole
process, with its peak memory.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPEATS = 7


def seconds(*words: str) -> float:
    """How long one fresh Python process takes."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def imports() -> None:
    """`import nnviz` and `import numpy`, less an empty process, alternating."""
    rows = []
    for _ in range(REPEATS):
        empty, numpy, ours = (
            seconds("-c", words) for words in ("", "import numpy", "import nnviz")
        )
        rows.append((numpy - empty, ours - empty))
    numpy, ours = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"import nnviz {ours:.2f} s, import numpy {numpy:.2f} s, ratio {ours / numpy:.1f}")


def report() -> None:
    """The default report into a temporary folder: time, peak memory, size of the page; and the
    same again, when nothing has changed."""
    times, peaks, again = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for k in range(3):
            command = [sys.executable, "-m", "nnviz", "report", "--out", f"{folder}/{k}"]
            began = time.perf_counter()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            if status:
                raise SystemExit("the report failed")
            times.append(time.perf_counter() - began)
            peaks.append(usage.ru_maxrss / 1024)
            again.append(seconds(*command[1:]))
        page = (Path(folder) / "0" / "index.html").stat().st_size / 1e6
    print(
        f"default report {statistics.median(times):.1f} s (goal: under 8), peak memory "
        f"{max(peaks):.0f} MB (goal: under 400), page {page:.2f} MB (goal: under 10); "
        f"unchanged {statistics.median(again):.1f} s (goal: under 2)"
    )


if __name__ == "__main__":
    imports()
    report()
