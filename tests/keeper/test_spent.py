"""What was spent does not come back, whatever is restored."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.devices import ROOT, Device, Shelf, in_step
from support.taler_rows import insert_denomination, put_coin
from support.wallet_files import make

from config.profile import load_profile, reference_schema
from daemon.blob.keys import server_keys

CASHU_SCHEMA = (Path(__file__).parents[1] / "data" / "cashu-schema.sql").read_text()
MANY = 30


def pair(tmp_path, shelf, profile, schema):
    for name in ("phone", "desktop"):
        (tmp_path / name).mkdir()
        make(tmp_path / name / "wallet.db", schema)
        device = Device(name, tmp_path / name, profile=load_profile(profile))
        device.enroll(shelf)
        yield device


@pytest.fixture
def cashu(tmp_path, shelf):
    devices = list(pair(tmp_path, shelf, "cashu", CASHU_SCHEMA))
    yield devices
    for device in devices:
        device.stop()


@pytest.fixture
def taler(tmp_path, shelf):
    devices = list(pair(tmp_path, shelf, "taler", reference_schema("taler") or ""))
    yield devices
    for device in devices:
        device.stop()


def receive(device, *secrets):
    for secret in secrets:
        device.sql("INSERT INTO proofs (id, amount, C, secret) VALUES ('00ab', 1, 'C', ?)", secret)


def delete(device, *secrets):
    for secret in secrets:
        device.sql("DELETE FROM proofs WHERE secret = ?", secret)


def note_as_used(device, *secrets):
    for secret in secrets:
        device.sql("INSERT INTO proofs_used (amount, C, secret, id) VALUES (1, 'C', ?, '00ab')", secret)


def proofs(device, table="proofs"):
    return {secret for (secret,) in device.sql(f"SELECT secret FROM {table}")}


def withdraw(device, *coins):
    with closing(sqlite3.connect(device.wallet_path)) as wallet, wallet:
        insert_denomination(wallet)
        for coin in coins:
            put_coin(wallet, coin, 0)


def spend(device, coin):
    device.sql("INSERT INTO coin_spends (coin_pub, allocation_id, amount) VALUES (?, 'P', 'KUDOS:1')", coin)
    device.sql("UPDATE coins SET status = 50 WHERE coin_pub = ?", coin)


def collect(device, coin):
    """Delete a coin with all that belongs to it, as the wallet's own collection does."""
    device.sql("DELETE FROM coin_spends WHERE coin_pub = ?", coin)
    device.sql("DELETE FROM coins WHERE coin_pub = ?", coin)


def spendable(device):
    unspent = "status = 10 AND coin_pub NOT IN (SELECT coin_pub FROM coin_spends)"
    return {coin for (coin,) in device.sql(f"SELECT coin_pub FROM coins WHERE {unspent}")}


def restore_since(device, at):
    """Have back everything that was deleted since a time; return the keys: what came back, and what was left out."""
    result = device.keeper.restore(device.keeper.store.history.first_since(at))
    return [{each.key for each in kept} for kept in result]


def keep(device: Device, shelf: Shelf) -> None:
    """Keep what lies on the shelf, as a sync does after it was stored or joined."""
    spool = device.folder / "kept spool"
    spool.write_bytes(shelf.blob)
    device.keeper.keep_blob(shelf.url, spool, server_keys(ROOT, shelf.identity))


def restore_state(device, *, changed=False):
    """Bring back the state that is kept; return what came back, and what was left out as spent."""
    revived = device.keeper.restore_blob(device.keeper.store.blobs.all()[-1], "s", changed=changed)
    return dict(revived.restored), dict(revived.changed), dict(revived.left_out["spent"])


@pytest.mark.parametrize("restorer", [0, 1])
def test_of_what_was_deleted_only_unspent_ecash_comes_back(cashu, shelf, restorer):
    receive(cashu[0], *"abc")
    in_step(shelf, *cashu)
    start = cashu[0].clock.now
    delete(cashu[0], "a", "b")
    note_as_used(cashu[0], "a")
    in_step(shelf, *cashu)
    assert restore_since(cashu[restorer], start) == [{'["b"]'}, {'["a"]'}, set()]
    in_step(shelf, *cashu, *cashu)
    for device in cashu:
        assert (proofs(device), proofs(device, "proofs_used")) == ({"b", "c"}, {"a"})


def test_ecash_stays_spent_where_the_note_of_it_was_deleted_too(cashu, shelf):
    phone, desktop = cashu
    receive(phone, *"abcd")
    in_step(shelf, phone, desktop)
    start = phone.clock.now
    delete(phone, "a", "b")
    note_as_used(phone, "a", "b")
    in_step(shelf, phone, desktop)
    phone.sql("DELETE FROM proofs_used WHERE secret = 'b'")
    in_step(shelf, phone, desktop)
    desktop.sql("DELETE FROM proofs_used")
    in_step(shelf, phone, desktop)
    (of_b,) = [each for each in phone.keeper.store.history.last(99) if (each.set_name, each.key) == ("proofs", '["b"]')]
    assert phone.keeper.restore([of_b]).spent == [of_b]
    restored, spent, _ = restore_since(phone, start)  # the notes come back, what they tell of does not
    assert (restored, spent) == ({'["a"]', '["b"]'}, {'["a"]', '["b"]'})
    in_step(shelf, phone, desktop)
    for device in cashu:
        assert (proofs(device), proofs(device, "proofs_used")) == ({"c", "d"}, {"a", "b"})


@pytest.mark.parametrize("changed", [False, True])
def test_a_whole_state_brings_no_spent_ecash_back(cashu, shelf, changed):
    phone, desktop = cashu
    receive(phone, *"abcd")
    in_step(shelf, phone, desktop)
    keep(phone, shelf)
    delete(desktop, "a", "b", "c")
    note_as_used(desktop, "a", "b")
    in_step(shelf, desktop, phone)
    desktop.sql("DELETE FROM proofs_used WHERE secret = 'b'")
    in_step(shelf, desktop, phone)
    assert restore_state(phone, changed=changed) == ({"proofs": 1}, {}, {"proofs": 2})
    assert proofs(phone) == {"c", "d"}


def test_a_wallet_of_another_kind_brings_back_nothing_of_which_it_cannot_know_that_it_was_spent(cashu, shelf, tmp_path):
    phone, _ = cashu
    other = Device("other", tmp_path / "other")
    other.enroll(shelf)
    other.coin("A", "1")
    receive(phone, "a", "b")
    in_step(shelf, phone, other)
    keep(other, shelf)
    start = phone.clock.now
    delete(phone, "a", "b")
    note_as_used(phone, "a")
    other.sql("DELETE FROM coins")
    in_step(shelf, phone, other)
    assert restore_since(other, start) == [{'["A"]'}, set(), {'["a"]', '["b"]'}]
    revived = other.keeper.restore_blob(other.keeper.store.blobs.all()[-1], "s", changed=False)
    assert dict(revived.left_out["unknown"]) == {"proofs": 2}
    in_step(shelf, other, phone)
    assert proofs(phone) == set()
    other.stop()


@pytest.mark.parametrize("decider", [0, 1])
def test_a_payment_caught_between_its_two_transactions_is_held_only_until_it_is_noted_as_used(cashu, shelf, decider):
    phone, desktop = cashu
    secrets = [f"s{number}" for number in range(MANY)]
    receive(phone, *secrets, "rest")
    in_step(shelf, phone, desktop)
    delete(phone, *secrets)
    if decider == 1:  # the phone is one on which the brake does not hold its own deletes
        phone.keeper.store.rules = type(phone.keeper.store.rules)(guard_count=10 * MANY)
    in_step(shelf, phone, desktop)
    held = cashu[decider].keeper.store.held
    assert [each.count_by_set for each in held.all()] == [{"proofs": MANY}]
    note_as_used(phone, *secrets)
    in_step(shelf, phone, desktop)
    for device in cashu:
        assert device.keeper.store.held.is_empty()
        assert (proofs(device), proofs(device, "proofs_used")) == ({"rest"}, set(secrets))


def test_rejecting_a_mass_delete_brings_back_only_what_was_not_spent_meanwhile(cashu, shelf):
    phone, desktop = cashu
    secrets = [f"s{number}" for number in range(MANY)]
    receive(phone, *secrets, "rest")
    in_step(shelf, phone, desktop)
    phone.keeper.store.rules = type(phone.keeper.store.rules)(guard_count=10 * MANY)
    delete(phone, *secrets)
    phone.sync(shelf)
    desktop.sync(shelf)
    (held,) = desktop.keeper.store.held.all()
    note_as_used(phone, "s0")
    phone.sync(shelf)
    record = desktop.keeper.store
    record.replica.put("proofs_used", '["s0"]', phone.element("proofs_used", "s0"))  # joined, and not captured since
    desktop.keeper.reject(held.number)
    in_step(shelf, desktop, phone)
    for device in cashu:
        assert proofs(device) == {*secrets, "rest"} - {"s0"}


@pytest.mark.parametrize("by", ["history", "state"])
def test_a_coin_comes_back_with_its_spend_or_not_at_all(taler, shelf, by):
    phone, desktop = taler
    withdraw(phone, "fresh", "spent", "both")
    in_step(shelf, phone, desktop)
    start = phone.clock.now
    keep(phone, shelf)
    phone.clock.now = desktop.clock.now = start + 60
    phone.sql("DELETE FROM coins WHERE coin_pub = 'fresh'")
    for coin in ("spent", "both"):
        spend(phone, coin)
        in_step(shelf, phone, desktop)
        collect(phone, coin)
    in_step(shelf, phone, desktop)
    if by == "history":
        history = desktop.keeper.store.history.last(99)
        chosen = [each for each in history if (each.set_name, each.key) != ("coin_spends", '["spent"]')]
        result = desktop.keeper.restore(chosen)
        assert {each.key for each in result.spent} == {'["spent"]'}
        in_step(shelf, desktop, phone)
        assert {coin for (coin,) in phone.sql("SELECT coin_pub FROM coins")} == {"fresh", "both"}
        assert desktop.keeper.store.replica.counts()["coins"].unapplied == 0
    else:
        assert restore_state(phone) == ({"coins": 1}, {}, {"coins": 2})
    in_step(shelf, phone, desktop)
    assert spendable(phone) == spendable(desktop) == {"fresh"}


def test_a_spent_coin_does_not_become_fresh_again_with_what_was_changed(taler, shelf):
    phone, desktop = taler
    withdraw(phone, "a", "b")
    in_step(shelf, phone, desktop)
    keep(phone, shelf)
    spend(desktop, "a")
    desktop.sql("UPDATE coins SET status = 11 WHERE coin_pub = 'b'")
    in_step(shelf, desktop, phone)
    assert restore_state(phone, changed=True) == ({}, {"coins": 1}, {})
    in_step(shelf, phone, desktop)
    assert dict(desktop.sql("SELECT coin_pub, status FROM coins")) == {"a": 50, "b": 10}
