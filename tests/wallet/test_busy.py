"""A wallet that never rests is never held up by us, and nobody ever sees a merge half applied."""

import json
import random
import subprocess
import sys
import time
from contextlib import closing

import pytest
from support import wallet_busy
from support.devices import Device, Shelf, in_step
from support.wallet_files import make, profile_of

from config.profile import SetProfile

SECONDS = 3.0
PROFILE = profile_of(
    SetProfile(name="groups", table="groups", key=("id",), order=1),
    SetProfile(name="coins", table="coins", key=("id",), order=2),
)


def device(folder, journal_mode, *, triggers):
    folder.mkdir()
    make(folder / "wallet.db", wallet_busy.SCHEMA, journal_mode)
    return Device(folder.name, folder, profile=PROFILE, triggers=triggers)


def process(what, path):
    command = [sys.executable, wallet_busy.__file__, what, str(path), str(SECONDS)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def said_by(running):
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 0
    return json.loads(said)


def change_some_groups(wallet, chance):
    for _ in range(3):
        with wallet_busy.transaction(wallet):
            for _ in range(chance.randrange(1, 8)):
                wallet_busy.change_group(wallet, chance, "d")


@pytest.mark.parametrize(("journal_mode", "triggers"), [("WAL", True), ("DELETE", True), ("WAL", False)])
def test_a_wallet_that_writes_all_the_time_is_never_refused_and_never_sees_half_a_merge(
    tmp_path, journal_mode, triggers
):
    shelf, chance = Shelf(), random.Random(7)
    phone = device(tmp_path / "phone", journal_mode, triggers=triggers)
    desktop = device(tmp_path / "desktop", "WAL", triggers=True)
    for each in (phone, desktop):
        each.enroll(shelf)
    writer = process("write", phone.wallet_path)
    checkers = [process("check", each.wallet_path) for each in (phone, desktop)]
    applied, end = 0, time.monotonic() + SECONDS
    with closing(wallet_busy.open_wallet(str(desktop.wallet_path))) as wallet:
        while time.monotonic() < end:
            change_some_groups(wallet, chance)
            desktop.sync(shelf)
            taken = phone.sync(shelf)
            assert taken.trouble is None
            applied += sum(settled.written.total() for settled in taken.settled)
    written, *checked = [said_by(each) for each in (writer, *checkers)]
    in_step(shelf, phone, desktop)
    assert written["errors"] == []
    assert written["longest_wait"] < wallet_busy.OWN_TIMEOUT
    assert written["transactions"] > 100 * SECONDS / 2
    assert [(each["uneven"], each["orphans"], each["errors"]) for each in checked] == [(0, 0, [])] * 2
    assert min(each["checks"] for each in checked) > 20
    assert applied > 50
    everything = "SELECT * FROM coins JOIN groups ON groups.id = grp ORDER BY coins.id"
    assert phone.sql(everything) == desktop.sql(everything)
    for each in (phone, desktop):
        each.stop()
