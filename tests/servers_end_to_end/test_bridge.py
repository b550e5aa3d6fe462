"""One wallet on a folder, a Taler server and an object store bridges the wallets that are on one of these each."""

import hashlib
import os
import time
from pathlib import Path

from support.opened_blobs import folder_of, identity_of, secrets_of
from support.processes import Device, Place, wait_until
from support.servers_beside import Bucket, TalerBeside
from support.servers_daemon import CREDENTIALS
from support.taler_rows import delete_exchange, exchanges, put_exchange

from daemon.invitation import Invitation, write_invitation
from daemon.secret import Secret
from daemon.server.urls import parse_server_url
from ipc.messages import InvitedServer

SECONDS = 15.0
OFTEN = {"interval": "1 s", "active_interval": "1 s", "jitter": 0.0}


def only_to(device: Device, url: str) -> str:
    """Return an invitation to the circle of a device that names one of its servers only."""
    root, _ = secrets_of(device)
    server = InvitedServer(id=parse_server_url(url).identity or identity_of(url), url=url)
    return write_invitation(Invitation(Secret(root), [server]), None, os.urandom)


def blob_of(folder: Path) -> str:
    (blob,) = folder.glob("*.blob")
    return hashlib.sha512(blob.read_bytes()).hexdigest()


def test_everything_arrives_everywhere_and_then_all_is_quiet(
    place: Place, taler: TalerBeside, bucket: Bucket, monkeypatch, capsys
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    bridge, on_folder, on_taler, on_s3 = devices = [
        place.device(name, sync=OFTEN) for name in ("bridge", "folder", "taler", "s3")
    ]
    for device in devices:
        device.spawn()
    for device in devices:
        device.wait_until_ready()
    urls = [bridge.enroll(url) for url in (place.folder("shared"), taler.url, bucket.url)]
    for device, url in zip(devices[1:], urls, strict=True):
        device.join(only_to(bridge, url))

    began = time.monotonic()
    wanted = {f"https://{device.name}.example/" for device in devices}
    for device in devices:
        put_exchange(device, f"https://{device.name}.example/", "KUDOS")
    for device in devices:
        wait_until(lambda: set(exchanges(device)) == wanted, f"{device.name} has all four", SECONDS)  # noqa: B023
    arrived = time.monotonic() - began

    began = time.monotonic()
    delete_exchange(on_folder, "https://s3.example/")
    delete_exchange(on_s3, "https://taler.example/")
    delete_exchange(on_taler, "https://folder.example/")
    for device in devices:
        wait_until(lambda: set(exchanges(device)) == {"https://bridge.example/"}, f"{device.name} has one", SECONDS)  # noqa: B023
    deleted = time.monotonic() - began

    for device in (*devices, *devices, *devices, bridge):
        assert {each.outcome for each in device.sync()} == {"ok"}
    assert [device.tombstones() for device in devices] == [0, 0, 0, 0]

    def held() -> tuple[object, ...]:
        return blob_of(folder_of(urls[0])), taler.uploads(), bucket.uploads()

    before = held()
    taler.double.requests.clear()
    wait_until(lambda: len(taler.double.requests) >= 6, "the Taler server was asked six times more", SECONDS)
    assert held() == before
    with capsys.disabled():
        print(f"\nfour wallets over three kinds: inserts everywhere after {arrived:.1f} s, deletes {deleted:.1f} s")  # noqa: T201 - figures to watch
