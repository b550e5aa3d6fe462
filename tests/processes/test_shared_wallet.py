"""Two homes on one wallet database would heal it in turn for ever: the second one is refused, and told by whom."""

import os
import subprocess
from pathlib import Path

import pytest
from support.processes import Device, Place, make_wallet, settle, wait_until
from support.taler_rows import exchanges, put_exchange

from daemon.errors import WalletShared
from ipc.cli.exits import ExitCode

A = "https://a.example/"


@pytest.fixture
def sharing(place: Place) -> tuple[Device, Device]:
    """Two homes, the second of which has the first one's wallet, by another path."""
    phone, other = place.device("phone"), place.device("other")
    other.wallet.unlink()
    other.wallet.symlink_to(phone.wallet)
    return phone, other


def test_a_second_home_on_the_same_wallet_is_refused_with_the_name_of_the_first(
    sharing: tuple[Device, Device],
) -> None:
    phone, other = sharing
    phone.start()
    other.spawn()
    assert other.ended() == WalletShared.exit_code == ExitCode.HOME_TAKEN
    (failed,) = other.events("daemon.failed")
    assert f"the daemon of {phone.folder} keeps {other.wallet} in step already" in str(failed["message"])
    doctor = other.cli("doctor")
    assert doctor.returncode == ExitCode.WALLET_UNFIT
    assert str(phone.folder) in "".join(doctor.stdout.split())
    phone.kill()
    other.start()
    assert other.status().wallet.state == "ok"


def test_a_wallet_of_another_home_that_comes_later_is_left_alone_until_that_home_lets_it_go(place: Place) -> None:
    phone, desktop = place.pair()
    put_exchange(phone, A, "KUDOS")
    settle(phone, desktop)
    other = place.device("other")
    other.wallet.unlink()
    other.start()
    other.enroll(place.folder("elsewhere"))
    other.wallet.hardlink_to(phone.wallet)
    wait_until(lambda: other.status().wallet.state == "locked", "the other home sees whose the wallet is")
    assert str(phone.folder) in str(other.status().wallet.reason)
    assert other.cli("sync", "--wait").returncode == ExitCode.WALLET_UNFIT
    detached = other.cli("detach", "--yes")
    assert detached.returncode == ExitCode.WALLET_UNFIT, detached
    assert phone.sql("SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'walletsync%'") != [(0,)]
    assert phone.events("wallet.healing") == []
    phone.stop()
    wait_until(lambda: other.status().wallet.state == "ok", "the other home has the wallet", seconds=40)
    settle(other)
    assert exchanges(other) == {A: "KUDOS"}


@pytest.mark.skipif(os.geteuid() != 0, reason="to run a process of another user takes root")
def test_a_wallet_that_the_daemon_of_another_user_works_with_is_left_alone_until_that_one_ends(place: Place) -> None:
    phone = place.device("phone")
    phone.start()
    phone.enroll(place.folder())
    settle(phone)
    phone.stop()
    put_exchange(phone, A, "KUDOS")
    with subprocess.Popen(["sleep", "300"], user=65534) as other:
        field = "UPDATE walletsync_holder SET pid = ?, uid = 65534, started = ?"
        phone.sql(field, other.pid, int(Path(f"/proc/{other.pid}/stat").read_text().split()[21]))
        phone.start()
        wait_until(lambda: phone.status().wallet.state == "locked", "the daemon sees whose the wallet is")
        assert f"(process {other.pid})" in str(phone.status().wallet.reason)
        assert phone.sql("SELECT uid FROM walletsync_holder") == [(65534,)]
        doctor = phone.cli("doctor")
        assert doctor.returncode == ExitCode.WALLET_UNFIT
        assert f"(process{other.pid})keeps" in "".join(doctor.stdout.split())
        other.kill()
    put_exchange(phone, A, "EUR")  # at which the daemon looks again
    wait_until(lambda: phone.status().wallet.state == "ok", "the daemon has the wallet")
    settle(phone)
    assert phone.sql("SELECT uid FROM walletsync_holder") == [(0,)]


def test_a_wallet_that_is_replaced_is_claimed_anew(place: Place) -> None:
    phone, other = place.device("phone"), place.device("other")
    phone.start()
    phone.wallet.rename(place.path / "before.db")
    make_wallet(phone.wallet)
    wait_until(lambda: phone.status().wallet.state == "ok", "the phone has its new wallet")
    phone.enroll(place.folder())
    settle(phone)
    other.wallet.unlink()
    other.wallet.symlink_to(place.path / "before.db")
    other.start()
    assert other.status().wallet.state == "ok"
    other.stop()
    other.wallet.unlink()
    other.wallet.symlink_to(phone.wallet)
    other.spawn()
    assert other.ended() == WalletShared.exit_code
