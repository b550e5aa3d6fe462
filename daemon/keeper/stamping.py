"""Stamps for local operations, and this wallet's own element in the set of the circle's wallets."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from daemon.sets.element import Stamp, next_time
from daemon.sets.operations import insert
from daemon.state.replica import Replica
from daemon.wallet.rows import InvalidValue, decode_key, encode_key
from daemon.wallet.tables import CIRCLE_SET

LONGEST_NICKNAME = 64
"""In characters: what settings and ``rename`` take, so that status can always be told."""

_JOINER = "\N{ZERO WIDTH JOINER}"  # holds one emoji together


class Identity(NamedTuple):
    """Who this wallet is: its id, the public key that secrets can be sealed to, its nickname, and its circle.

    ``circle`` is what a note calls the circle that it is in (daemon.rotation.note), empty if that is not known.
    """

    wallet_id: str
    sealing_key: str
    nickname: str
    circle: str = ""


class Member(msgspec.Struct, omit_defaults=True):
    """A wallet of the circle, as its element says: nickname, sealing key, all its writers so far, and its circle.

    After a roll-over the ``circle`` tells the others whether this wallet has arrived.
    """

    nickname: str
    sealing_key: str
    writers: list[str]
    circle: str = ""


class Stamper:
    """Makes stamps within one transaction of the state database.

    The writer is made with the first stamp of a run and announced in this wallet's own element, so that others can
    tell whose it is. Whoever commits the transaction keeps ``writer`` for the next one.

    The first stamp is ``gap`` later than it would have to be. Drawn at random, that keeps the copies of a running
    machine from coming to the same time by equally many operations: each would take the other's for its own.
    """

    def __init__(
        self, replica: Replica, writer: str | None, new_writer: Callable[[], str], gap: int, identity: Identity
    ) -> None:
        self.seen = replica.seen()
        self.writer = writer
        self._replica = replica
        self._new_writer = new_writer
        self._gap = gap
        self._identity = identity
        self._stamped = False

    def stamp(self) -> Stamp:
        """Make the stamp of the next operation."""
        if self.writer is None:
            self.writer = self._new_writer()
        time = next_time(self.seen) + (0 if self._stamped else self._gap)
        self._stamped = True
        self.seen[self.writer] = time
        return Stamp(time, self.writer)

    def finish(self) -> None:
        """Announce this wallet if what its element says is not so (any more), and note what was stamped."""
        if not is_announced(self._replica, self._identity, self.writer if self._stamped else None):
            key = encode_key([self._identity.wallet_id])
            element = self._replica.known(CIRCLE_SET, key).element
            member = read_member(element.value) if element and element.live else None
            stamp = self.stamp()
            writers = [*(member.writers if member else ()), stamp.writer]
            value = Member(
                self._identity.nickname,
                self._identity.sealing_key,
                list(dict.fromkeys(writers)),
                self._identity.circle,
            )
            self._replica.put(CIRCLE_SET, key, insert(element, stamp, msgspec.json.encode(value, order="sorted")))
        if self._stamped and self.writer is not None:
            self._replica.see({self.writer: self.seen[self.writer]})


def is_announced(replica: Replica, identity: Identity, writer: str | None = None) -> bool:
    """Tell whether this wallet's own element says who it is, and names this writer, if one is given."""
    element = replica.known(CIRCLE_SET, encode_key([identity.wallet_id])).element
    member = read_member(element.value) if element and element.live else None
    return (
        member is not None
        and (member.nickname, member.sealing_key) == (identity.nickname, identity.sealing_key)
        and member.circle == identity.circle
        and (writer is None or writer in member.writers)
    )


def members(replica: Replica) -> dict[str, Member]:
    """Return the circle's wallets by id, as far as they are known here.

    What a broken wallet put there and is none is left out. A nickname is shown in terminals, and by frontends that
    trust it: longer than one can be it is cut, and what moves a cursor or turns the direction of writing is replaced.
    """
    found = {}
    for entry in replica.entries_of(CIRCLE_SET):
        member = read_member(entry.element.value) if entry.element.live else None
        wallet_id = _wallet_of(entry.key)
        if member is not None and wallet_id is not None:
            found[wallet_id] = msgspec.structs.replace(member, nickname=_presentable(member.nickname))
    return found


def _presentable(nickname: str) -> str:
    return "".join(
        character if character.isprintable() or character == _JOINER else "\N{REPLACEMENT CHARACTER}"
        for character in nickname[:LONGEST_NICKNAME]
    )


def _wallet_of(key: str) -> str | None:
    """Return the id of the wallet that a key of the circle names, if it names one."""
    try:
        columns = decode_key(key)
    except InvalidValue:
        return None
    match columns:
        case [str(wallet_id)]:
            return wallet_id
        case _:
            return None


def is_member(replica: Replica, wallet_id: str) -> bool:
    """Tell whether a wallet is one of the circle's as far as is known here: it said so, and was not forgotten."""
    element = replica.known(CIRCLE_SET, encode_key([wallet_id])).element
    return element is not None and element.live


def read_member(value: bytes) -> Member | None:
    """Read a wallet's element, or return ``None`` if this version cannot."""
    try:
        return msgspec.json.decode(value, type=Member)
    except msgspec.DecodeError:
        return None
