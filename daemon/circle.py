"""The circle as one wallet sees it: its root secret, the servers enrolled, and a running syncer for each.

How servers and wallets come and go is ``daemon.membership``, how the root secret is rolled over ``daemon.rotation``.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import trio

from daemon import keys, logs
from daemon.blob.keys import ServerKeys, server_keys
from daemon.errors import SecretsError
from daemon.keeper.keeper import Keeper
from daemon.leaving import Departures
from daemon.logs import belonging
from daemon.passphrase import new_key
from daemon.plan import Timing
from daemon.reporting import Reporter
from daemon.rotation.note import circle_of
from daemon.rotation.rolling import Rolling
from daemon.secret import Secret
from daemon.server.kinds import ServerKinds
from daemon.server.urls import ServerUrl, parse_server_url
from daemon.surroundings import Surroundings
from daemon.syncer import Syncer
from daemon.syncers import Syncers
from daemon.worker import Worker
from ipc.errors import Refusal


@dataclass
class Circle:
    """The servers that this wallet syncs with, each in a task of the nursery, and the secrets that it does so with."""

    secrets: keys.Secrets
    secrets_path: Path
    keeper: Keeper
    exclusively: Worker
    surroundings: Surroundings
    kinds: ServerKinds
    timing: Timing
    reporter: Reporter
    spool_folder: Path
    nursery: trio.Nursery

    def __post_init__(self) -> None:
        self._syncers = Syncers(
            nursery=self.nursery,
            kinds=self.kinds,
            keeper=self.keeper,
            exclusively=self.exclusively,
            surroundings=self.surroundings,
            reporter=self.reporter,
            spool_folder=self.spool_folder,
        )
        self.syncer_by_url = self._syncers.by_url
        self.departures = Departures(
            self.keeper,
            self.exclusively,
            self.surroundings,
            self.kinds,
            self.reporter,
            self.spool_folder,
            self.nursery,
        )
        self.turn = trio.Lock()  # held by whoever changes the circle
        self._syncers_change = trio.Lock()  # held while enrolled servers may have no syncer
        self.rolling = Rolling(self)
        self._say_circle()

    async def start_enrolled(self) -> None:
        """Start a syncer for every server enrolled before, and do what is left to be done elsewhere.

        Raises SecretsError.
        """
        await self.rolling.recover()
        records = self.reporter.overview.record_by_url.values()
        if records and self.secrets.root is None:
            raise SecretsError(
                f"the secrets {self.secrets_path} name no circle, while servers are enrolled: put back a later copy"
            )
        if not records and self.secrets.root is not None:
            logs.emit(belonging.CircleUnreachable())
        await self._start_missing()
        await self.departures.go_on()
        if self.secrets.root is not None:
            await self.rolling.aftercare.start()
        self._syncers.begin()

    @asynccontextmanager
    async def at_rest(self, *urls: str) -> AsyncIterator[None]:
        """Have no syncer of these servers, or of any, run during the body, which may change what they work with.

        After it every enrolled server has a syncer. Cancelled, they stay at rest: that happens when the daemon ends.
        """
        async with self._syncers_change:
            await self._syncers.stop(urls or list(self.syncer_by_url))
            try:
                yield
            finally:
                await self.reporter.refresh()
                await self._start_missing()
                self._syncers.begin()

    async def _start_missing(self) -> None:
        for url, record in self.reporter.overview.record_by_url.items():
            if url not in self.syncer_by_url:
                await self._start(parse_server_url(url), record.identity, dict(record.memory))

    def changed(self) -> None:
        """Tell all servers' plans that the wallet changed."""
        for syncer in self.syncer_by_url.values():
            syncer.changed()

    def _tell_others(self, url: str) -> None:
        """Tell the plans of all other servers that a sync with this one changed what there is to say."""
        for other, syncer in self.syncer_by_url.items():
            if other != url:
                syncer.changed()
        self.nursery.start_soon(self.rolling.aftercare.look_at_arrivals)

    async def find(self, part: str | None) -> list[Syncer]:
        """Return the syncer of the server that this part of a URL names, or all. Raises Refusal.

        Where one is being replaced by another one, wait for that.
        """
        urls = self.named(part)
        if any(url not in self.syncer_by_url for url in urls):
            async with self._syncers_change:
                urls = self.named(part)
        return [self.syncer_by_url[url] for url in urls if url in self.syncer_by_url]

    def named(self, part: str | None) -> list[str]:
        """Return the URL of the server that this part of it names, or those of all. Raises Refusal."""
        urls = list(self.reporter.overview.record_by_url)
        if not urls:
            raise Refusal("no server is enrolled: `walletsync enroll URL` takes one up")
        if part is None or part in urls:
            return urls if part is None else [part]
        found = [url for url in urls if part and part in url]
        if len(found) != 1:
            several = "several" if found else "none"
            raise Refusal(f"{part!r} names {several} of the enrolled servers: {', '.join(urls)}")
        return found

    async def seal_secrets(self, passphrase: str | None) -> None:
        """Seal the secrets where they lie with a passphrase, or keep them unsealed. Raises SecretsError."""
        key = None
        if passphrase is not None:
            key = await self.surroundings.worker(partial(new_key, passphrase, self.surroundings.ids))
        await self.keep(replace(self.secrets, key=key))
        logs.emit(belonging.SecretsSealed(path=self.secrets_path, sealed=key is not None))

    async def keep(self, secrets: keys.Secrets) -> None:
        """Work with these secrets, and write them down. Raises SecretsError, and then nothing was changed."""
        ids = self.surroundings.ids
        await self.surroundings.worker(partial(keys.save, self.secrets_path, secrets, ids))
        self._work_with(secrets)

    def _work_with(self, secrets: keys.Secrets) -> None:
        self.secrets = secrets
        self._say_circle()

    def _say_circle(self) -> None:
        """Have this wallet's own element say in which circle it is."""
        store, root = self.keeper.store, self.secrets.root
        store.identity = store.identity._replace(circle="" if root is None else circle_of(root))

    async def turn_to(self, root: Secret[bytes]) -> None:
        """Work with the root secret that this circle was rolled over to. Raises SecretsError: nothing was changed."""
        await self.keep(self.secrets.with_root(root))

    def turn_to_unwritten(self, root: Secret[bytes]) -> None:
        """Work with that root secret, although it could not be written down."""
        self._work_with(self.secrets.with_root(root))

    def keys_at(self, identity: str) -> ServerKeys:
        """Return the keys of this circle's account at the server of this identity."""
        assert self.secrets.root is not None
        return server_keys(self.secrets.root.reveal(), identity)

    async def _start(self, address: ServerUrl, identity: str, memory: dict[str, str]) -> None:
        keys_there = self.keys_at(identity)
        await self._syncers.start(
            address,
            identity,
            memory,
            keys=keys_there,
            timing=self.timing,
            objection=partial(self.rolling.found, address.url, identity, keys_there),
            on_news=partial(self._tell_others, address.url),
        )
