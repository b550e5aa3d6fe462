"""What a folder server really holds for a circle, opened with the secrets of one of its devices."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from support.processes import Device

from daemon import keys
from daemon.blob.keys import ServerKeys, server_keys
from daemon.blob.limits import Limits
from daemon.blob.schema import Head, decode
from daemon.blob.seal import Context, open_sealed
from daemon.sets.element import Entry
from ipc import base32


@dataclass(frozen=True)
class OpenedBlob:
    """A blob's head, and all its entries."""

    head: Head
    entries: list[Entry]

    @property
    def tombstones(self) -> list[tuple[str, str]]:
        """The places of the tombstones."""
        return [entry.place for entry in self.entries if not entry.element.live]

    def keys_of(self, set_name: str) -> set[str]:
        """The keys of one set."""
        return {entry.key for entry in self.entries if entry.set_name == set_name}

    @property
    def text(self) -> str:
        """All keys and values, to look for what must not be there."""
        return "\n".join(f"{entry.key} {entry.element.value.decode()}" for entry in self.entries)


def folder_of(url: str) -> Path:
    """Return the folder that a URL names."""
    return Path(unquote(urlsplit(url).path))


def identity_of(url: str) -> str:
    """Return the identity of a folder server."""
    lines = (folder_of(url) / "walletsync.id").read_text().splitlines()
    return f"folder:{next(line for line in lines if not line.startswith('#'))}"


def secrets_of(device: Device) -> tuple[bytes, bytes]:
    """Return the circle's root secret and the wallet's seed, as they lie in a device's state folder."""
    secrets, created = keys.load_or_create(device.paths.secrets, bytes)
    assert not created
    assert secrets.root is not None
    return secrets.root.reveal(), secrets.wallet.reveal()


def keys_on(device: Device, url: str) -> ServerKeys:
    """Return the keys that a device uses with a folder server."""
    root, _ = secrets_of(device)
    return server_keys(root, identity_of(url))


def blob_path(device: Device, url: str) -> Path:
    """Return the file that holds the blob of a device's circle."""
    return folder_of(url) / f"{base32.encode(keys_on(device, url).account.public_key)}.blob"


def open_blob(device: Device, url: str) -> OpenedBlob:
    """Open the blob of a device's circle."""
    held = keys_on(device, url)
    context = Context(kind="state", account=held.account.public_key, server=identity_of(url))
    with blob_path(device, url).open("rb") as sealed:
        head, entries = decode(open_sealed(sealed, held.blob_key, context, Limits()), Limits())
        return OpenedBlob(head, list(entries))
