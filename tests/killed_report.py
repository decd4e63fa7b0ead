"""A report that may be killed at any moment: `python killed_report.py FOLDER PAUSE`.

Each step takes a little longer than it needs, so that there are moments between; `FOLDER/begun`
gets one letter for each thing that is computed.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from pages import cnn, dataset, hurried

from nnviz.report import build, write_report
from nnviz.report.cache import Cache


def write(folder: Path, pause: float = 0.0) -> None:
    """Write the gallery; of a small network, in a hurry."""
    model = cnn((12, 12, 1), 3)
    begun = (folder / "begun").open("a")

    class Slow(Cache):
        def _found(self, name, make, hint, reads):
            def told():
                begun.write("b")
                begun.flush()
                time.sleep(pause)
                return make()

            return super()._found(name, told, hint, reads)

    build.Cache = Slow
    with hurried():
        write_report(model, dataset(model), folder / "gallery", verbose=False)


if __name__ == "__main__":
    write(Path(sys.argv[1]), float(sys.argv[2]))
