"""How roll-overs look to people: who is kept and who is left out, how far one is, and one that waits for a word."""

from collections.abc import Iterable, Iterator, Sequence

from rich.console import RenderableType

from ipc.cli.output import remark
from ipc.cli.session import Session
from ipc.cli.tables import table
from ipc.cli.telling import Telling
from ipc.cli.words import clean, listed
from ipc.state import MovedNote, NamedWallet, RotationStatus, Status


def who_view(kept: Iterable[NamedWallet], left_out: Iterable[NamedWallet]) -> RenderableType:
    """Render who is kept and who is left out."""
    rows = [(wallet.shown_as, "kept", _short(wallet)) for wallet in kept]
    rows += [(wallet.shown_as, "left out", _short(wallet)) for wallet in left_out]
    return table(("Wallet", "", "Id"), rows)


def note_attention(note: MovedNote, telling: Telling) -> str:
    """Say what a note means that was met, and what a person can do."""
    if not note.waits:
        return f"{listed(map(clean, note.servers))}, {telling.since(note.since)}: {clean(note.message)}."
    approve, reject = (f"`{telling.spelled(f'{verb} {note.id}')}`" for verb in ("approve", "reject"))
    return (
        f"{clean(note.signer.shown_as)} has rolled the circle over to new keys (code {clean(note.code)}), and this"
        f" wallet waits for you: {approve} follows, {reject} does not."
    )


def rotations_attention(status: Status, telling: Telling) -> Iterator[str]:
    """Say what a person should know or do about roll-overs."""
    for note in status.notes:
        yield note_attention(note, telling)
    for rotation in status.rotations:
        yield from _rotation_attention(rotation, telling)


def _rotation_attention(rotation: RotationStatus, telling: Telling) -> Iterator[str]:
    """Say who has yet to follow a roll-over, and which servers have yet to hear of it."""
    missing = [clean(wallet.shown_as) for wallet in rotation.kept if not wallet.arrived]
    signer = clean(rotation.signer.shown_as)
    if missing:
        yield (
            f"{signer} has rolled the circle over ({telling.since(rotation.since)}). Yet to follow: {listed(missing)};"
            f" approve it there, where the code {clean(rotation.code)} is shown."
        )
    for account in rotation.accounts:
        if account.payment is not None:
            amount = f" {clean(account.payment.amount)}" if account.payment.amount else ""
            yield (
                f"{clean(account.server)} wants to be paid{amount} for the account that was left, or the note of the"
                f" roll-over by {signer} cannot lie there: {clean(account.payment.uri)}"
            )
        elif not account.noted:
            why = f": {clean(account.error)}" if account.error else ""
            yield f"{clean(account.server)} has yet to be told of the roll-over by {signer}{why}."


def is_of_a_note(held_id: str) -> bool:
    """Tell whether this is the id of a roll-over, not of a mass delete."""
    return held_id[:1].upper() == "R"


def find_note(notes: Sequence[MovedNote], note_id: str) -> MovedNote | None:
    """Return the note that waits under this id, if one does."""
    return next((note for note in notes if note.waits and note.id == note_id.upper()), None)


def show_and_ask_of_note(session: Session, decision: str, note: MovedNote) -> None:
    """Show who made a roll-over, whom it keeps and leaves out, and ask."""
    if session.assume_yes:
        return
    signer = clean(note.signer.shown_as)
    remark(f"{signer} has rolled the circle over to new keys {session.telling().since(note.since)}.")
    if note.verdict == "stranger":
        remark(f"Mind: this wallet does not know {signer} as one of the circle.")
    for wallet in note.kept:
        remark(f"  kept      {clean(wallet.shown_as)}")
    for wallet in note.left_out:
        remark(f"  left out  {clean(wallet.shown_as)}")
    remark(f"Its code is {clean(note.code)}. Anyone with the old keys can leave such a note: approve it only if")
    remark(f"{signer} itself shows the same code (`walletsync status` there, or what `rotate` printed).")
    session.confirm(f"{decision.capitalize()} {note.id}?")


def decided_note(session: Session, words: str, notes: Sequence[MovedNote]) -> None:
    """Tell what was done, and what else waits."""
    session.answer({"api": 1, "notes": notes}, lambda: [words])


def _short(wallet: NamedWallet) -> str:
    return f"{clean(wallet.id[:8])}..."
