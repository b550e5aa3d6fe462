"""A broken wallet that counts impossibly far ahead, and another one whose user has it taken all the same."""

import sqlite3
from contextlib import closing

from support.processes import Place, settle, wait_until
from support.taler_rows import exchanges, put_exchange

from daemon.keeper.merge import FARTHEST_AHEAD

A = "https://a.example/"


def test_a_time_impossibly_far_ahead_waits_until_it_is_approved(place: Place) -> None:
    phone, desktop = place.pair()
    phone.stop()
    desktop.stop()
    with closing(sqlite3.connect(desktop.paths.state_database)) as state, state:
        state.execute("INSERT INTO seen VALUES ('0123456789abcdef', ?)", (FARTHEST_AHEAD * 2,))
    put_exchange(desktop, A, "KUDOS")
    desktop.start()
    desktop.sync()
    phone.start()
    while phone.sync()[0].outcome != "ok":  # each writer that counts on from there is asked about
        (far,) = phone.status().far_times
        assert far.server == phone.server.url
        wait_until(lambda: phone.server.state == "unreadable", "status says so")
        assert exchanges(phone) == {}
        assert f"approve {far.id}" in phone.cli("status").stdout
        assert "nothing to reject" in phone.cli("reject", far.id, "--yes").stderr
        assert phone.cli("approve", far.id, "--yes").returncode == 0
    wait_until(lambda: exchanges(phone) == {A: "KUDOS"}, "what the desktop stored is taken")
    assert phone.status().far_times == []
    assert phone.cli("approve", "T99", "--yes").returncode == 4
    settle(phone, desktop)
