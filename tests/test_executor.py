"""Threads and chunks: who does the work, and that it cannot be seen in the results."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import weakref

import networks
import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import nnviz as nv
import nnviz.engine.executor as executor
from nnviz.engine.executor import chunk_slices, each, thread_count, threads
from nnviz.engine.layer import Layer
from nnviz.engine.layers import Conv2D, Dense, Flatten
from nnviz.engine.scratch import PATIENCE, Scratch, ScratchShelf, owner
from nnviz.engine.sequential import Sequential
from nnviz.errors import ArgumentError
from nnviz.inspection.attribution.question import Question


def test_the_number_of_threads_can_be_chosen(monkeypatch):
    with threads(3):
        assert thread_count() == 3
        with threads(1):
            assert thread_count() == 1
        assert thread_count() == 3
    monkeypatch.setenv("NNVIZ_THREADS", "5")
    assert thread_count() == 5
    monkeypatch.delenv("NNVIZ_THREADS")
    assert thread_count() >= 1
    for count in (0, 1.5, "2"):
        with (
            pytest.raises(ArgumentError, match="threads must be a whole number of at least 1"),
            threads(count),
        ):
            pass
    for text in ("two", "0", "-1", "²"):
        monkeypatch.setenv("NNVIZ_THREADS", text)
        with pytest.raises(ArgumentError, match="NNVIZ_THREADS must be a whole number"):
            thread_count()


def test_helpers_see_the_callers_settings_and_the_first_error_is_raised():
    def underflow():
        return float(np.float32(1e-30) * np.float32(1e-30))

    with threads(2), np.errstate(all="raise"), pytest.raises(FloatingPointError):
        each([underflow, underflow])
    with threads(2):
        assert each([thread_count] * 4) == [2] * 4
        assert each([lambda i=i: i for i in range(9)]) == list(range(9))
        with pytest.raises(ZeroDivisionError):
            each([lambda: 1, lambda: 1 / 0, lambda: {}["later"]])
        assert each([lambda: sum(each([lambda: 1, lambda: 2]))] * 3) == [3] * 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_makes_its_own_threads():
    model = networks.chain()
    x = networks.pictures(model)
    with threads(2):
        wanted = model.predict(x)
        child = os.fork()
        if child == 0:  # pragma: no cover
            signal.alarm(20)
            os._exit(0 if np.array_equal(model.predict(x), wanted) else 1)
        assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("n", [1, 2, 5, 64, 300])
@pytest.mark.parametrize("sample_bytes", [1, 1 << 18, 1 << 30])
def test_chunks_cover_the_batch_in_order(n, sample_bytes):
    parts = chunk_slices(n, sample_bytes)
    assert [i for part in parts for i in range(n)[part]] == list(range(n))
    largest = max(len(range(n)[part]) for part in parts)
    assert largest == 1 or largest * sample_bytes <= 1.5 * executor.CHUNK_BYTES
    assert largest <= max(1, -(-n // 2))


def test_an_error_in_a_chunk_comes_out_and_the_next_run_is_right():
    class _Breaks(Layer):
        broken = True

        def forward(self, *xs, mode):
            if self.broken:
                raise ArgumentError("broken on purpose")
            return xs[0] * 1, None

    layer = _Breaks()
    model = Sequential([Conv2D(2, 3), layer, Flatten(), Dense(2)], (6, 5, 1))
    x = networks.pictures(model)
    with pytest.raises(ArgumentError, match="broken on purpose"):
        model.run(x)
    layer.broken = False
    assert np.isfinite(model.predict(x)).all()


def test_whoever_is_interrupted_between_two_steps_leaves_nobody_waiting():
    """As by Ctrl-C after a program was taken and before it is driven."""
    interruptions = [KeyboardInterrupt]

    class Interrupted(dict):
        def __setitem__(self, i, thread):
            if len(self) == 2 and interruptions:
                raise interruptions.pop()
            super().__setitem__(i, thread)

    def program():
        yield sum, 1
        yield sum, 1

    rounds, ended = executor._Rounds([program(), program()]), []
    rounds._driver = Interrupted()

    def take_part():
        try:
            rounds.take_part()
        except KeyboardInterrupt:
            ended.append("interrupted")
        else:
            ended.append("sent home")

    takers = [threading.Thread(target=take_part, daemon=True) for _ in range(2)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join(timeout=10)
    assert sorted(ended) == ["interrupted", "sent home"]


def test_scratch_lends_the_same_memory_again():
    scratch = Scratch()
    first = scratch.temp((4, 5), np.float32)
    other = scratch.temp((4, 5), np.float32)
    assert not np.shares_memory(first, other)
    scratch.layer_done()
    assert np.shares_memory(scratch.temp((5, 4), np.float32), first)
    assert not np.shares_memory(scratch.keep((4, 5), np.float32), other), "without arena: fresh"
    scratch.arena = True
    kept = scratch.keep((2, 3), np.float64)
    scratch.layer_done()
    assert not np.shares_memory(scratch.keep((2, 3), np.float64), kept)
    scratch.let_go()
    again = [scratch.keep((2, 3), np.float64) for _ in range(2)]
    assert any(np.shares_memory(array, kept) for array in again)
    assert scratch.keep((0, 3), np.float64).shape == (0, 3)


def test_a_shelf_gives_a_scratch_to_one_program_at_a_time():
    shelf = ScratchShelf()
    with shelf.borrow(arena=True) as one, shelf.borrow(arena=False) as other:
        assert one is not other
        assert (one.arena, other.arena) == (True, False)
        kept = one.keep((3,), np.float32)
    with shelf.borrow(arena=True) as later:
        assert later in (one, other)
    with shelf.borrow(arena=True) as a, shelf.borrow(arena=True) as b:
        lent = [a.keep((3,), np.float32), b.keep((3,), np.float32)]
        assert any(np.shares_memory(array, kept) for array in lent)


def test_memory_that_nobody_uses_is_let_go():
    scratch = Scratch()
    scratch.arena = True
    big = weakref.ref(owner(scratch.keep((1000, 1000), np.float32)))
    for _ in range(PATIENCE):
        scratch.let_go()
        scratch.temp((10,), np.float32)
    assert big() is not None, "it may be wanted again"
    scratch.let_go()
    assert big() is None
    assert owner(scratch.temp((10,), np.float32)) is not None


def test_blas_is_held_while_a_map_is_made(monkeypatch):
    """Also between the runs of the network: its own threads would go on spinning beside ours."""
    inside = []
    answer = Question.answer
    monkeypatch.setattr(
        Question, "answer", lambda *a, **k: inside.append(blas_threads()) or answer(*a, **k)
    )
    model = Sequential([Conv2D(2, 3), Flatten(), Dense(3)], (6, 6, 1))
    before = blas_threads()
    nv.grad_cam(model, np.ones((1, 6, 6, 1), np.float32), 0, node="conv2d_1")
    assert set(inside[0]) <= {1}
    assert blas_threads() == before


def test_blas_is_held_and_let_go_by_whichever_thread_comes_and_goes():
    """Also where another thread than the first holds it, and the last to go was not the first."""
    before, found = blas_threads(), []
    inside, leave = threading.Event(), threading.Event()

    def stays():
        with executor.one_blas_thread:
            inside.set()
            leave.wait(10)
        found.append(blas_threads())

    for _ in range(2):
        inside.clear()
        leave.clear()
        other = threading.Thread(target=stays)
        with executor.one_blas_thread:
            found.append(blas_threads())
            other.start()
            assert inside.wait(10)
        found.append(blas_threads())
        leave.set()
        other.join()
        ones = [1] * len(before)
        assert found == [ones, ones, before]
        found.clear()
    with executor.one_blas_thread:
        pass
    with threadpool_limits(1, user_api="blas"):  # the user's own, on this thread or another
        with executor.one_blas_thread:
            pass
        assert blas_threads() == ones
    assert blas_threads() == before


def test_a_blas_that_came_later_is_held_as_well():
    """SciPy's, where it is loaded after the first run."""
    script = (
        "import numpy as np, nnviz as nv\n"
        "from threadpoolctl import threadpool_info\n"
        "model = nv.Sequential([nv.Dense(3)], (4,))\n"
        "model.predict(np.ones((1, 4)))\n"
        "import scipy.linalg\n"
        "from nnviz.engine.executor import one_blas_thread\n"
        "held = lambda: [b['num_threads'] for b in threadpool_info() if b['user_api'] == 'blas']\n"
        "before = held()\n"
        "with one_blas_thread:\n"
        "    assert set(held()) == {1}, held()\n"
        "assert held() == before, held()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=100)


def blas_threads():
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]


@pytest.mark.parametrize("count", [1, 2])
def test_rows_are_not_gathered_first_while_anything_of_ours_runs(count):
    before = np.getbufsize()
    with threads(count):
        assert each([np.getbufsize] * 5) == [executor.BUFFERED] * 5
        with pytest.raises(ZeroDivisionError):
            each([lambda: 1 / 0] * 3)
    assert np.getbufsize() == before
