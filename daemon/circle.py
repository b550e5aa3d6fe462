"""The circle as one wallet sees it: its root secret, the servers enrolled, and a running syncer for each.

Enrolling the first server makes the circle; an invitation takes one over.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import trio

from daemon import keys, logs
from daemon.blob.keys import server_keys
from daemon.errors import SecretsError
from daemon.invitation import Invitation, InvitationUnusable, read_invitation, write_invitation
from daemon.keeper.keeper import Keeper
from daemon.leaving import Departures
from daemon.logs import running as happenings
from daemon.passphrase import new_key
from daemon.plan import Timing
from daemon.reporting import Reporter
from daemon.rotation.note import circle_of
from daemon.rotation.rolling import Rolling
from daemon.secret import Secret
from daemon.server.base import Description, Failure
from daemon.server.kinds import ServerKinds
from daemon.server.urls import ServerUrl, UrlError, parse_identity, parse_server_url
from daemon.state.servers import ServerRecord
from daemon.surroundings import Surroundings
from daemon.syncer import Syncer
from daemon.syncers import Syncers
from daemon.wallet.trouble import WalletTrouble
from daemon.worker import Worker
from ipc.errors import Refusal
from ipc.frame import WALLET_UNFIT
from ipc.messages import InvitedServer

LEFT_CIRCLE = "left_circle"
"""Where the state database keeps by what the circle last left is recognised."""


@dataclass
class Enrolled:
    """What enrolling did."""

    url: str
    identity: str
    circle_created: bool


@dataclass
class Circle:
    """The servers that this wallet syncs with. ``run`` has to run for anything to be synced."""

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
        self._departures = Departures(
            self.keeper, self.exclusively, self.surroundings, self.kinds, self.spool_folder, self.nursery
        )
        self.turn = trio.Lock()  # held by whoever changes the circle
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
            logs.emit(happenings.CircleUnreachable())
        for record in records:
            await self._start(parse_server_url(record.url), record.identity, record.memory)
        await self._departures.go_on()
        if self.secrets.root is not None:
            await self.rolling.aftercare.start()

    @asynccontextmanager
    async def at_rest(self) -> AsyncIterator[None]:
        """Have no syncer run during the body, which may change what they work with; they start anew after it.

        Cancelled, they stay at rest: that happens when the daemon ends.
        """
        await self._syncers.stop(list(self.syncer_by_url))
        try:
            yield
        finally:
            await self.reporter.refresh()
            for record in self.reporter.overview.record_by_url.values():
                await self._start(parse_server_url(record.url), record.identity, dict(record.memory))

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

    def find(self, part: str | None) -> list[Syncer]:
        """Return the syncers of the server that this part of a URL names, or all. Raises Refusal."""
        if not self.syncer_by_url:
            raise Refusal("no server is enrolled: `walletsync enroll URL` takes one up")
        if part is None:
            return list(self.syncer_by_url.values())
        if part in self.syncer_by_url:
            return [self.syncer_by_url[part]]
        found = [syncer for url, syncer in self.syncer_by_url.items() if part in url]
        if len(found) != 1:
            urls = ", ".join(self.syncer_by_url)
            raise Refusal(f"{part!r} names {'several' if found else 'none'} of the enrolled servers: {urls}")
        return found

    async def enroll(self, url: str, identity: str | None) -> Enrolled:
        """Take up a server, and make the circle if there is none. Raises Refusal, and then nothing was changed."""
        address = _parse(url)
        self._refuse_enrolled(address.url)
        identity = None if identity is None else self._identity_of(identity)
        description = await self._describe(address, identity)
        chosen = identity or description.identity
        record = self._record_of(chosen)
        if record is not None and identity is None:
            raise Refusal(
                f"that is the server already enrolled as {record.url}: if it is to be reached under this address from"
                f" now on, `walletsync enroll {address.url} --as {record.url}`"
            )
        if record is not None:
            await self._readdress(record, address, description.limit_bytes)
            return Enrolled(address.url, chosen, circle_created=False)
        created = self.secrets.root is None
        if created:
            await self._take_root(Secret(self.surroundings.ids(keys.SECRET_BYTES)))
            logs.emit(happenings.CircleCreated(server=address.url))
        await self._take_up(address, chosen, description.limit_bytes)
        return Enrolled(address.url, chosen, created)

    async def join(self, uri: str, passphrase: str | None) -> list[str]:
        """Take over the circle of an invitation; what the wallet holds is merged. Raises Refusal."""
        try:
            invitation = await self.surroundings.worker(partial(read_invitation, uri, passphrase))
        except InvitationUnusable as error:
            raise Refusal(str(error)) from error
        if self.secrets.root is not None and self.secrets.root != invitation.root:
            raise Refusal("this wallet belongs to another circle: it has to leave that one first, by `leave --circle`")
        addresses = [(_parse(server.url), server.id) for server in invitation.servers]
        if self.secrets.root is None:
            await self._take_root(invitation.root)
        for address, identity in addresses:
            if address.url not in self.syncer_by_url and self._record_of(identity) is None:
                await self._take_up(address, identity, None)
        logs.emit(happenings.CircleJoined(servers=len(addresses)))
        return [address.url for address, _ in addresses]

    async def leave(self, part: str, *, erase: bool) -> str:
        """Sync with a server no longer. Works offline. Raises Refusal."""
        (syncer,) = self.find(part)
        await self._leave([syncer.url], erase=erase)
        return syncer.url

    async def leave_all(self) -> list[str]:
        """Leave the circle: all its servers, and its root secret is forgotten. Works offline. Raises Refusal.

        Cancelled, the servers may have been left while the circle was not.
        """
        root = self.secrets.root
        if root is None:
            raise Refusal("this wallet is in no circle")
        self.secrets.check_changeable()
        urls = list(self.reporter.overview.record_by_url)
        await self._leave(urls, erase=False)
        await self.rolling.forget()
        await self.exclusively(partial(self.keeper.store.state.set_meta, LEFT_CIRCLE, circle_of(root)))
        await self._keep(self.secrets.with_root(None))
        logs.emit(happenings.CircleLeft(servers=len(urls)))
        self.reporter.tell("circle.left", {"servers": urls})
        return urls

    async def _leave(self, urls: Sequence[str], *, erase: bool) -> None:
        assert self.secrets.root is not None
        left = []
        for url in urls:
            identity = self.reporter.overview.record_by_url[url].identity
            keys_there = server_keys(self.secrets.root.reveal(), identity)
            left.append(self._departures.left(url, identity, keys_there, erase=erase))
            await self._syncers.stop([url])
        await self.exclusively(partial(self.keeper.leave, left))
        await self.reporter.refresh()
        for url in urls:
            logs.emit(happenings.ServerLeft(server=url))
            self.reporter.tell("server.left", {"server": url})
        self._departures.start(left)

    async def rename(self, nickname: str) -> None:
        """Give this wallet another nickname."""
        await self.exclusively(partial(self.keeper.rename, nickname))
        await self.reporter.refresh()
        self.changed()

    async def forget(self, name: str) -> None:
        """Forget a wallet that is gone, named as status shows it or by its id. Raises Refusal."""
        own_id = self.keeper.store.identity.wallet_id
        wallets = self.reporter.overview.wallets
        found = [wallet for wallet in wallets if name in (wallet.shown_as, wallet.wallet_id)]
        if not found:
            names = ", ".join(wallet.shown_as for wallet in wallets)
            raise Refusal(f"no wallet is called {name!r}; there are: {names}")
        if found[0].wallet_id == own_id:
            raise Refusal("this wallet cannot forget itself: leave the servers instead")
        await self.exclusively(partial(self.keeper.forget_wallet, found[0].wallet_id))
        await self.reporter.refresh()
        self.changed()

    async def invite(self, passphrase: str | None) -> tuple[str, list[str]]:
        """Return an invitation, and the servers that it names. Raises Refusal."""
        if self.secrets.root is None:
            raise Refusal("there is no circle to invite to yet: `walletsync enroll URL` makes one")
        records = self.reporter.overview.record_by_url.values()
        servers = [InvitedServer(id=record.identity, url=record.url) for record in records]
        if not servers:
            raise Refusal("no server is enrolled, so an invitation would lead nowhere: `walletsync enroll URL` first")
        invitation = Invitation(self.secrets.root, servers)
        ids = self.surroundings.ids
        uri = await self.surroundings.worker(partial(write_invitation, invitation, passphrase, ids))
        return uri, [server.url for server in servers]

    async def seal_secrets(self, passphrase: str | None) -> None:
        """Seal the secrets where they lie with a passphrase, or keep them unsealed. Raises SecretsError."""
        key = None
        if passphrase is not None:
            key = await self.surroundings.worker(partial(new_key, passphrase, self.surroundings.ids))
        await self._keep(replace(self.secrets, key=key))
        logs.emit(happenings.SecretsSealed(path=self.secrets_path, sealed=key is not None))

    def _refuse_enrolled(self, url: str) -> None:
        if url in self.syncer_by_url:
            raise Refusal(f"{url} is enrolled already")

    def _record_of(self, identity: str) -> ServerRecord | None:
        records = self.reporter.overview.record_by_url.values()
        return next((record for record in records if record.identity == identity), None)

    def _identity_of(self, text: str) -> str:
        """Return the identity that is meant: by the address of an enrolled server, or as it is. Raises Refusal."""
        for url, record in self.reporter.overview.record_by_url.items():
            if text in (url, url.rstrip("/")):
                return record.identity
        try:
            return parse_identity(text)
        except UrlError as error:
            raise Refusal(str(error)) from error

    async def _readdress(self, record: ServerRecord, address: ServerUrl, limit_bytes: int | None) -> None:
        """Reach an account that is enrolled under another address from now on."""
        await self._syncers.stop([record.url])
        await self.exclusively(partial(self.keeper.readdress, record.url, address.url, limit_bytes))
        logs.emit(happenings.ServerReaddressed(server=address.url, former=record.url))
        await self.reporter.refresh()
        await self._start(address, record.identity, {})
        self.reporter.tell("server.readdressed", {"server": address.url, "former": record.url})

    async def _describe(self, address: ServerUrl, identity: str | None) -> Description:
        async with self.kinds.opened(address, identity, {}) as server:
            description = await server.describe()
        if isinstance(description, Failure):
            raise Refusal(f"{address.url} cannot be enrolled: {description.message}")
        return description

    async def _take_root(self, root: Secret[bytes]) -> None:
        """Take part in the circle of this root secret. One that is not the circle last left begins with nothing.

        Raises SecretsError, Refusal, and then nothing was changed.
        """
        self.secrets.check_changeable()
        left = await self.exclusively(partial(self.keeper.store.state.meta, LEFT_CIRCLE))
        if left is not None and left != circle_of(root):
            try:
                await self.exclusively(self.keeper.begin_anew)
            except WalletTrouble as trouble:
                raise Refusal(trouble.reason, code=WALLET_UNFIT) from trouble
        await self._keep(self.secrets.with_root(root))

    async def _keep(self, secrets: keys.Secrets) -> None:
        ids = self.surroundings.ids
        await self.surroundings.worker(partial(keys.save, self.secrets_path, secrets, ids))
        self.secrets = secrets
        self._say_circle()

    def _say_circle(self) -> None:
        """Have this wallet's own element say in which circle it is."""
        store, root = self.keeper.store, self.secrets.root
        store.identity = store.identity._replace(circle="" if root is None else circle_of(root))

    async def turn_to(self, root: Secret[bytes]) -> None:
        """Work with the root secret that this circle was rolled over to. Raises SecretsError: nothing was changed."""
        await self._keep(self.secrets.with_root(root))

    def turn_to_unwritten(self, root: Secret[bytes]) -> None:
        """Work with that root secret, although it could not be written down."""
        self.secrets = self.secrets.with_root(root)
        self._say_circle()

    async def _take_up(self, address: ServerUrl, identity: str, limit_bytes: int | None) -> None:
        assert self.secrets.root is not None
        await self._departures.call_off(server_keys(self.secrets.root.reveal(), identity))
        enroll = partial(self.keeper.store.servers.enroll, address.url, identity, limit_bytes)
        await self.exclusively(enroll)
        logs.emit(happenings.ServerEnrolled(server=address.url))
        await self.reporter.refresh()
        await self._start(address, identity, {})
        self.reporter.tell("server.enrolled", {"server": address.url})

    async def _start(self, address: ServerUrl, identity: str, memory: dict[str, str]) -> None:
        assert self.secrets.root is not None
        keys_there = server_keys(self.secrets.root.reveal(), identity)
        await self._syncers.start(
            address,
            identity,
            memory,
            keys=keys_there,
            timing=self.timing,
            objection=partial(self.rolling.found, address.url, identity, keys_there),
            on_news=partial(self._tell_others, address.url),
        )


def _parse(url: str) -> ServerUrl:
    try:
        return parse_server_url(url)
    except UrlError as error:
        raise Refusal(str(error)) from error
