"""Of several users who share a wallet database, one daemon works with it at a time."""

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager

import pytest
from support.wallet_files import be_the_wallet, make, profile_of, schema

from config.profile import SetProfile
from daemon.wallet.guest import Guest
from daemon.wallet.holder import Holder, _started, this_process
from daemon.wallet.trouble import WalletTaken

COINS = profile_of(SetProfile(name="coins", table="coins", key=("id",)))
OWN = this_process()
assert OWN is not None
STRANGER = OWN._replace(uid=OWN.uid + 1)


@pytest.fixture
def path(tmp_path):
    make(tmp_path / "wallet.db", "CREATE TABLE coins (id TEXT PRIMARY KEY, value); INSERT INTO coins VALUES ('A', 1);")
    return tmp_path / "wallet.db"


@pytest.fixture
def guest_of():
    made = []

    def of(path, holder, profile=COINS):
        made.append(Guest(path, profile, (), use_triggers=True, lock_wait=0.2, holder=holder))
        return made[-1]

    yield of
    for guest in made:
        guest.close()


@contextmanager
def running():
    """Run a process that stands for the daemon of another user during the body."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = _started(process.pid)
        assert started is not None
        try:
            yield Holder(STRANGER.boot, process.pid, started, STRANGER.uid)
        finally:
            process.kill()


def set_up(guest):
    if not guest.refresh():
        guest.install()
    return guest.refresh()


def test_while_the_daemon_of_another_user_runs_the_database_is_left_alone(path, guest_of):
    with running() as other:
        set_up(guest_of(path, other))
        before = schema(path), be_the_wallet(path, "SELECT * FROM walletsync_holder")
        wider = profile_of(SetProfile(name="more", table="coins", key=("id",)))  # for which there are no triggers yet
        for guest in (guest_of(path, OWN), guest_of(path, OWN, wider)):
            with pytest.raises(WalletTaken, match=rf"the daemon of the user \S+ \(process {other.pid}\) keeps"):
                guest.refresh()
            with pytest.raises(WalletTaken):
                guest.detach()
        assert (schema(path), be_the_wallet(path, "SELECT * FROM walletsync_holder")) == before
    assert guest.refresh() is False  # it is our turn, with the triggers of our profile
    guest.install()
    assert be_the_wallet(path, "SELECT pid, uid FROM walletsync_holder") == [(OWN.pid, OWN.uid)]


def test_a_daemon_that_has_nothing_to_write_holds_the_database_from_its_start(path, guest_of):
    set_up(guest_of(path, STRANGER._replace(started=1)))  # which has ended
    with running() as other:
        assert guest_of(path, other).refresh()
        with pytest.raises(WalletTaken):
            guest_of(path, OWN).refresh()


def test_whoever_could_not_say_at_its_start_that_it_has_the_database_says_so_when_it_writes(path, guest_of):
    guest = guest_of(path, OWN)
    set_up(guest_of(path, STRANGER._replace(started=1)))
    with running() as other:
        first = guest_of(path, other)
        first.refresh()
        be_the_wallet(path, "DELETE FROM walletsync_holder")
        guest.refresh()
        with pytest.raises(WalletTaken), first_again(first).writing():
            pytest.fail("it writes into the database of another")


def first_again(guest):
    """Have a guest forget that it holds the database, as one that never came to say so."""
    guest._holder, guest._holds = STRANGER, False
    return guest


@pytest.mark.parametrize(
    "other",
    [
        OWN._replace(pid=1),
        STRANGER._replace(started=1),
        STRANGER._replace(boot="another"),
        STRANGER._replace(pid=2**22 + 1),
    ],
    ids=["of the same user", "another of that number", "before the boot", "ended"],
)
def test_what_does_not_run_or_is_our_own_is_in_nobodys_way(path, guest_of, other):
    set_up(guest_of(path, other))
    guest = guest_of(path, OWN)
    assert guest.refresh()
    with guest.writing():
        pass


def test_a_copy_is_held_by_nobody(path, guest_of, tmp_path):
    with running() as other:
        held = guest_of(path, other)
        set_up(held)
        held.tidy_up()
        shutil.copy(path, tmp_path / "copy.db")
        assert guest_of(tmp_path / "copy.db", OWN).refresh()


def test_a_wallet_that_is_locked_just_now_is_not_waited_for_to_say_whose_it_is(path, guest_of):
    set_up(guest_of(path, STRANGER._replace(started=1)))
    guest = guest_of(path, OWN)
    locked = guest_of(path, None)
    locked.refresh()
    with locked.writing():
        assert guest.refresh()
    assert guest.refresh()
    assert be_the_wallet(path, "SELECT pid FROM walletsync_holder") == [(os.getpid(),)]
