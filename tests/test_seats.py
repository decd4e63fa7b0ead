"""Threads that take turns keep to processors of their own, and leave everything as it was."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import nnviz as nv
from nnviz.engine import executor
from nnviz.engine.executor import each, seats, thread_count, threads
from nnviz.engine.seats import Seats, processors
from nnviz.engine.sweep import sweep


@pytest.fixture
def system(monkeypatch):
    """Two processors, whatever the machine has: thread -> where it may run."""
    masks: dict[int, set[int]] = {}
    monkeypatch.setattr(
        os, "sched_getaffinity", lambda _: set(masks.get(threading.get_ident(), {4, 7})),
        raising=False,
    )  # fmt: skip
    monkeypatch.setattr(
        os, "sched_setaffinity", lambda _, to: masks.update({threading.get_ident(): set(to)}),
        raising=False,
    )  # fmt: skip
    monkeypatch.setattr(executor, "seats", Seats())
    return masks


def where():
    return os.sched_getaffinity(0)


def test_each_thread_has_its_own_and_a_third_one_none(system):
    taken, go = executor.seats, threading.Barrier(2)

    def sit():
        with taken.one(2):
            go.wait()
            mine = where()
            go.wait()
        return mine, where()

    with threads(2), ThreadPoolExecutor(1) as pool:
        helper = pool.submit(sit)
        go.wait()  # the helper sits
        with taken.one(2):
            mine = where()
            with taken.one(2):  # on one processor already
                assert where() == mine
        go.wait()
        (theirs, after) = helper.result()
    assert mine | theirs == {4, 7}
    assert after == where() == {4, 7}


def test_where_threads_and_processors_differ_in_number_nothing_is_touched(system):
    for count in (1, 3):
        with threads(count), executor.seats.one(thread_count()):
            assert not system
    with threads(2), pytest.raises(ZeroDivisionError), executor.seats.one(thread_count()):
        raise ZeroDivisionError
    assert where() == {4, 7}
    assert not executor.seats._taken


def test_a_helper_works_anywhere_and_sleeps_at_its_seat(system):
    taken = executor.seats
    with threads(2):
        with taken.risen({4, 7}):
            pass
        assert not system  # it never sat
        with taken.one(2):
            seat = where()
        for _ in range(2):
            with taken.risen({4, 7}):
                assert where() == {4, 7}
            assert where() == seat


def test_a_processor_that_is_gone_and_a_system_that_does_not_say(monkeypatch, system):
    def gone(_, to):
        raise OSError("no such processor")

    monkeypatch.setattr(os, "sched_setaffinity", gone)
    with threads(2), executor.seats.one(thread_count()):
        assert each([lambda: 1] * 3) == [1] * 3
    monkeypatch.delattr(os, "sched_setaffinity")
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.delenv("NNVIZ_THREADS", raising=False)
    assert processors() == set()
    assert thread_count() == (os.cpu_count() or 1)
    monkeypatch.setattr(executor, "seats", Seats())
    with executor.seats.one(2), executor.seats.risen(set()):
        assert each([lambda: 1] * 3) == [1] * 3


def test_a_fork_leaves_the_seats_behind():
    taken = Seats()
    taken._taken.add(3)
    taken.forget()
    assert taken._take({3}) == 3


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system has no affinities")
def test_prediction_leaves_its_caller_where_it_was():
    model = nv.Sequential([nv.Conv2D(4, 3), nv.Flatten(), nv.Dense(2)], (8, 8, 1))
    before = os.sched_getaffinity(0)
    for _ in range(3):
        model.predict(np.ones((8, 8, 8, 1), np.float32))
        assert os.sched_getaffinity(0) == before
    assert not seats._taken


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system has no affinities")
def test_maps_leave_their_caller_where_it_was_and_nothing_else_is_asked_at_a_seat(monkeypatch):
    model = nv.Sequential([nv.Conv2D(4, 3), nv.Flatten(), nv.Dense(2)], (8, 8, 1))
    before, seen, seated = os.sched_getaffinity(0), [], []
    take = Seats._take
    monkeypatch.setattr(Seats, "_take", lambda *a: seated.append(take(*a)) or seated[-1])

    def asked(outputs):
        seen.append(os.sched_getaffinity(0))
        return {name: np.ones_like(y) for name, y in outputs.items()}

    x = np.ones((8, 8, 8, 1), np.float32)
    with threads(len(before)):
        for _ in range(3):
            sweep(model, x, lambda outputs, _: asked(outputs), read=(model.output_name,))
            assert os.sched_getaffinity(0) == before
    assert all(mask == before for mask in seen)
    assert not seats._taken
    assert len(seated) > 1 or len(before) == 1
