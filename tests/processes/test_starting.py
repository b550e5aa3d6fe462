"""Whoever asks a daemon that starts gets a true answer, or waits for one."""

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

import pytest
from support.processes import Device, Place, wait_until
from support.taler_rows import put_exchange

from ipc import BlockingClient, NotRunning
from ipc.place import check_listening

T = TypeVar("T")

PLAIN = ("-m", "daemon")
SLOW = (
    "-c",
    """
import time
from daemon import surroundings
from daemon.__main__ import main

threads = surroundings.threads

def slow_threads(*limit):
    run = threads(*limit)

    async def run_late(work, /):
        def work_late():
            time.sleep(0.1)
            return work()

        return await run(work_late)

    return run_late

surroundings.threads = slow_threads
main()
""",
)
"""A daemon on a machine where everything that blocks takes a tenth of a second longer."""


@pytest.fixture
def phone(place: Place) -> Device:
    """A device that is enrolled, has synced, and does not run. Its next start is slow."""
    device = place.device("phone")
    device.start()
    device.enroll(place.folder())
    put_exchange(device, "https://a.example/", "KUDOS")
    device.sync()
    device.stop()
    device.program = SLOW
    return device


def first_answer(device: Device, ask: Callable[[BlockingClient], T]) -> T:
    """Start the daemon, call it as soon as it listens, and return the answer."""
    device.spawn()
    wait_until(lambda: listens(device), "the daemon listens")
    with device.client() as client:
        return ask(client)


def listens(device: Device) -> bool:
    """Tell whether the daemon listens, be it ready or not."""
    try:
        check_listening(device.paths.control_socket)
    except NotRunning:
        return False
    return True


def test_the_first_status_names_the_servers_and_what_there_is(phone: Device) -> None:
    status = first_answer(phone, lambda client: client.status())
    (server,) = status.servers
    assert server.last_success is not None
    assert server.error is None
    assert status.wallet.in_circle
    assert status.sets["exchanges"].live == 1


def test_the_first_status_tells_what_was_amiss_before_the_start(phone: Device, place: Place) -> None:
    (place.path / "server").rename(place.path / "away")
    phone.program = PLAIN
    phone.start()
    phone.sync()
    with phone.client() as client:
        client.pause()
    wait_until(lambda: phone.server.state != "syncing", "no sync is under way")
    before = phone.server
    assert before.error is not None
    phone.stop()
    phone.wallet.rename(phone.folder / "elsewhere.db")
    phone.program = SLOW

    status = first_answer(phone, lambda client: client.status())
    (server,) = status.servers
    assert (server.state, server.error, server.next_try) == (before.state, before.error, None)
    assert status.pause is not None
    assert status.wallet.state == "absent"


def test_a_pause_is_ended_by_the_first_call_after_a_start(phone: Device) -> None:
    phone.program = PLAIN
    phone.start()
    with phone.client() as client:
        client.pause()
    phone.stop()
    phone.program = SLOW

    assert not first_answer(phone, lambda client: client.resume()).paused
    assert phone.status().pause is None
    assert phone.server.state != "paused"


def test_a_server_is_left_by_the_first_call_after_a_start(phone: Device) -> None:
    assert first_answer(phone, lambda client: client.leave("server")).url.endswith("/server/")
    assert phone.status().servers == []


def test_who_asks_while_the_databases_are_opened_waits_for_the_answer(phone: Device) -> None:
    phone.program = PLAIN
    with closing(sqlite3.connect(phone.paths.state_database)) as state, ThreadPoolExecutor() as threads:
        state.execute("BEGIN IMMEDIATE")  # for which a start waits
        phone.spawn()
        wait_until(lambda: listens(phone), "the daemon listens")
        asked = threads.submit(phone.cli, "status")
        assert phone.events("daemon.ready")[1:] == []
        state.rollback()
        shown = asked.result()
    assert shown.returncode == 0
    assert "/server/" in shown.stdout
