"""Of all homes of a user, one works with a wallet database at a time."""

import subprocess
import sys
from pathlib import Path

import pytest

from daemon.wallet.claim import Claim, other_holder

FILE, ANOTHER = (1, 100), (1, 101)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "user" / "wallets"


@pytest.fixture
def claim_of(folder):
    made = {}

    def of(name):
        return made.setdefault(name, Claim(folder, Path("/homes") / name))

    yield of
    for claim in made.values():
        claim.release()


def test_the_second_home_is_told_whose_the_wallet_is_until_it_is_let_go(claim_of, folder):
    first, second = claim_of("first"), claim_of("second")
    assert first.hold(FILE) is None
    assert first.hold(FILE) is None
    assert second.hold(FILE) == "/homes/first"
    assert second.hold(ANOTHER) is None
    first.release()
    assert second.hold(FILE) is None
    assert first.hold(FILE) == "/homes/second"
    assert first.hold(ANOTHER) is None  # which the second one has let go by taking another
    assert folder.stat().st_mode & 0o077 == 0


def test_what_is_let_go_leaves_nothing_behind(claim_of, folder):
    claim_of("first").hold(FILE)
    claim_of("first").release()
    claim_of("first").release()
    assert list(folder.iterdir()) == []


def test_a_killed_holder_holds_nothing(claim_of, folder):
    script = (
        "import os, sys; from pathlib import Path; from daemon.wallet.claim import Claim;"
        "print(Claim(Path(sys.argv[1]), Path('/homes/killed')).hold((1, 100)), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "None\n"
        assert claim_of("first").hold(FILE) == "/homes/killed"
        killed.kill()
    assert [path.name for path in folder.iterdir()] == ["1-100"]
    assert claim_of("first").hold(FILE) is None
    assert claim_of("second").hold(FILE) == "/homes/first"


def test_a_look_at_who_has_it_changes_nothing(claim_of, folder):
    assert other_holder(folder, Path("/homes/second"), FILE) is None
    assert not folder.exists()
    claim_of("first").hold(FILE)
    assert other_holder(folder, Path("/homes/second"), FILE) == "/homes/first"
    assert other_holder(folder, Path("/homes/first"), FILE) is None
    claim_of("first").release()
    assert other_holder(folder, Path("/homes/second"), FILE) is None


def test_where_no_claim_can_be_kept_the_wallet_is_used_all_the_same():
    assert Claim(Path("/proc/no/such/folder"), Path("/homes/first")).hold(FILE) is None
