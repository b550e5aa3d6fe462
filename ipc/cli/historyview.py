"""How deleted values look to people. In lists, keys are shortened: they are only there to be told apart."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from rich.console import RenderableType
from rich.text import Text

from ipc.cli.tables import facts, table
from ipc.cli.telling import Telling
from ipc.cli.words import clean, listed, size
from ipc.messages import HistoryEntry, HistoryShowResult, KeptBlob

_CAUSE_WORDS = {
    "local": "deleted here",
    "merge": "deleted elsewhere",
    "overruled": "deleted elsewhere, changed here",
}
_LONGEST_PART, _SHORTENED = 12, 8  # characters of a part of a key


def entries_view(entries: Sequence[HistoryEntry], telling: Telling) -> Iterator[RenderableType]:
    """Render a list of deleted values, in the order given."""
    if not entries:
        yield Text("Nothing deleted is kept: there is nothing to bring back.")
        return
    rows = [
        (str(entry.id), telling.moment(entry.at), _CAUSE_WORDS[entry.cause], entry.sync_id or "-", _place(entry))
        for entry in entries
    ]
    yield table(("ID", "When", "What happened", "Sync", "What"), rows, numbers=("ID",))


def entry_view(shown: HistoryShowResult, telling: Telling) -> Iterator[RenderableType]:
    """Render one deleted value, column by column."""
    entry = shown.entry
    yield facts(
        [
            ("Entry", str(entry.id)),
            ("When", telling.moment(entry.at)),
            ("What happened", _CAUSE_WORDS[entry.cause]),
            ("Sync", entry.sync_id or "-"),
            ("Set", entry.set),
            ("Key", entry.key),
        ]
    )
    yield ""
    value: dict[str, object] = msgspec.json.decode(shown.value, type=dict[str, object])
    yield facts([(clean(column), _worded(content)) for column, content in value.items()])


def blobs_view(blobs: Sequence[KeptBlob], telling: Telling) -> Iterator[RenderableType]:
    """Render of which days a whole state is kept, below what stands above it."""
    if blobs:
        yield ""
        rows = [(blob.day, telling.moment(blob.at), blob.server, size(blob.sealed_bytes)) for blob in blobs]
        yield table(("Whole state", "When", "Server", "Size"), rows, numbers=("Size",))


def counted(entries: Iterable[HistoryEntry]) -> str:
    """Say how many there are of each set: ``2 of coins and 1 of tips``."""
    return counts_in_words(Counter(entry.set for entry in entries))


def counts_in_words(count_by_set: Mapping[str, int]) -> str:
    """Say how many there are of each set: ``2 of coins and 1 of tips``."""
    return listed(f"{number:,} of {clean(name)}" for name, number in sorted(count_by_set.items()))


def short_key(key: str) -> str:
    """Write a key for people, its long parts shortened. One that a broken wallet made is written as it is."""
    try:
        parts = msgspec.json.decode(key, type=list[object])
    except msgspec.DecodeError:
        parts = [key]
    return " ".join(_shortened(_worded(part)) for part in parts)


def _place(entry: HistoryEntry) -> str:
    return f"{entry.set} {short_key(entry.key)}"


def _worded(content: object) -> str:
    return content if isinstance(content, str) else msgspec.json.encode(content).decode()


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_PART else f"{text[:_SHORTENED]}…"
