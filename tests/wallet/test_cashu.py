"""The profile `cashu`, on databases that the wallet's own migrations made."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.devices import Device, Shelf, in_step
from support.wallet_files import be_the_wallet, make, schema

from config.profile import load_profile

ROOT = Path(__file__).parents[2]
SCHEMA = (ROOT / "tests" / "data" / "cashu-schema.sql").read_text()
MINT = "http://127.0.0.1:3338"
NUTSHELL = os.environ.get("WALLETSYNC_NUTSHELL", "")
with_nutshell = pytest.mark.skipif(
    not NUTSHELL,
    reason="WALLETSYNC_NUTSHELL names no environment with Nutshell: `make nutshell` makes one, and runs this",
)


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def wallets(tmp_path, shelf):
    made = []
    for name in ("phone", "desktop"):
        folder = tmp_path / name
        folder.mkdir()
        make(folder / "wallet.db", SCHEMA + f"INSERT INTO seed VALUES ('seed of {name}', 'words of {name}');")
        made.append(Device(name, folder, profile=load_profile("cashu")))
        made[-1].enroll(shelf)
    yield made
    for device in made:
        device.stop()


def keyset(device, counter, mint=MINT):
    device.sql(
        "INSERT INTO keysets (id, mint_url, valid_from, valid_to, first_seen, active, public_keys, unit, input_fee_ppk)"
        " VALUES ('00ab', ?, 1, 1, 1, TRUE, '{}', 'sat', 0)",
        mint,
    )
    derive(device, counter)


def derive(device, count):
    device.sql("UPDATE keysets SET counter = counter + ? WHERE id = '00ab'", count)


def receive(device, secret, amount):
    device.sql(
        "INSERT INTO proofs (id, amount, C, secret, time_created, derivation_path, dleq)"
        " VALUES ('00ab', ?, 'C', ?, 1, 'p', '')",
        amount,
        secret,
    )


def spend(device, secret, at=5):
    """Do what the wallet does: two transactions, one after the other."""
    ((amount,),) = device.sql("SELECT amount FROM proofs WHERE secret = ?", secret)
    device.sql("DELETE FROM proofs WHERE secret = ?", secret)
    statement = "INSERT INTO proofs_used (amount, C, secret, time_used, id) VALUES (?, 'C', ?, ?, '00ab')"
    device.sql(statement, amount, secret, at)


def proofs(device):
    return dict(device.sql("SELECT secret, amount FROM proofs WHERE NOT coalesce(reserved, FALSE)"))


def used(device):
    return {secret for (secret,) in device.sql("SELECT secret FROM proofs_used")}


def counters(*devices):
    return [device.sql("SELECT sum(counter) FROM keysets")[0][0] for device in devices]


def test_what_one_wallet_receives_the_other_has_and_what_one_spends_neither_has(wallets, shelf):
    phone, desktop = wallets
    keyset(phone, 3)
    for number, secret in enumerate("abc"):
        receive(phone, secret, 2**number)
    in_step(shelf, phone, desktop)
    assert proofs(desktop) == {"a": 1, "b": 2, "c": 4}
    spend(desktop, "b")
    receive(desktop, "d", 2)
    in_step(shelf, desktop, phone)
    assert proofs(phone) == proofs(desktop) == {"a": 1, "c": 4, "d": 2}
    assert used(phone) == used(desktop) == {"b"}


def test_each_wallet_keeps_its_own_counter_seed_and_mints(wallets, shelf):
    phone, desktop = wallets
    keyset(phone, 40)
    phone.sql("INSERT INTO mints (url, info, password) VALUES (?, '{}', 'secret')", MINT)
    in_step(shelf, phone, desktop)
    assert counters(phone, desktop) == [40, 0]
    derive(desktop, 7)
    derive(phone, 1)
    phone.sql("UPDATE keysets SET active = FALSE, input_fee_ppk = 100")
    in_step(shelf, phone, desktop)
    assert counters(phone, desktop) == [41, 7]
    assert desktop.sql("SELECT active, input_fee_ppk FROM keysets") == [(0, 100)]
    assert desktop.sql("SELECT seed FROM seed") == [("seed of desktop",)]
    assert desktop.sql("SELECT * FROM mints") == []
    desktop.restart()
    in_step(shelf, desktop, phone)
    assert counters(phone, desktop) == [41, 7]


def test_a_counter_that_moves_says_nothing_to_anyone(wallets, shelf):
    phone, desktop = wallets
    keyset(phone, 1)
    in_step(shelf, phone, desktop)
    uploads = shelf.uploads
    derive(phone, 20)
    in_step(shelf, phone, desktop)
    assert shelf.uploads == uploads


def test_wallets_that_knew_the_keyset_before_they_joined_keep_their_counters(wallets, shelf):
    phone, desktop = wallets
    keyset(phone, 12)
    keyset(desktop, 5)
    in_step(shelf, phone, desktop)
    assert counters(phone, desktop) == [12, 5]


def test_a_proof_that_is_being_sent_is_picked_by_no_other_wallet(wallets, shelf):
    phone, desktop = wallets
    receive(phone, "a", 1)
    in_step(shelf, phone, desktop)
    phone.sql("UPDATE proofs SET reserved = TRUE, send_id = 's', time_reserved = 9")
    in_step(shelf, phone, desktop)
    assert proofs(desktop) == {}
    phone.sql("UPDATE proofs SET reserved = FALSE, send_id = NULL")
    in_step(shelf, phone, desktop)
    assert proofs(desktop) == {"a": 1}


def test_a_spent_proof_stays_spent_though_the_other_wallet_unaware_sets_it_aside(wallets, shelf):
    phone, desktop = wallets
    receive(phone, "a", 1)
    in_step(shelf, phone, desktop)
    spend(phone, "a")
    desktop.sql("UPDATE proofs SET reserved = TRUE")
    desktop.sync(shelf)
    in_step(shelf, phone, desktop)
    for device in (phone, desktop):
        assert device.sql("SELECT * FROM proofs") == []
        assert used(device) == {"a"}


def test_a_proof_that_both_wallets_find_spent_is_used_once(wallets, shelf):
    phone, desktop = wallets
    receive(phone, "a", 1)
    in_step(shelf, phone, desktop)
    spend(phone, "a", at=5)
    spend(desktop, "a", at=6)
    in_step(shelf, phone, desktop)
    assert phone.sql("SELECT * FROM proofs_used") == desktop.sql("SELECT * FROM proofs_used")
    assert used(phone) == {"a"}


def test_an_invoice_of_one_wallet_can_be_minted_by_the_other(wallets, shelf):
    phone, desktop = wallets
    phone.sql(
        "INSERT INTO bolt11_mint_quotes (quote, mint, method, request, checking_id, unit, amount, state, privkey)"
        " VALUES ('q', ?, 'bolt11', 'ln', 'id', 'sat', 50, 'UNPAID', 'key')",
        MINT,
    )
    in_step(shelf, phone, desktop)
    assert desktop.sql("SELECT quote, state, privkey FROM bolt11_mint_quotes") == [("q", "UNPAID", "key")]
    desktop.sql("UPDATE bolt11_mint_quotes SET state = 'ISSUED', paid_time = 9")
    in_step(shelf, desktop, phone)
    assert phone.sql("SELECT state, paid_time FROM bolt11_mint_quotes") == [("ISSUED", 9)]


def test_a_migration_that_adds_a_column_is_no_news_and_overrules_nobody(wallets, shelf):
    phone, desktop = wallets
    for secret in "abc":
        receive(phone, secret, 1)
    in_step(shelf, phone, desktop)
    phone.sync(shelf)
    uploads = shelf.uploads
    desktop.sql("UPDATE proofs SET send_id = 'real news' WHERE secret = 'a'")
    phone.sql("ALTER TABLE proofs ADD COLUMN note TEXT")
    phone.sql("ALTER TABLE proofs ADD COLUMN weight INTEGER DEFAULT 5")
    phone.sql("ALTER TABLE proofs ADD COLUMN fee REAL DEFAULT 0")  # the rows have 0.0
    phone.sql("ALTER TABLE proofs ADD COLUMN size TEXT DEFAULT 0")
    phone.sql("ALTER TABLE proofs ADD COLUMN number INTEGER DEFAULT '7'")
    phone.restart()  # so that all rows are compared
    phone.sync(shelf)
    assert shelf.uploads == uploads
    phone.sql("UPDATE proofs SET note = 'mine' WHERE secret = 'b'")
    in_step(shelf, desktop, phone)
    assert phone.sql("SELECT send_id, note, weight FROM proofs ORDER BY secret") == [
        ("real news", None, 5),
        (None, "mine", 5),
        (None, None, 5),
    ]
    desktop.sql("UPDATE proofs SET send_id = 'more' WHERE secret = 'b'")  # a wallet that has no such column carries it
    in_step(shelf, desktop, phone)
    assert phone.sql("SELECT send_id, note FROM proofs WHERE secret = 'b'") == [("more", "mine")]


def test_detached_the_database_is_as_the_wallet_made_it(wallets, tmp_path):
    make(tmp_path / "fresh.db", SCHEMA)
    phone, _ = wallets
    receive(phone, "a", 1)
    phone.keeper.store.guest.refresh()
    phone.keeper.store.guest.install()
    phone.keeper.store.guest.detach()
    assert schema(phone.wallet_path) == schema(tmp_path / "fresh.db")


@with_nutshell
def test_the_schema_beside_these_tests_is_what_the_wallet_makes_today(tmp_path):
    script = (
        "import asyncio, sys; from cashu.wallet.wallet import Wallet;"
        f"asyncio.run(Wallet.with_db('{MINT}', sys.argv[1], name='wallet', skip_db_read=True))"
    )
    python = Path(NUTSHELL) / "bin" / "python"
    subprocess.run([python, "-c", script, tmp_path], check=True, capture_output=True, env={"HOME": str(tmp_path)})
    make(tmp_path / "ours.db", SCHEMA)
    columns = (
        "SELECT own.name, part.name, part.type, part.pk, iif(part.type = 'TIMESTAMP', NULL, part.dflt_value)"
        " FROM sqlite_master AS own, pragma_table_xinfo(own.name) AS part ORDER BY 1, 2"
    )
    assert be_the_wallet(tmp_path / "wallet.sqlite3", columns) == be_the_wallet(tmp_path / "ours.db", columns)


@with_nutshell
def test_two_real_wallets_share_their_ecash():
    story = ROOT / "examples" / "cashu" / "two_wallets.py"
    told = subprocess.run(
        [sys.executable, story, "--environment", NUTSHELL], capture_output=True, text=True, timeout=280, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr
