"""Kill -9 at random moments: the resumed training ends with the very bits of the whole one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import interrupted
import pytest

import nnviz

pytestmark = pytest.mark.slow
EPOCHS = 40


def start(folder: Path) -> subprocess.Popen:
    """A process that trains, or goes on; it has just begun with the first step."""
    env = {**os.environ, "PYTHONPATH": str(Path(nnviz.__file__).parents[1])}
    command = [sys.executable, interrupted.__file__, str(folder), str(EPOCHS)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    assert process.stdout.readline() == "begins\n"
    return process


def end(process: subprocess.Popen) -> None:
    assert process.communicate()[0] == "done\n"
    assert process.returncode == 0


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a training that nothing interrupts, and how long it takes."""
    folder = tmp_path_factory.mktemp("whole")
    process, began = start(folder), time.perf_counter()
    end(process)
    return folder, time.perf_counter() - began


def prints(folder):
    """What the files' models are, bit for bit."""
    return [nnviz.load(folder / name).fingerprint() for name in ("state.npz", "best.npz")]


def test_killed_at_ten_random_moments_equal_ten_times(whole, tmp_path):
    wanted, takes = prints(whole[0]), whole[1]
    chance, cut_short = random.Random(0), 0
    for trial in range(10):
        folder = tmp_path / str(trial)
        process = start(folder)
        time.sleep(chance.uniform(0, takes))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if process.returncode == -signal.SIGKILL:
            cut_short += 1
            state = folder / "state.npz"
            if state.exists():  # whatever the moment, it is whole
                assert len(nnviz.load(state).made["history"]) <= EPOCHS
        end(start(folder))
        assert prints(folder) == wanted
        assert len((folder / "log.csv").read_text().splitlines()) == 1 + EPOCHS
    assert cut_short >= 6, "the kills came too late to show anything"


def test_killed_again_and_again_it_still_comes_to_the_same_end(whole, tmp_path):
    chance, seen = random.Random(1), []
    for _ in range(8):
        process = start(tmp_path)
        time.sleep(chance.uniform(0, whole[1] / 4))
        process.kill()
        process.communicate()
        state = tmp_path / "state.npz"
        seen.append(len(nnviz.load(state).made["history"]) if state.exists() else 0)
    assert seen == sorted(seen), "no epoch is ever lost again"
    end(start(tmp_path))
    assert prints(tmp_path) == prints(whole[0])
