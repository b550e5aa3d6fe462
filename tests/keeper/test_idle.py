"""A sync that finds nothing new costs next to nothing, whatever the wallet's age."""

from support.devices import in_step


def statements_of_a_sync(device, shelf):
    """Return what a sync, and the look at the replica after it, ask of the state database."""
    asked = []
    connection = device.keeper.store.state.connection
    connection.set_trace_callback(asked.append)
    device.sync(shelf)
    device.keeper.overview()
    connection.set_trace_callback(None)
    return asked


def test_an_idle_sync_asks_as_little_of_an_old_wallet_as_of_a_new_one(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    young = statements_of_a_sync(phone, shelf)
    for number in range(20):
        desktop.restart()
        for each in range(5):
            desktop.coin(f"C{number} {each}", "KUDOS:1")
        in_step(shelf, desktop, phone)
    assert len(statements_of_a_sync(phone, shelf)) == len(young)


def test_an_idle_sync_begins_no_transaction(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    assert not [statement for statement in statements_of_a_sync(phone, shelf) if statement.startswith("BEGIN")]


def test_what_happens_after_an_idle_sync_is_found_by_the_next(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    phone.sync(shelf)
    phone.coin("B", "KUDOS:2")
    in_step(shelf, phone, desktop)
    assert desktop.coins() == {"A": "KUDOS:1", "B": "KUDOS:2"}


def test_a_wallet_that_is_renamed_says_so_though_nothing_else_happens(two, shelf):
    phone, desktop = two
    in_step(shelf, phone, desktop)
    phone.sync(shelf)
    phone.keeper.rename("telephone")
    in_step(shelf, phone, desktop)
    assert [wallet.shown_as for wallet in desktop.keeper.overview().wallets] == ["desktop", "telephone"]


def test_a_look_at_the_replica_is_never_an_old_one(two, shelf):
    phone, desktop = two
    phone.coin("A", "KUDOS:1")
    in_step(shelf, phone, desktop)
    assert phone.keeper.overview().sets["coins"].live == 1
    phone.clock.now += 7
    phone.sync(shelf)
    assert phone.keeper.overview().record_by_url[shelf.url].last_success == phone.clock.now
    desktop.coin("B", "KUDOS:2")
    desktop.sync(shelf)
    phone.fetch(shelf)
    phone.keeper.note_success(shelf.url)
    assert phone.keeper.overview().sets["coins"].live == 2
    phone.keeper.rename("telephone")
    assert [wallet.shown_as for wallet in phone.keeper.overview().wallets] == ["desktop", "telephone"]
