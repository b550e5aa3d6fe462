"""How the status of the daemon looks to people: the wallet, its servers, its circle, and what needs a person.

What needs attention stands last, where the eye is when a command has ended.
"""

from collections.abc import Iterable, Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from ipc.cli.rotationview import rotations_attention
from ipc.cli.tables import ATTENTION, BAD, GOOD, Cell, facts, table
from ipc.cli.telling import Telling
from ipc.cli.words import REASON_WORDS, clean, count, listed, parse_time, size, state_of
from ipc.state import CircleWallet, Held, ServerStatus, SetStatus, Status, WalletStatus

SILENT_DAYS_WORTH_SAYING = 30

_WALLET_WORDS = {
    "ok": "ok",
    "absent": "the file is not there",
    "locked": "another program holds it locked",
    "unfit": "not a database that this profile fits",
    "readonly": "cannot be written to",
}
_WALLET_ADVICE = {
    "absent": "Put it back, or name its new place as path under [wallet] in config.toml. Nothing counts as deleted.",
    "locked": "Let the other program finish; walletsync tries again by itself.",
    "unfit": "`{doctor}` says what differs. Nothing in it is touched, and your servers keep what they have.",
    "readonly": "Make the file and its folder writable for yourself; walletsync tries again by itself.",
}
_PAY = "Pay it with a wallet, and the sync goes on by itself."


def status_view(status: Status, telling: Telling) -> Iterator[RenderableType]:
    """Render the whole status, part by part."""
    yield wallet_view(status.wallet)
    yield ""
    yield servers_view(status.servers, telling)
    if status.wallets:
        yield ""
        yield wallets_view(status.wallets, telling)
    yield ""
    yield sets_view(status.sets)
    yield from warnings(attention(status, telling))


def warnings(sentences: Iterable[str]) -> Iterator[Text]:
    """Render what needs a person, one line each, below an empty line."""
    for number, sentence in enumerate(sentences):
        if number == 0:
            yield Text()
        yield Text(f"! {sentence}", style=ATTENTION)


def held_words(held: Held) -> str:
    """Say what is held, and where it was deleted."""
    what = listed(f"{number:,} of {clean(name)}" for name, number in held.sets.items())
    return f"A mass delete {'on another wallet' if held.direction == 'in' else 'here'} ({what})"


def wallet_view(wallet: WalletStatus) -> RenderableType:
    """Render what is known of this wallet."""
    state = _WALLET_WORDS[wallet.state]
    return facts(
        [
            ("Wallet", wallet.shown_as),
            ("Database", wallet.path),
            ("State", Text(state, style=GOOD if wallet.state == "ok" else BAD)),
            ("Profile", wallet.profile),
        ]
    )


def servers_view(servers: Sequence[ServerStatus], telling: Telling) -> RenderableType:
    """Render the enrolled servers, or say how to enroll one."""
    if not servers:
        enroll, join = _beginnings(telling)
        return Text(f"No server yet. {enroll} takes one up, {join} joins your other wallets.")
    rows = [
        (
            server.url,
            _state_cell(server),
            telling.moment(server.last_success),
            _next_try(server, telling),
            _size(server),
        )
        for server in servers
    ]
    return table(("Server", "State", "Last success", "Next try", "Size"), rows, numbers=("Size",))


def wallets_view(wallets: Sequence[CircleWallet], telling: Telling) -> RenderableType:
    """Render the wallets of the circle."""
    if not wallets:
        enroll, join = _beginnings(telling)
        return Text(f"No circle yet. {enroll} makes one, {join} takes part in one.")
    rows = [
        (
            f"{wallet.shown_as} (this one)" if wallet.me else wallet.shown_as,
            telling.moment(max(wallet.last_seen.values(), key=parse_time, default=None)),
            f"{wallet.holds_up:,}",
        )
        for wallet in wallets
    ]
    return table(("Wallet", "Last heard of", "Deletes it has yet to see"), rows, numbers=("Deletes it has yet to see",))


def sets_view(sets: dict[str, SetStatus]) -> RenderableType:
    """Render how much each set holds. Sets that hold nothing are left out."""
    rows = [
        (name, f"{held.live:,}", f"{held.tombstones:,}", f"{held.unapplied:,}")
        for name, held in sets.items()
        if held.live or held.tombstones or held.unapplied
    ]
    if not rows:
        return Text("The wallet holds nothing yet.")
    columns = ("Set", "Entities", "Deleted", "Not written yet")
    return table(columns, rows, numbers=columns[1:])


def attention(status: Status, telling: Telling) -> Iterator[str]:
    """Say, one sentence each, what a person should know or do."""
    yield from wallet_attention(status.wallet, telling)
    if status.pause is not None:
        end = f" and goes on {telling.moment(status.pause.until)}" if status.pause.until else ""
        yield f"Syncing rests{end}: `{telling.spelled('resume')}` has it go on now."
    if status.wallet.in_circle and not status.servers:
        enroll = telling.spelled("enroll URL")
        yield (
            "This wallet is in a circle, but knows none of its servers (any more), and is backed up nowhere."
            f" `{enroll}` with the address of one takes up all that lies there; `walletsync servers` on another of your"
            " wallets, or a recovery sheet, names them."
        )
    if status.wallet.copy_seen is not None:
        at = telling.moment(status.wallet.copy_seen)
        yield (
            f"Another device is this very wallet, with its keys: a copy of it was at work {at}. On one of the two, stop"
            " walletsync, move its state folder away, start it, and join anew."
        )
    for server in status.servers:
        yield from server_attention(server, telling)
    for held in status.held:
        yield held_attention(held, telling)
    yield from rotations_attention(status, telling)
    for far in status.far_times:
        approve = telling.spelled(f"approve {far.id}")
        yield (
            f"{clean(far.server)}, {telling.since(far.since)}: some wallet of yours is broken and counts impossibly far"
            f" ahead, so nothing is taken from there. Find it, and keep it from syncing. If its state is to be"
            f" taken all the same: `{approve}`, on each of your wallets."
        )
    waiting = sum(sum(held.sets.values()) for held in status.held if held.direction == "in")
    unapplied = sum(held.unapplied for held in status.sets.values()) - waiting
    if unapplied > 0:
        yield f"{count(unapplied, 'change')} not written to the wallet database yet; tried again with each sync."
    for wallet in status.wallets:
        if not wallet.me and wallet.silent_days >= SILENT_DAYS_WORTH_SAYING:
            yield f"{clean(wallet.shown_as)} was not heard of for {wallet.silent_days} days."


def wallet_attention(wallet: WalletStatus, telling: Telling) -> Iterator[str]:
    """Say why the wallet database cannot be used now, if it cannot."""
    if wallet.state != "ok":
        reason = wallet.reason or _WALLET_WORDS[wallet.state]
        advice = _WALLET_ADVICE[wallet.state].format(doctor=telling.spelled("doctor"))
        yield f"The wallet database cannot be used now: {_sentence(clean(reason))} {advice}"


def server_attention(server: ServerStatus, telling: Telling) -> Iterator[str]:
    """Say, one sentence each, what a person should know or do about a server."""
    if server.payment is not None:
        amount = f" {clean(server.payment.amount)}" if server.payment.amount else ""
        yield f"{clean(server.url)} wants to be paid{amount}: {clean(server.payment.uri)} {_PAY}"
    elif server.error is not None:
        yield f"{clean(server.url)}, {telling.since(server.error.since)}: {clean(server.error.message)}"


def held_attention(held: Held, telling: Telling) -> str:
    """Say what is held, and what each choice does."""
    approve, reject = (f"`{telling.spelled(f'{verb} {held.id}')}`" for verb in ("approve", "reject"))
    if held.direction == "in":
        choice = f"{approve} deletes them here too, {reject} keeps them, on all your wallets."
    else:
        choice = f"{approve} deletes them on all your wallets, {reject} puts them back."
    return f"{held_words(held)} is held {telling.since(held.since)}, and waits for you: {choice}"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _beginnings(telling: Telling) -> tuple[str, str]:
    return f"`{telling.spelled('enroll URL')}`", f"`{telling.spelled('join')}`"


def _state_cell(server: ServerStatus) -> Cell:
    good = server.state in {"idle", "syncing"}
    return Text(state_of(server), style=GOOD if good else ATTENTION)


def _next_try(server: ServerStatus, telling: Telling) -> str:
    if server.next_try is None:
        return "-"
    if server.next_reason in {None, "schedule"}:
        return telling.moment(server.next_try)
    return f"{telling.moment(server.next_try)}, {REASON_WORDS[server.next_reason]}"


def _size(server: ServerStatus) -> str:
    return size(server.sealed_bytes) if server.sealed_bytes else "-"
