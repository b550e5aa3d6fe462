"""Membership: servers and wallets come to a circle and go, and this wallet joins and leaves it.

Enrolling the first server makes the circle; an invitation takes one over. Whoever changes the circle holds its
``turn``.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from daemon import keys, logs
from daemon.blob.keys import server_keys
from daemon.circle import Circle
from daemon.invitation import Invitation, InvitationUnusable, read_invitation, write_invitation
from daemon.keeper.rolling import former_circles, note_former
from daemon.logs import belonging
from daemon.rotation.note import circle_of
from daemon.rotation.steps import Phase
from daemon.secret import Secret
from daemon.server.base import Description, Failure
from daemon.server.urls import ServerUrl, UrlError, parse_identity, parse_server_url
from daemon.state.servers import LeftAccount, ServerRecord
from daemon.wallet.trouble import WalletTrouble
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


class Membership:
    """Changes a circle."""

    def __init__(self, circle: Circle) -> None:
        self._circle = circle
        self._keeper = circle.keeper
        self._reporter = circle.reporter
        self._exclusively = circle.exclusively
        self._surroundings = circle.surroundings

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
        created = self._circle.secrets.root is None
        if created:
            await self._take_root(Secret(self._surroundings.ids(keys.SECRET_BYTES)), [])
            logs.emit(belonging.CircleCreated(server=address.url))
        await self._take_up(address, chosen, description.limit_bytes)
        return Enrolled(address.url, chosen, created)

    async def join(self, uri: str, passphrase: str | None) -> list[str]:
        """Take over the circle of an invitation; what the wallet holds is merged. Raises Refusal."""
        try:
            invitation = await self._surroundings.worker(partial(read_invitation, uri, passphrase))
        except InvitationUnusable as error:
            raise Refusal(str(error)) from error
        addresses = [(_parse(server.url), server.id) for server in invitation.servers]
        is_in_it = self._circle.secrets.root == invitation.root
        await self._accept(invitation)
        for address, identity in addresses:
            if address.url not in self._reporter.overview.record_by_url and self._record_of(identity) is None:
                await self._take_up(address, identity, None)
        if not is_in_it:
            logs.emit(belonging.CircleJoined(servers=len(addresses)))
        return [address.url for address, _ in addresses]

    async def _accept(self, invitation: Invitation) -> None:
        """Take part in the circle of an invitation. Raises SecretsError, Refusal, and then nothing was changed."""
        root = self._circle.secrets.root
        if root == invitation.root:
            return
        if root is None:
            await self._take_root(invitation.root, invitation.former)
        elif circle_of(root) in invitation.former:
            await self._circle.rolling.take_over(invitation.root, invitation.former)
        elif circle_of(invitation.root) in await self._former_circles():
            raise Refusal("that invitation was made before the circle was rolled over to new keys: make a new one")
        else:
            raise Refusal("this wallet belongs to another circle: it has to leave that one first, by `leave --circle`")

    async def _former_circles(self) -> list[str]:
        return await self._exclusively(partial(former_circles, self._keeper.store))

    async def leave(self, part: str, *, erase: bool) -> str:
        """Sync with a server no longer. Works offline. Raises Refusal."""
        (url,) = self._circle.named(part)
        await self._leave([url], [], erase=erase)
        return url

    async def leave_all(self) -> list[str]:
        """Leave the circle: all its servers, and its root secret is forgotten. Works offline. Raises Refusal.

        Cancelled, the servers may have been left while the circle was not.
        """
        root = self._circle.secrets.root
        if root is None:
            raise Refusal("this wallet is in no circle")
        self._circle.secrets.check_changeable()
        self._circle.rolling.refuse_leaving()
        urls = list(self._reporter.overview.record_by_url)
        await self._leave(urls, await self._untold(), erase=False)
        await self._circle.rolling.forget()
        await self._exclusively(partial(self._keeper.store.state.set_meta, LEFT_CIRCLE, circle_of(root)))
        await self._circle.keep(self._circle.secrets.with_root(None))
        logs.emit(belonging.CircleLeft(servers=len(urls)))
        self._reporter.tell("circle.left", {"servers": urls})
        return urls

    async def _untold(self) -> list[LeftAccount]:
        """Return the accounts that were left by a roll-over and hold no note yet: there this wallet's row still is."""
        accounts = await self._exclusively(self._keeper.store.rotations.accounts)
        opened = [(each, self._keeper.store.vault.open(each.root)) for each in accounts if each.phase is Phase.OPEN]
        return [
            self._circle.departures.left(each.url, each.identity, server_keys(root, each.identity), erase=False)
            for each, root in opened
        ]

    async def _leave(self, urls: Sequence[str], untold: Iterable[LeftAccount], *, erase: bool) -> None:
        left = [*untold]
        for url in urls:
            identity = self._reporter.overview.record_by_url[url].identity
            left.append(self._circle.departures.left(url, identity, self._circle.keys_at(identity), erase=erase))
        async with self._circle.at_rest(*urls):
            await self._exclusively(partial(self._keeper.leave, left))
        for url in urls:
            logs.emit(belonging.ServerLeft(server=url))
            self._reporter.tell("server.left", {"server": url})
        self._circle.departures.start(left)

    async def rename(self, nickname: str) -> None:
        """Give this wallet another nickname."""
        await self._exclusively(partial(self._keeper.rename, nickname))
        logs.emit(belonging.WalletRenamed(nickname=nickname))
        await self._reporter.refresh()
        self._circle.changed()

    async def forget(self, name: str) -> None:
        """Forget a wallet that is gone, named as status shows it or by its id. Raises Refusal."""
        own_id = self._keeper.store.identity.wallet_id
        wallets = self._reporter.overview.wallets
        found = [wallet for wallet in wallets if name in (wallet.shown_as, wallet.wallet_id)]
        if not found:
            names = ", ".join(wallet.shown_as for wallet in wallets)
            raise Refusal(f"no wallet is called {name!r}; there are: {names}")
        if found[0].wallet_id == own_id:
            raise Refusal("this wallet cannot forget itself: leave the servers instead")
        await self._exclusively(partial(self._keeper.forget_wallet, found[0].wallet_id))
        logs.emit(belonging.WalletForgotten(wallet=found[0].wallet_id))
        await self._reporter.refresh()
        self._circle.changed()
        await self._circle.rolling.aftercare.look_at_arrivals()

    async def invite(self, passphrase: str | None) -> tuple[str, list[str]]:
        """Return an invitation, and the servers that it names. Raises Refusal."""
        if self._circle.secrets.root is None:
            raise Refusal("there is no circle to invite to yet: `walletsync enroll URL` makes one")
        records = self._reporter.overview.record_by_url.values()
        servers = [InvitedServer(id=record.identity, url=record.url) for record in records]
        if not servers:
            raise Refusal("no server is enrolled, so an invitation would lead nowhere: `walletsync enroll URL` first")
        self._circle.rolling.refuse_inviting()
        former = await self._former_circles()
        invitation = Invitation(self._circle.secrets.root, servers, former)
        ids = self._surroundings.ids
        uri = await self._surroundings.worker(partial(write_invitation, invitation, passphrase, ids))
        return uri, [server.url for server in servers]

    def _refuse_enrolled(self, url: str) -> None:
        if url in self._reporter.overview.record_by_url:
            raise Refusal(f"{url} is enrolled already")

    def _record_of(self, identity: str) -> ServerRecord | None:
        records = self._reporter.overview.record_by_url.values()
        return next((record for record in records if record.identity == identity), None)

    def _identity_of(self, text: str) -> str:
        """Return the identity that is meant: by the address of an enrolled server, or as it is. Raises Refusal."""
        for url, record in self._reporter.overview.record_by_url.items():
            if text in (url, url.rstrip("/")):
                return record.identity
        try:
            return parse_identity(text)
        except UrlError as error:
            raise Refusal(str(error)) from error

    async def _readdress(self, record: ServerRecord, address: ServerUrl, limit_bytes: int | None) -> None:
        """Reach an account that is enrolled under another address from now on."""
        async with self._circle.at_rest(record.url):
            await self._exclusively(partial(self._keeper.readdress, record.url, address.url, limit_bytes))
            logs.emit(belonging.ServerReaddressed(server=address.url, former=record.url))
        await self._circle.rolling.aftercare.readdressed(record.identity)
        self._reporter.tell("server.readdressed", {"server": address.url, "former": record.url})

    async def _describe(self, address: ServerUrl, identity: str | None) -> Description:
        async with self._circle.kinds.opened(address, identity, {}) as server:
            description = await server.describe()
        if isinstance(description, Failure):
            raise Refusal(f"{address.url} cannot be enrolled: {description.message}")
        return description

    async def _take_root(self, root: Secret[bytes], former: Collection[str]) -> None:
        """Take part in the circle of this root secret, which was rolled over from those that are called so.

        In one that is neither the circle last left nor what became of it, this wallet begins with nothing.

        Raises SecretsError, Refusal, and then nothing was changed.
        """
        self._circle.secrets.check_changeable()
        left = await self._exclusively(partial(self._keeper.store.state.meta, LEFT_CIRCLE))
        if left is not None and left not in (circle_of(root), *former):
            try:
                await self._exclusively(self._keeper.begin_anew)
            except WalletTrouble as trouble:
                raise Refusal(trouble.reason, code=WALLET_UNFIT) from trouble
        await self._exclusively(partial(note_former, self._keeper.store, former))
        await self._circle.keep(self._circle.secrets.with_root(root))

    async def _take_up(self, address: ServerUrl, identity: str, limit_bytes: int | None) -> None:
        await self._circle.departures.call_off(self._circle.keys_at(identity))
        async with self._circle.at_rest(address.url):
            await self._exclusively(partial(self._keeper.enroll, address.url, identity, limit_bytes))
            logs.emit(belonging.ServerEnrolled(server=address.url))
        await self._circle.rolling.aftercare.readdressed(identity)
        self._reporter.tell("server.enrolled", {"server": address.url})


def _parse(url: str) -> ServerUrl:
    try:
        return parse_server_url(url)
    except UrlError as error:
        raise Refusal(str(error)) from error
