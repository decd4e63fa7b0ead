"""A run of occlusion that is killed at any moment goes on where it was, to the last bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from networks import SEEN, pictures

import nnviz as nv
from nnviz.inspection.attribution import covering
from nnviz.inspection.attribution.occlusion import occlusion

OPTIONS = {"patch": 6, "stride": 2, "fill": "noise", "repeats": 3}
PROGRAM = """
import sys, time
import numpy as np
import nnviz as nv
from nnviz.inspection.attribution import covering
from nnviz.inspection.attribution.occlusion import occlusion

folder, pause = sys.argv[1], float(sys.argv[2])
covering.LEAST = covering.MOST = 7
real, write, begun = covering.rerun_boxes, covering.write_npz, open(folder + "/begun", "a")

def told(*args, **kwargs):
    begun.write("b")
    begun.flush()
    time.sleep(pause)
    return real(*args, **kwargs)

def written(*args, **kwargs):
    write(*args, **kwargs)
    begun.write("w")
    begun.flush()

covering.rerun_boxes, covering.write_npz = told, written
model, x = nv.load(folder + "/model.npz"), np.load(folder + "/x.npy")
options = {"patch": 6, "stride": 2, "fill": "noise", "repeats": 3}
found = occlusion(model, x, 1, **options, resume=folder + "/run.npz")
np.savez(folder + "/found.npz", values=found.values, error=found.error, drop=found.drop,
         probability=found.probability, predicted=found.predicted)
"""


def run_until(folder, seconds):
    """Start the run and kill it after so long; whether it came to its end before."""
    words = [sys.executable, "-c", PROGRAM, str(folder), "0.01"]
    with subprocess.Popen(words, start_new_session=True) as process:
        end = time.monotonic() + seconds
        begun = folder / "begun"
        before = begun.stat().st_size if begun.exists() else 0
        # The clock begins with the first batch: loading takes longer on a busy machine.
        while process.poll() is None and (not begun.exists() or begun.stat().st_size == before):
            time.sleep(0.005)
            end = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.002)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            return False
        assert process.returncode == 0
        return True


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill")
def test_a_killed_run_goes_on(tmp_path, monkeypatch):
    model = SEEN["digits"]()
    x = pictures(model, 2)
    model.save(tmp_path / "model.npz")
    np.save(tmp_path / "x.npy", x)
    rng = np.random.default_rng(0)
    kills = 0
    while not run_until(tmp_path, float(rng.uniform(0, 0.25)) if kills < 4 else 60.0):
        kills += 1
    assert kills == 4
    monkeypatch.setattr(covering, "LEAST", 7)
    monkeypatch.setattr(covering, "MOST", 7)
    whole = occlusion(model, x, 1, **OPTIONS)
    with np.load(tmp_path / "found.npz") as found:
        for name in found.files:
            np.testing.assert_array_equal(found[name], getattr(whole, name))
    told = (tmp_path / "begun").read_text()
    batches = 2 * 3 * -(-len(whole.boxes) // 7)
    # A kill loses the batch at work, and nothing that was written is done again.
    assert batches <= told.count("b") <= batches + kills
    assert told.count("w") >= batches - kills


def test_a_long_direction_is_not_taken_for_another(tmp_path):
    from nnviz.errors import FileError

    model, path = SEEN["digits"](), tmp_path / "run.npz"
    x, node = pictures(model, 1), model.nodes[0].name
    vector = np.linspace(0, 1, int(np.prod(model.shapes[node]))).reshape(model.shapes[node])
    other = vector.copy()
    other[5, 5, 0] += 1e-9
    settings = {"patch": 9, "stride": 9, "resume": path}
    occlusion(model, x, nv.Direction(node, vector), **settings)
    occlusion(model, x, nv.Direction(node, vector.copy()), **settings)
    with pytest.raises(FileError, match="was begun with another targets"):
        occlusion(model, x, nv.Direction(node, other), **settings)
    with pytest.raises(FileError, match="was begun with another targets"):
        occlusion(model, x, 2 * nv.Direction(node, vector), **settings)
