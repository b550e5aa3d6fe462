"""What is done at a server that was left, and what those who go on with it make of that."""

from support.devices import LIMITS, ROOT, Device, Shelf, in_step

from daemon.blob.keys import server_keys
from daemon.leaving import Departure, account_name, keys_of, left_account, rewrite

KEYS = server_keys(ROOT, Shelf().identity)


def three(folder, shelf):
    """Make three wallets with a coin each, in step."""
    devices = [Device(name, folder / name) for name in ("phone", "desktop", "tablet")]
    for device in devices:
        device.enroll(shelf)
        device.coin(device.name, "KUDOS:1")
    in_step(shelf, *devices)
    return devices


def depart(device, shelf, *, erase):
    """Leave a server, and do there what is left to be done; tell whether that was anything."""
    vault = device.keeper.store.vault
    left = left_account(shelf.url, shelf.identity, KEYS, vault, erase=erase)
    device.keeper.leave([left])
    assert device.keeper.store.servers.departures() == [left]
    assert account_name(keys_of(left, vault)) == left.account
    return rewritten(device, shelf, erase=erase)


def rewritten(device, shelf, *, erase):
    down, up = device.folder / "down", device.folder / "up"
    down.write_bytes(shelf.blob)
    departure = Departure(shelf.identity, device.keeper.store.identity.wallet_id, erase)
    anything = rewrite(down, up, KEYS, departure, LIMITS)
    if anything:
        shelf.blob = up.read_bytes()
    return anything


def waited_for(device, shelf):
    return set(device.keeper.store.servers.clocks(shelf.url))


def test_a_wallet_that_left_is_waited_for_no_longer(tmp_path):
    shelf = Shelf()
    phone, desktop, tablet = three(tmp_path, shelf)
    assert depart(tablet, shelf, erase=False)
    assert not rewritten(tablet, shelf, erase=False)
    phone.sql("DELETE FROM coins WHERE coin_pub = 'desktop'")
    in_step(shelf, phone, desktop)
    assert waited_for(phone, shelf) == {"PHONE", "DESKTOP"}
    assert phone.coins() == desktop.coins() == {"phone": "KUDOS:1", "tablet": "KUDOS:1"}
    assert phone.tombstones() == desktop.tombstones() == 0


def test_an_account_that_others_use_and_that_was_emptied_is_filled_again_and_waits_for_them_alone(tmp_path):
    shelf = Shelf()
    phone, desktop, tablet = three(tmp_path, shelf)
    coins = phone.coins()
    assert depart(tablet, shelf, erase=True)
    assert not rewritten(tablet, shelf, erase=True)
    assert phone.sync(shelf).merged.went_back
    assert waited_for(phone, shelf) == {"PHONE", "DESKTOP"}
    phone.sql("DELETE FROM coins WHERE coin_pub = 'tablet'")
    phone.sync(shelf)
    assert phone.tombstones() == 1  # the desktop has not seen it, and is waited for although it is yet to sync
    in_step(shelf, phone, desktop)
    assert waited_for(desktop, shelf) == {"PHONE", "DESKTOP"}
    assert len(coins) == 3
    assert phone.coins() == desktop.coins() == {"phone": "KUDOS:1", "desktop": "KUDOS:1"}
    assert phone.tombstones() == desktop.tombstones() == 0


def test_the_last_one_to_empty_an_account_leaves_no_name_there(tmp_path):
    shelf = Shelf()
    devices = three(tmp_path, shelf)
    for device in devices:
        assert depart(device, shelf, erase=True)
    newcomer = Device("newcomer", tmp_path / "newcomer")
    newcomer.enroll(shelf)
    newcomer.sync(shelf)
    assert waited_for(newcomer, shelf) == {"NEWCOMER"}
    assert newcomer.coins() == {}


def test_a_wallet_database_that_waits_to_be_healed_waits_for_no_server_that_is_left(tmp_path):
    shelf, dead = Shelf(), Shelf("file:///dead/", "dead")
    (phone, *_) = three(tmp_path, shelf)
    phone.enroll(dead)
    phone.sync(dead)
    phone.stop()
    for path in phone.folder.glob("wallet.db*"):
        path.unlink()
    phone.__post_init__()
    assert phone.sync(shelf).captured[0].waits
    vault, keys = phone.keeper.store.vault, server_keys(ROOT, dead.identity)
    phone.keeper.leave([left_account(dead.url, dead.identity, keys, vault, erase=False)])
    phone.sync(shelf)
    assert len(phone.coins()) == 3
