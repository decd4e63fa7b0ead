"""The benchmarks' own arithmetic: goals, rounds, the table. Nothing is timed here."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("benchmarks.speed", reason="the benchmarks are in the repository alone")

from benchmarks.speed import (
    explaining,
    growing,
    nets,
    predicting,
    processes,
    race,
    races,
    table,
    training,
)
from benchmarks.speed.race import MEGABYTES, Goal, Outcome, Race, Row, Unit

FAST = Row("a step", "theirs", Goal("≥", 1.5), Unit("pictures/s", 100))
SMALL = Row("memory", "theirs", Goal("≤", 0.5), MEGABYTES)


def outcome(row, ours, theirs):
    return Outcome("race", row, tuple(ours), tuple(theirs))


def test_a_goal_is_for_speed_or_for_cost():
    assert FAST.goal.ratio(2.0, 5.0) == 2.5
    assert SMALL.goal.ratio(2.0, 5.0) == 0.4
    for goal, ratio in ((FAST.goal, 1.5), (SMALL.goal, 0.5)):
        assert goal.met(ratio)
        assert goal.reached(ratio) == 1
    assert not FAST.goal.met(1.49)
    assert not SMALL.goal.met(0.51)
    assert FAST.goal.reached(3.0) == SMALL.goal.reached(0.25) == 2


def test_the_ratio_is_the_median_of_the_rounds_not_the_ratio_of_medians():
    got = outcome(FAST, (1.0, 10.0, 100.0), (2.0, 10.0, 300.0))
    assert got.ratios == [2.0, 1.0, 3.0]
    assert got.ratio == 2.0
    assert got.spread == (1.0, 3.0)
    assert outcome(FAST, (1.0,) * 4, (9.0, 2.0, 3.0, 1.0)).spread == (2.0, 3.0)
    assert got.met


def test_runners_take_turns_after_a_first_time_that_does_not_count(monkeypatch):
    monkeypatch.setattr(race, "PAUSE", 0)
    calls = []

    def runner(name):
        return lambda: calls.append(name) or float(len(calls))

    made = Race("r", lambda: {"theirs": runner("t"), "ours": runner("o")}, (FAST,))
    (got,) = race.run(made, 3)
    assert calls == ["t", "o"] * 4
    assert got.theirs == (3.0, 5.0, 7.0)
    assert got.ours == (4.0, 6.0, 8.0)
    calls.clear()
    race.run(Race("r", made.make, (FAST,), fresh=True), 2)
    assert calls == ["t", "o"] * 2


def test_no_two_races_have_one_name():
    parts = (training, predicting, explaining, processes, growing)
    assert len(races.RACES) == sum(len(part.RACES) for part in parts)


def test_the_table_is_written_three_times(tmp_path):
    beside = Row("a step", "others", Goal("≥", 1.0), MEGABYTES, is_goal=False)
    outcomes = [
        outcome(FAST, (0.1,), (0.05,)),
        outcome(SMALL, (100.0,), (400.0,)),
        outcome(beside, (1.0,), (2.0,)),
    ]
    paths = table.write(outcomes, {"processor": "test"}, "head", tmp_path)
    text = paths[0].read_text("utf-8").splitlines()
    assert text[0] == "head"
    assert (
        " ".join(text[2].split()) == "a step 1,000 2,000 pictures/s 0.50 0.50-0.50 ≥ 1.5 NO theirs"
    )
    assert " ".join(text[3].split()) == "memory 100 400 MB 0.25 0.25-0.25 ≤ 0.5 yes theirs"
    assert " ".join(text[4].split()) == "a step 1 2 MB 2.00 2.00-2.00 others"
    assert text[5] == "1 of 2 goals met"
    page = json.loads(paths[1].read_text("utf-8"))
    assert [row["met"] for row in page["rows"]] == [False, True, None]
    assert page["rows"][0]["rounds"]["ratio"] == [0.5]
    assert paths[2].read_bytes().startswith(b"\x89PNG")


def test_the_arithmetic_of_a_training_step():
    model = nets.digits_net()
    assert nets.mult_adds(model) == 194_688 + 10_616_832 + 1_179_648 + 1_280
    assert nets.mult_adds(model, training=True) == 3 * nets.mult_adds(model) - 194_688


def test_what_is_exported_gives_the_same_answers_channels_first():
    model = nets.digits_net((2, 3, 4))
    arrays = nets.exported(model)
    assert [a.shape for a in arrays] == [
        (2, 1, 3, 3), (2,), (3, 2, 3, 3), (3,), (4, 432), (4,), (10, 4), (10,),
    ]  # fmt: skip
    x, _ = nets.pictures(model, 2)
    trace = model.run(x)
    flat = trace["dropout_1"].y.transpose(0, 3, 1, 2).reshape(2, -1)
    assert np.allclose(flat @ arrays[4].T + arrays[5], trace["dense_1"].y, atol=1e-5)
    kinds = [a.shape for a in nets.exported(nets.residual_net())]
    assert kinds[:5] == [(16, 3, 3, 3), (16,), (16,), (16,), (16,)]
    assert kinds[-2:] == [(10, 64), (10,)]
