"""What status tells of roll-overs: notes that servers hold, and how far those are that this wallet turned to. Pure."""

from collections.abc import Callable, Iterable

from daemon.keeper.overview import Overview
from daemon.keeper.rolling import Progress
from daemon.rotation.note import Note
from daemon.rotation.wording import name_of, sentence
from daemon.server.base import Failure
from daemon.state.rotations import MetNote, OldAccount
from daemon.times import rfc3339
from ipc.state import ArrivingWallet, LeftAccount, MovedNote, NamedWallet, PaymentDue, RotationStatus

FailureAt = Callable[[OldAccount], Failure | None]
"""Tells what holds an account up that was left, if something does."""


def notes(view: Overview) -> list[MovedNote]:
    """Return the notes that were met, oldest first."""
    return [_met(met, shown_names(view)) for met in view.met if met.servers]


def rotations(own_id: str, view: Overview, failure_at: FailureAt) -> list[RotationStatus]:
    """Return the roll-overs for which something is left to be done, oldest first."""
    return [_rotation(own_id, each, shown_names(view), failure_at) for each in view.progress]


def shown_names(view: Overview) -> dict[str, str]:
    """Return what the circle's wallets are called here, by id."""
    return {wallet.wallet_id: wallet.shown_as for wallet in view.wallets}


def named(note: Note, wallet_ids: Iterable[str], shown_by_id: dict[str, str]) -> list[NamedWallet]:
    """Return wallets that a note names, in the order of their ids."""
    return [NamedWallet(id=each, shown_as=name_of(note, each, shown_by_id)) for each in sorted(wallet_ids)]


def _met(met: MetNote, shown_by_id: dict[str, str]) -> MovedNote:
    note = met.note
    (signer,) = named(note, [note.statement.signer], shown_by_id)
    return MovedNote(
        id=f"R{met.number}",
        verdict=met.verdict.value,
        waits=met.verdict.waits_for_a_person,
        message=sentence(met.verdict, note, met.number, shown_by_id),
        code=note.code,
        signer=signer,
        kept=named(note, note.statement.kept, shown_by_id),
        left_out=named(note, note.statement.left_out, shown_by_id),
        servers=list(met.servers),
        since=rfc3339(met.since),
    )


def _rotation(own_id: str, each: Progress, shown_by_id: dict[str, str], failure_at: FailureAt) -> RotationStatus:
    note = each.note
    (signer,) = named(note, [note.statement.signer], shown_by_id)
    missing = set(each.missing)
    return RotationStatus(
        code=note.code,
        signer=signer,
        kept=[
            ArrivingWallet(
                id=wallet.id, shown_as=wallet.shown_as, me=wallet.id == own_id, arrived=wallet.id not in missing
            )
            for wallet in named(note, note.statement.kept, shown_by_id)
        ],
        left_out=named(note, note.statement.left_out, shown_by_id),
        accounts=[_account(account, failure_at(account)) for account in each.accounts],
        since=rfc3339(each.at),
    )


def _account(account: OldAccount, failure: Failure | None) -> LeftAccount:
    payment = failure.payment if failure is not None else None
    return LeftAccount(
        server=account.url,
        noted=account.phase == "noted",
        error=failure.message if failure else None,
        payment=PaymentDue(uri=payment.uri, amount=payment.amount) if payment else None,
    )
