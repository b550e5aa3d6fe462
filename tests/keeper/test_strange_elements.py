"""What a broken or newer wallet put into the circle ends no other wallet's daemon, and stays where it is."""

import msgspec
import pytest
from support.devices import in_step

from daemon.sets.operations import insert
from daemon.wallet.tables import CIRCLE_SET

MEMBER = msgspec.json.encode({"nickname": "odd", "sealing_key": "S", "writers": []})


def put(device, set_name, key, value):
    """Have this device put an element that no version of ours would, and have it stamped as if it were its own."""
    store = device.keeper.store
    with store.state.transaction():
        stamper = store.stamper()
        store.replica.put(set_name, key, insert(None, stamper.stamp(), value))
        stamper.finish()
    store.writer = stamper.writer


@pytest.mark.parametrize("key", ["[]", "odd", "7", "[7]", '["A","B"]', "[null]", '[{"$b":"QQ=="}]', '"A"'])
def test_an_element_of_the_circle_that_names_no_wallet_is_carried_and_shown_nowhere(key, two, shelf):
    phone, desktop = two
    in_step(shelf, phone, desktop)
    put(phone, CIRCLE_SET, key, MEMBER)
    in_step(shelf, phone, desktop)
    for device in (phone, desktop):
        assert sorted(wallet.wallet_id for wallet in device.keeper.overview().wallets) == ["DESKTOP", "PHONE"]
    desktop.restart()
    assert desktop.keeper.store.replica.known(CIRCLE_SET, key).element.value == MEMBER
    desktop.keeper.forget_wallet("PHONE")


def test_a_nickname_is_never_shown_longer_than_one_can_be(two, shelf):
    phone, desktop = two
    in_step(shelf, phone, desktop)
    put(phone, CIRCLE_SET, '["ODD"]', MEMBER.replace(b"odd", b"o" * 2_000_000))
    in_step(shelf, phone, desktop)
    (odd,) = [wallet.shown_as for wallet in desktop.keeper.overview().wallets if wallet.wallet_id == "ODD"]
    assert odd == "o" * 64


@pytest.mark.parametrize(
    ("nickname", "shown"),
    [
        ("a\x1b]0;b\x07c", "a\ufffd]0;b\ufffdc"),
        ("\u202egnp.exe", "\ufffdgnp.exe"),
        ("a\x9b31mb\nc", "a\ufffd31mb\ufffdc"),
        ("👩\u200d🚀 tél", "👩\u200d🚀 tél"),
    ],
)
def test_a_nickname_is_shown_without_what_a_terminal_would_obey(nickname, shown, two, shelf):
    phone, desktop = two
    in_step(shelf, phone, desktop)
    put(phone, CIRCLE_SET, '["ODD"]', msgspec.json.encode({"nickname": nickname, "sealing_key": "S", "writers": []}))
    in_step(shelf, phone, desktop)
    (odd,) = [wallet.shown_as for wallet in desktop.keeper.overview().wallets if wallet.wallet_id == "ODD"]
    assert odd == shown


@pytest.mark.parametrize("key", ["[]", "odd", "7", '["A","B"]', '"A"', '[{"$x":1}]'])
def test_a_key_that_is_none_of_its_set_is_carried_and_not_applied(key, two, shelf):
    phone, desktop = two
    in_step(shelf, phone, desktop)
    put(phone, "coins", key, b'{"coin_pub":"A","value":"KUDOS:1"}')
    in_step(shelf, phone, desktop)
    assert desktop.coins() == {}
    desktop.keeper.explain()
    desktop.restart()
    assert desktop.keeper.store.replica.known("coins", key).element is not None
