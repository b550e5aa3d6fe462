"""The table of happenings: names, fields, levels, and the page made from it."""

import dataclasses
import re
import typing
from pathlib import Path

import pytest
from mypy import api as mypy

from daemon.logs import document
from daemon.logs.happening import Happening, Level, field_names, happening_by_event
from daemon.logs.keeping import WalletAbsent, WalletRowRefused
from daemon.logs.output import FRAME
from daemon.logs.syncing import ServerChangedState, SyncEnded, SyncFailed

REPOSITORY = Path(__file__).parents[2]
PLAIN_TYPES = {str, int, float, bool, type(None), Path}

KINDS = pytest.mark.parametrize("kind", happening_by_event.values(), ids=lambda kind: kind.event)

EVENTS_OF_THE_DESIGN = """
    daemon.started daemon.ready daemon.stopping daemon.failed config.unusable home.taken secrets.created
    circle.created circle.joined server.enrolled sync.started sync.fetched sync.joined sync.stored sync.conflict
    sync.ended sync.failed server.went_back server.state wallet.absent wallet.unfit wallet.ok wallet.applied
    wallet.row_refused wallet.healing capture.captured capture.triggers_installed capture.log_disagreed
    clone.suspected time.poisoned element.invalid_kept ipc.refused ipc.fault tombstones.collected writer.started
    stamp.collision
"""


def sync_ended(**changes: int | bool) -> SyncEnded:
    idle = SyncEnded(
        sync_id="s1",
        server="file:///x/",
        reason="schedule",
        captured=0,
        taken=0,
        removed=0,
        stored=False,
        first=False,
        seconds=0.1,
    )
    return dataclasses.replace(idle, **changes)  # type: ignore[arg-type]


def plain_types(annotation: object) -> set[object]:
    """Take a field's type apart into the types of what it can hold."""
    if typing.get_origin(annotation) is typing.Literal:
        return {type(choice) for choice in typing.get_args(annotation)}
    parts = [part for part in typing.get_args(annotation) if part is not Ellipsis]
    return set().union(*map(plain_types, parts)) if parts else {annotation}


def test_every_event_that_was_agreed_on_is_declared() -> None:
    assert set(EVENTS_OF_THE_DESIGN.split()) <= set(happening_by_event)


@KINDS
def test_an_event_has_a_name_of_two_words_and_says_in_one_sentence_what_happened(kind: type[Happening]) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", kind.event)
    assert re.fullmatch(r"[A-Z][^.|]+\.", document.sentence_of(kind))


@KINDS
def test_fields_are_plain_and_do_not_hide_members_of_every_line(kind: type[Happening]) -> None:
    hints = typing.get_type_hints(kind)
    for name in field_names(kind):
        assert plain_types(hints[name]) <= PLAIN_TYPES
        assert name not in FRAME


@KINDS
def test_a_happening_that_may_be_routine_says_when(kind: type[Happening]) -> None:
    assert (kind.is_routine is not Happening.is_routine) == bool(kind.routine_when)


def test_every_field_has_a_meaning_and_every_meaning_a_field() -> None:
    used = {name for kind in happening_by_event.values() for name in field_names(kind)}
    assert used == set(document.MEANING_BY_FIELD)


def test_the_page_is_what_the_table_says() -> None:
    assert (REPOSITORY / "docs" / "logs.md").read_text() == document.render(), (
        "run: python -m daemon.logs.document > docs/logs.md"
    )


def test_the_page_names_every_event() -> None:
    page = document.render()
    assert [event for event in happening_by_event if f"| `{event}` |" not in page] == []


def test_an_event_cannot_be_declared_twice() -> None:
    with pytest.raises(TypeError, match=r"wallet\.absent is declared twice"):

        class Again(Happening, event="wallet.absent"):
            """The wallet is absent, again."""


def test_an_undeclared_or_forgotten_field_is_refused() -> None:
    with pytest.raises(TypeError, match="colour"):
        WalletAbsent(path=Path("/x"), colour="blue")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="path"):
        WalletAbsent()  # type: ignore[call-arg]


def test_the_type_check_refuses_undeclared_forgotten_and_mistyped_fields(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = [
        "WalletAbsent(path=Path('/x'))",
        "WalletAbsent(path=Path('/x'), colour='blue')",
        "WalletAbsent()",
        "WalletAbsent(path=7)",
        "WalletAbsent(Path('/x'))",
    ]
    source = tmp_path / "calls.py"
    imports = "from pathlib import Path\nfrom daemon import logs\nfrom daemon.logs.keeping import WalletAbsent\n"
    source.write_text(imports + "".join(f"logs.emit({call})\n" for call in calls))
    monkeypatch.chdir(REPOSITORY)
    output, _, _ = mypy.run(["--strict", "--follow-imports=silent", str(source)])
    assert re.findall(r"calls\.py:(\d+): error", output) == ["5", "6", "7", "8"], output


def test_a_field_without_a_value_is_left_out() -> None:
    known = ServerChangedState(server="file:///x/", previous="idle", state="busy", sync_id="s1")
    unknown = ServerChangedState(server="file:///x/", previous="idle", state="busy")
    assert set(known.fields()) - set(unknown.fields()) == {"sync_id"}


def test_a_sync_that_changed_nothing_is_routine() -> None:
    assert sync_ended().level is Level.DEBUG
    assert sync_ended(stored=True).level is Level.DEBUG
    assert sync_ended(first=True).level is Level.INFO
    assert sync_ended(captured=1).level is Level.INFO
    assert sync_ended(taken=1).level is Level.INFO
    assert sync_ended(removed=1).level is Level.INFO


def test_a_failure_is_a_warning_once() -> None:
    first = SyncFailed(
        sync_id="s1",
        server="file:///x/",
        reason="schedule",
        kind="unreachable",
        message="no answer",
        seconds=5.0,
        retry_in=60.0,
        repeated=False,
    )
    again = dataclasses.replace(first, repeated=True)
    assert (first.level, again.level) == (Level.WARNING, Level.DEBUG)


def test_rows_refused_are_a_warning_once() -> None:
    first = WalletRowRefused(set_name="coins", rows=1, message="UNIQUE constraint failed", repeated=False)
    again = WalletRowRefused(set_name="coins", rows=1, message="UNIQUE constraint failed", repeated=True)
    assert (first.level, again.level) == (Level.WARNING, Level.DEBUG)


@pytest.mark.parametrize(
    ("previous", "state", "level"),
    [
        ("idle", "syncing", Level.DEBUG),
        ("idle", "idle", Level.DEBUG),
        ("unreachable", "unreachable", Level.DEBUG),
        ("idle", "unreachable", Level.INFO),
        ("unreachable", "idle", Level.INFO),
    ],
)
def test_a_server_that_stays_as_it_is_is_routine(previous: str, state: str, level: Level) -> None:
    change = ServerChangedState(server="file:///x/", previous=previous, state=state)
    assert change.level is level
