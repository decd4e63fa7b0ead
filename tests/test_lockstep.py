"""Programs that meet: rounds, results and errors are the same whoever drives them."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from nnviz.engine.executor import lockstep, threads
from nnviz.engine.mode import Mode
from nnviz.engine.scratch import ScratchShelf


def counting(i, meetings=3):
    """A program that yields its number at each meeting and gives back all that it was told."""
    heard = []
    for turn in range(meetings):
        heard.append((yield sum, i + 10 * turn))
    return i, heard


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("programs", [1, 2, 5])
def test_all_programs_hear_every_total(count, programs):
    with threads(count):
        results = lockstep([counting(i) for i in range(programs)])
    totals = [sum(i + 10 * turn for i in range(programs)) for turn in range(3)]
    assert results == [(i, totals) for i in range(programs)]


@pytest.mark.parametrize("count", [1, 2])
def test_a_program_that_never_stops_is_driven_too(count):
    with threads(count):
        assert lockstep([counting(i, 0) for i in range(4)]) == [(i, []) for i in range(4)]
        assert lockstep([]) == []


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_first_error_in_order_is_raised_and_nobody_waits_for_ever(count):
    def failing(i):
        yield sum, i
        if i == 1:
            raise ZeroDivisionError
        if i == 2:
            raise KeyError
        yield sum, i

    with threads(count), pytest.raises(ZeroDivisionError):
        lockstep([failing(i) for i in range(4)])


@pytest.mark.parametrize("count", [1, 2])
def test_an_error_in_a_total_is_raised(count):
    def program(i):
        yield lambda parts: 1 / 0, i

    with threads(count), pytest.raises(ZeroDivisionError):
        lockstep([program(i) for i in range(3)])


def test_several_runs_at_once_and_runs_inside_of_runs_do_not_wait_for_each_other():
    def nested(i):
        inner = lockstep([counting(k, 2) for k in range(3)])
        total = yield sum, len(inner)
        return total

    found = {}

    def run(k):
        with threads(3):
            found[k] = lockstep([nested(i) for i in range(4)])

    runs = [threading.Thread(target=run, args=(k,)) for k in range(3)]
    for one in runs:
        one.start()
    for one in runs:
        one.join(timeout=60)
    assert found == {k: [12] * 4 for k in range(3)}


def test_only_memory_that_nobody_else_reads_is_written_over():
    with ScratchShelf().borrow(arena=True) as scratch:
        before = scratch.keep((4, 4), np.float32)
        mark = scratch.mark
        own, other = (scratch.keep((4, 4), np.float32) for _ in range(2))
        assert scratch.alone(own, [other], mark)
        assert scratch.alone(own.reshape(2, 8), [other], mark)
        assert not scratch.alone(own, [other, own[1:]], mark)  # somebody reads a part of it
        assert not scratch.alone(own[:, :2], [], mark)
        assert not scratch.alone(np.broadcast_to(own[:1], (4, 4)), [], mark)
        assert not scratch.alone(before, [], mark)  # a forward pass's
        assert not scratch.alone(np.ones(3), [], mark)  # the user's
        given = np.ones(3)
        assert scratch.freed(given, Mode().do) is given
        assert not np.shares_memory(scratch.freed(own[0], Mode().do), own)
        scratch.keep_only([other], mark)
        assert scratch.mark == 2
        assert np.shares_memory(scratch.keep((4, 4), np.float32), own)
