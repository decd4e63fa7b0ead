"""A report that is killed or stopped goes on where it was, to the last bit; with a helper too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pages import cnn, contents, dataset, hurried

import nnviz as nv
from nnviz.report import build, helper, progress, write_report
from nnviz.report.cache import FOLDER

PROGRAM = Path(__file__).parent / "killed_report.py"


def but_time(folder):
    return {name: told for name, told in contents(folder).items() if name != "manifest.json"}


def run_until(folder, letters):
    """Start the report and kill it after it has begun so many things more; whether it came to its
    end before."""
    begun = folder / "begun"
    wanted = letters + (begun.stat().st_size if begun.exists() else 0)
    words = [sys.executable, str(PROGRAM), str(folder), "0.02"]
    paths = {"PYTHONPATH": str(Path(nv.__file__).parents[1])}
    with subprocess.Popen(words, start_new_session=True, env=os.environ | paths) as process:
        while process.poll() is None:
            if begun.exists() and begun.stat().st_size >= wanted:
                os.kill(process.pid, signal.SIGKILL)
                return False
            time.sleep(0.002)
        assert process.returncode == 0
        return True


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill")
def test_a_killed_report_goes_on(tmp_path):
    rng, kills = np.random.default_rng(0), 0
    while not run_until(tmp_path, int(rng.integers(2, 12)) if kills < 3 else 999):
        kills += 1
    assert kills == 3
    model = cnn((12, 12, 1), 3)
    with hurried():
        write_report(model, dataset(model), tmp_path / "whole", verbose=False)
    assert but_time(tmp_path / "gallery") == but_time(tmp_path / "whole")
    things = len(list((tmp_path / "whole" / FOLDER).glob("*-*.npz")))
    # A kill loses what is at work, and what needed it: nothing that was kept is done again.
    assert things <= len((tmp_path / "begun").read_text()) <= things + 3 * kills


def test_ctrl_c_ends_the_report_and_keeps_what_is_done(tmp_path, monkeypatch):
    model, seen = cnn((12, 12, 1), 3), []

    def stop(self, step):
        seen.append(step.id)
        if len(seen) == 6:
            raise KeyboardInterrupt

    with hurried():
        with monkeypatch.context() as patched:
            patched.setattr(progress.Progress, "_done", stop)
            with pytest.raises(KeyboardInterrupt):
                write_report(model, dataset(model), tmp_path, verbose=False)
        assert contents(tmp_path) == {}
        kept = len(list((tmp_path / FOLDER).glob("*-*.npz")))
        assert kept >= 6
        write_report(model, dataset(model), tmp_path, verbose=False)
    assert (tmp_path / "index.html").exists()


def write(folder, model):
    data = dataset(model, n=4)
    write_report(model, data, folder, chapters=["works", "adjust"], lang="zh", seed=3,
                 verbose=False)  # fmt: skip


@pytest.fixture
def whole(tmp_path):
    """A gallery written by this process alone."""
    write(tmp_path / "whole", cnn((12, 12, 1), 3))
    return but_time(tmp_path / "whole")


@pytest.fixture
def helped(monkeypatch):
    """Every report is worth a helper; the answers that each one has waited for."""
    asked, ask = [], helper.Helper._ask
    monkeypatch.setattr(helper, "WORTH", 0)
    monkeypatch.setattr(helper, "thread_count", lambda: 2)

    def told(self, name):
        ask(self, name)
        asked.append((name, self.process.poll()))

    monkeypatch.setattr(helper.Helper, "_ask", told)
    return asked


@pytest.mark.slow
def test_a_helper_makes_the_same_bits(tmp_path, whole, helped):
    write(tmp_path / "helped", cnn((12, 12, 1), 3))
    assert but_time(tmp_path / "helped") == whole
    assert helped
    assert all(ended is None for _, ended in helped), "it was at work to the end"
    assert not list((tmp_path / "helped" / FOLDER).glob(".work*"))


@pytest.mark.slow
def test_a_helper_that_dies_is_done_without(tmp_path, whole, helped, monkeypatch):
    started = helper._started

    def dying(count):
        process = started(count)
        process.kill()
        return process

    monkeypatch.setattr(helper, "_started", dying)
    write(tmp_path / "helped", cnn((12, 12, 1), 3))
    assert but_time(tmp_path / "helped") == whole


class Mine(nv.ReLU):
    """A layer that only this process knows."""


def test_a_model_that_cannot_be_handed_over_has_no_helper(tmp_path, helped):
    layers = [nv.Conv2D(2, 3), Mine(), nv.Flatten(), nv.Dense(2)]
    model = nv.Sequential(layers, (9, 9, 1), seed=1)
    with hurried():
        write(tmp_path / "alone", model)
    assert (tmp_path / "alone" / "index.html").exists()


def test_small_reports_have_no_helper(monkeypatch):
    model = cnn((12, 12, 1), 3)
    study = build._study(model, dataset(model), 0, "a", ("b", "c"), "en", Path("nowhere"), {})
    assert not helper.is_worth_it(study)
    monkeypatch.setattr(helper, "WORTH", 0)
    assert helper.is_worth_it(study)
    monkeypatch.setattr(helper, "LARGEST", 100)
    assert not helper.is_worth_it(study)
    monkeypatch.undo()
    monkeypatch.setattr(helper, "WORTH", 0)
    for name in ("", None, "/opt/painter"):
        monkeypatch.setattr(helper.sys, "executable", name)
        assert not helper.is_worth_it(study)


def test_a_model_that_came_through_changed_is_refused(tmp_path):
    model = cnn((12, 12, 1), 3)
    with pytest.raises(nv.ArgumentError, match="not the same after it was saved and read"):
        helper._study({"fingerprint": "another"}, model)
