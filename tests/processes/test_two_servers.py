"""A wallet that is enrolled with two servers passes on what it learns from either."""

import os

from support.opened_blobs import identity_of, open_blob, secrets_of
from support.processes import Device, Place, wait_until
from support.taler_rows import delete_exchange, exchanges, put_exchange

from daemon.invitation import Invitation, write_invitation
from daemon.secret import Secret
from ipc.messages import InvitedServer

A, B = "https://a.example/", "https://b.example/"
SECONDS = 10.0


def only_to(device: Device, url: str) -> str:
    """Return an invitation to the circle of a device that names one of its servers only."""
    root, _ = secrets_of(device)
    server = InvitedServer(id=identity_of(url), url=url)
    return write_invitation(Invitation(Secret(root), [server]), None, os.urandom)


def test_wallets_that_share_no_server_are_kept_in_step_by_one_that_shares_one_with_each(place: Place) -> None:
    phone, bridge, desktop = devices = [place.device(name) for name in ("phone", "bridge", "desktop")]
    for device in devices:
        device.spawn()
    for device in devices:
        device.wait_until_ready()
    phone.enroll(place.folder("one"))
    bridge.join(phone.invite())
    two = place.folder("two")
    bridge.enroll(two)
    desktop.join(only_to(bridge, two))

    put_exchange(phone, A, "KUDOS")
    put_exchange(desktop, B, "KUDOS")
    for device in devices:
        wait_until(lambda: set(exchanges(device)) == {A, B}, f"{device.name} has both", SECONDS)  # noqa: B023
    delete_exchange(desktop, A)
    for device in devices:
        wait_until(lambda: set(exchanges(device)) == {B}, f"{device.name} has one", SECONDS)  # noqa: B023

    for device in (bridge, phone, bridge, desktop, bridge, phone, desktop):
        device.sync()
    assert [device.tombstones() for device in devices] == [0, 0, 0]
    assert open_blob(desktop, two).tombstones == []
