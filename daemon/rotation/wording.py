"""What a person is told of a note: one sentence for each verdict, and the names of wallets. Pure."""

from collections.abc import Mapping

from daemon.rotation.judging import Verdict
from daemon.rotation.note import Note


def name_of(note: Note, wallet_id: str, shown_by_id: Mapping[str, str]) -> str:
    """Return what to call a wallet: as it is known here, or else as the note does, which proves nothing."""
    shown = shown_by_id.get(wallet_id)
    if shown is not None:
        return shown
    told = note.nickname(wallet_id)
    return f"{told} (not known here)" if told is not None else f"{wallet_id[:8]}... (not known here)"


def sentence(verdict: Verdict, note: Note, number: int, shown_by_id: Mapping[str, str]) -> str:
    """Say in one sentence what the note means for this wallet, and what a person can do."""
    signer = name_of(note, note.statement.signer, shown_by_id)
    match verdict:
        case Verdict.FOLLOWABLE | Verdict.STRANGER:
            unknown = ", a wallet that this one does not know," if verdict is Verdict.STRANGER else ""
            return (
                f"{signer}{unknown} has rolled the circle over to new keys; it waits for you: if {signer} shows the"
                f" code {note.code} too, `walletsync approve R{number}` follows"
            )
        case Verdict.LEFT_OUT:
            return (
                f"{signer} has rolled the circle over to new keys and left this wallet out: nothing is synced with this"
                " server any more, and all that the wallet holds stays as it is"
            )
        case _:
            return f"the server holds a note that the account has moved, which is not followed: {_why(verdict, signer)}"


def _why(verdict: Verdict, signer: str) -> str:
    match verdict:
        case Verdict.UNSIGNED:
            return f"{signer} is named as its signer and has not signed it, so someone with the circle's keys forged it"
        case Verdict.KEEPS_NOBODY:
            return f"it keeps nobody, not even {signer}, who signed it"
        case Verdict.FOREIGN:
            return "it is of another circle"
        case Verdict.FOLLOWED | Verdict.OUTDATED:
            return f"it is an old one of {signer}, and something newer was followed already"
        case Verdict.SIGNER_LEFT_OUT:
            return f"{signer}, who signed it, was left out before"
        case Verdict.REJECTED:
            return f"you said no to it; it was signed by {signer}"
        case Verdict.LEFT_OUT_BY_STRANGER:
            return f"{signer}, who signed it, is not of the circle as far as this wallet knows, and leaves it out"
        case _:
            return f"{signer} signed it, but the new keys in it are not sealed to this wallet"
