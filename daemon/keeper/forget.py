"""Forgetting a wallet that is gone: it no longer holds up the garbage collection.

Its row goes from every server's clocks with the next upload there; until that is done it is remembered per server.
Its own element in the set of the circle's wallets is deleted. A forgotten wallet that comes back simply joins again.
"""

from daemon.keeper.store import Store
from daemon.sets.operations import delete
from daemon.wallet.rows import encode_key
from daemon.wallet.tables import CIRCLE_SET


def forget_wallet(store: Store, wallet_id: str) -> None:
    """Forget a wallet of the circle, not this one."""
    assert wallet_id != store.identity.wallet_id
    key = encode_key([wallet_id])
    with store.state.transaction():
        for record in store.servers.all():
            store.servers.forget_wallet(record.url, wallet_id)
        element = store.replica.known(CIRCLE_SET, key).element
        stamper = store.stamper()
        if element is not None and element.live:
            store.replica.put(CIRCLE_SET, key, delete(element, stamper.stamp()))
        stamper.finish()
    store.writer = stamper.writer
