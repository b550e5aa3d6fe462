"""Nothing secret appears in a log, however it came there."""

import sqlite3
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import pytest
import structlog
from support.service_logs import Log, Terminal, logging_to

from daemon import logs
from daemon.errors import WalletUnfit
from daemon.logs.redaction import LONGEST_CHAIN, LONGEST_TEXT, LONGEST_TRACEBACK, presentable, scrub, traceback_text
from daemon.logs.running import DaemonFailed, IpcFault
from daemon.secret import Secret

KEY = b"\x01key-of-a-circle-32-bytes-long\xff!"
PHRASE = "every good boy deserves fudge"
INVITATION = "walletsync://join/1#C5H66P35CPJMGQBADDM6YRJFE1MQ4CV9E1SJWS3FC5MPW"
PAYMENT = "taler://pay/merchant.example/order-4711/?c=CLAIMTOKEN"
COIN = "KUDOS:1.5 of coin ZZ4QCOINPUB"

SECRET_KEY = Secret(KEY)
SECRET_PHRASE = Secret(PHRASE)

TRACES = ("key-of-a-circle", KEY.hex(), "boy deserves", "C5H66P35", "CLAIMTOKEN", "ZZ4QCOINPUB")


class Careless:
    """An object whose own words hold what must not be told."""

    def __repr__(self) -> str:
        return f"{PHRASE} {INVITATION}"


class UnshowableError(OSError):
    """An exception that fails when it is shown."""

    def __str__(self) -> str:
        raise ValueError(COIN)


class Kind(StrEnum):
    BUSY = "busy"


def raised(raiser: Callable[[], object]) -> BaseException:
    try:
        raiser()
    except BaseException as error:  # noqa: BLE001 - whatever it is, the log must bear it
        return error
    raise AssertionError("nothing was raised")


def raises(error: BaseException) -> Callable[[], object]:
    def raiser() -> None:
        local_key, local_coin = KEY, COIN
        assert local_key
        assert local_coin
        raise error

    return raiser


def while_handling() -> None:
    try:
        raises(ValueError(COIN))()
    except ValueError:
        raise OSError(f"could not send {INVITATION}") from None


def caused() -> None:
    try:
        raises(KeyError(COIN))()
    except KeyError as error:
        raise WalletUnfit(f"not with {PHRASE}") from error


def with_context() -> None:
    try:
        raises(ValueError(COIN))()
    except ValueError:
        raise TypeError(f"not {INVITATION}")  # noqa: B904 - the context is what is tested


EXCEPTIONS = {
    "a secret as argument": raises(WalletUnfit(SECRET_KEY)),
    "secrets among arguments": raises(WalletUnfit("the key", SECRET_KEY, {"phrase": SECRET_PHRASE})),
    "a secret formatted into the message": raises(WalletUnfit(f"{SECRET_KEY} {SECRET_PHRASE!r}")),
    "a revealed key in the message": raises(OSError(f"no such file: {KEY!r}")),
    "a revealed key in hexadecimal": raises(WalletUnfit(f"no such key: {KEY.hex()}")),
    "a revealed phrase in the message": raises(WalletUnfit(f"wrong passphrase {PHRASE}")),
    "an invitation in the message": raises(WalletUnfit(f"cannot read {INVITATION}")),
    "an invitation in capitals": raises(WalletUnfit(f"cannot read {INVITATION.replace('walletsync', 'WalletSync')}")),
    "a payment in the message": raises(OSError(f"402 {PAYMENT}")),
    "a value in a message that quotes data": raises(ValueError(COIN)),
    "a key of a set in a message that quotes data": raises(KeyError(COIN)),
    "a careless object as argument": raises(ValueError(Careless())),
    "a cause": caused,
    "a context": with_context,
    "a suppressed context": while_handling,
    "a group": raises(BaseExceptionGroup(COIN, [ValueError(COIN), WalletUnfit(INVITATION), KeyboardInterrupt(COIN)])),
    "groups in a group": raises(ExceptionGroup(COIN, [ExceptionGroup(PHRASE, [KeyError(COIN)])])),
    "an exception that cannot be shown": raises(UnshowableError(COIN)),
}

VALUES = {
    "a secret": SECRET_KEY,
    "a list of secrets": [SECRET_KEY, [SECRET_PHRASE]],
    "a secret in a map in a list": [{"root": SECRET_KEY, "phrases": (SECRET_PHRASE,)}],
    "a secret as a key of a map": {PHRASE: 1, INVITATION: 2},
    "revealed bytes": KEY,
    "a revealed phrase in a sentence": f"the passphrase was {PHRASE}.",
    "an invitation in a sentence": f'got "{INVITATION}" from the prompt',
    "an invitation in JSON": '{"uri":"' + INVITATION + '","sealed":false}',
    "a path": Path("/home/ann") / PHRASE,
    "an object of an unknown class": Careless(),
    "an exception": ValueError(COIN),
    "a map within maps without end": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": SECRET_KEY}}}}}}}}},
}

LAYOUTS = pytest.mark.parametrize("layout", ["json", "console"])


@LAYOUTS
@pytest.mark.parametrize("raiser", EXCEPTIONS.values(), ids=EXCEPTIONS.keys())
def test_no_secret_appears_from_an_exception(raiser: Callable[[], object], layout: logs.LogLayout) -> None:
    log = Log()
    error = raised(raiser)
    error.add_note(f"{COIN} {PHRASE}")
    with logging_to(log, layout=layout):
        logs.emit(IpcFault(method="status"), error=error)
    assert type(error).__name__ in log.getvalue()
    assert [trace for trace in TRACES if trace in log.getvalue()] == []


@LAYOUTS
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_no_secret_appears_from_a_field(value: object, layout: logs.LogLayout) -> None:
    log = Terminal() if layout == "console" else Log()
    with logging_to(log, layout=layout):
        logs.emit(DaemonFailed(message=value, exit_code=1))  # type: ignore[arg-type]
        structlog.get_logger().info("of.another.way", value=value)
    assert log.getvalue().count("\n") == 2
    assert [trace for trace in TRACES if trace in log.getvalue()] == []


def test_plain_values_are_shown_as_they_are() -> None:
    shown = presentable({"a": [1, 2.5, True, None, "text"], "b": Path("/x"), "c": Kind.BUSY, "d": ("y",)})
    assert shown == {"a": [1, 2.5, True, None, "text"], "b": "/x", "c": "busy", "d": ["y"]}


def test_what_json_cannot_hold_is_shown_otherwise() -> None:
    assert presentable(float("nan")) == "nan"
    assert presentable(0.0731843629910145) == 0.073
    assert presentable(10**5000) == "<large int>"
    assert presentable(b"bytes") == "<bytes>"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("walletsync: cannot read the wallet", "walletsync: cannot read the wallet"),
        ("https://sync.example/path/", "https://sync.example/path/"),
        ("https://ann:pass@sync.example/path/", "https://<secret>@sync.example/path/"),
        ("socks5h://user:pass@127.0.0.1:9050", "socks5h://<secret>@127.0.0.1:9050"),
        ("web+taler://withdraw/bank.example/7, twice", "<secret> twice"),
        ("taler+http://pay-push/x/PRIVATE", "<secret>"),
    ],
)
def test_text_keeps_what_is_harmless(text: str, shown: str) -> None:
    assert scrub(text) == shown


def test_a_traceback_says_where_and_what() -> None:
    text = traceback_text(raised(caused))
    assert [line for line in text.splitlines() if not line.startswith(" ")] == [
        "KeyError (its message is withheld)",
        "which was the cause of:",
        "daemon.errors.WalletUnfit: not with <secret>",
    ]
    assert f'File "{__file__}", line ' in text
    assert ", in caused" in text


def test_a_traceback_tells_context_unless_it_was_suppressed() -> None:
    assert "ValueError" in traceback_text(raised(with_context))
    assert "ValueError" not in traceback_text(raised(while_handling))


def test_a_traceback_shows_every_member_of_a_group() -> None:
    text = traceback_text(ExceptionGroup("", [WalletUnfit("one"), ExceptionGroup("", [OSError(2, "two", "/x")])]))
    assert text.splitlines() == [
        "ExceptionGroup of 2:",
        "  | daemon.errors.WalletUnfit: one",
        "  | ExceptionGroup of 1:",
        "  |   | FileNotFoundError: [Errno 2] two: '/x'",
    ]


def test_the_words_of_sqlite_are_told() -> None:
    error = raised(lambda: sqlite3.connect(":memory:").execute("SELECT * FROM coins"))
    assert "sqlite3.OperationalError: no such table: coins" in traceback_text(error)


def test_exceptions_that_cause_each_other_are_told_once() -> None:
    one, other = WalletUnfit("one"), WalletUnfit("other")
    one.__cause__, other.__cause__ = other, one
    assert traceback_text(one).count("WalletUnfit") == 2


def test_a_chain_without_end_is_cut() -> None:
    error: BaseException = WalletUnfit("first")
    for number in range(5000):
        following = WalletUnfit(str(number))
        following.__cause__, error = error, following
    assert traceback_text(error).count("WalletUnfit") == LONGEST_CHAIN


def test_an_endless_recursion_is_told_briefly() -> None:
    def descend() -> None:
        descend()

    text = traceback_text(raised(descend))
    assert "RecursionError: maximum recursion depth exceeded" in text
    assert len(text) < 2000


def test_long_text_is_cut_after_it_was_scrubbed() -> None:
    shown = presentable("x" * (LONGEST_TEXT // 2 - 10) + INVITATION + "y" * LONGEST_TEXT)
    assert isinstance(shown, str)
    assert "characters left out" in shown
    assert "join" not in shown
    text = traceback_text(ExceptionGroup("", [WalletUnfit("x" * 900) for _ in range(100)]))
    assert len(text) < LONGEST_TRACEBACK + 100
