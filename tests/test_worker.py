"""The workers that run blocking functions."""

import threading

import pytest
import trio

from daemon.worker import inline, threads


@pytest.mark.parametrize("make", [threads, lambda: inline])
async def test_a_worker_returns_what_the_function_returns_and_raises_what_it_raises(make):
    worker = make()
    assert await worker(lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        await worker(lambda: 1 // 0)


@pytest.mark.parametrize("make", [threads, lambda: inline])
async def test_a_cancelled_worker_does_not_start(make):
    worker, ran = make(), []
    with trio.CancelScope() as scope:
        scope.cancel()
        await worker(lambda: ran.append(1))
    assert scope.cancelled_caught
    assert not ran


async def test_threads_are_other_threads_and_inline_is_not():
    assert await threads()(threading.get_ident) != threading.get_ident()
    assert await inline(threading.get_ident) == threading.get_ident()


async def test_a_cancelled_thread_is_waited_for():
    started, finish, done = threading.Event(), threading.Event(), []

    def work() -> None:
        started.set()
        finish.wait(10)
        done.append(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(threads(), work)
        await trio.to_thread.run_sync(started.wait)
        nursery.cancel_scope.cancel()
        finish.set()
    assert done == [1]


async def test_no_more_threads_run_at_once_than_allowed():
    worker, lock, running, most = threads(2), threading.Lock(), [], []
    barrier = threading.Barrier(2)

    def work() -> None:
        with lock:
            running.append(1)
            most.append(len(running))
        barrier.wait(10)
        with lock:
            running.pop()

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(worker, work)
    assert max(most) == 2
