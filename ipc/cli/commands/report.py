"""``walletsync report``: a text to attach to a report of a fault, with nothing in it that is anyone's."""

from collections.abc import Iterable, Iterator

from config.errors import ConfigError
from config.load import load_settings
from config.model import Settings
from ipc import BlockingClient, IpcError
from ipc.cli.reporting import finding_lines, log_lines, names_of, setting_lines, status_lines
from ipc.cli.selfcheck import check_home
from ipc.cli.service.look import service_findings, service_of
from ipc.cli.service.manager import Manager, real_manager
from ipc.cli.service.unit import unit_name
from ipc.cli.session import Session, cli_command
from ipc.state import Status

LOG_LINES = 200
"""How many of the last lines of the log are told of."""


@cli_command("walletsync report", "walletsync report > report.txt")
def command(session: Session) -> None:
    """Write a report that is safe to attach to a bug report.

    It holds versions, what `walletsync doctor` found, states, counts and the names of what happened lately. It holds
    no key, nothing of what your wallet holds, no nickname, no address and no path. Read it before you send it.
    """
    manager = real_manager()
    settings, status = _settings(session), _status(session)
    names = names_of(status, settings)
    check = check_home(session.paths.home)
    findings = [*check.findings, *service_findings(service_of(session, manager))]
    parts: dict[str, Iterable[str]] = {
        f"walletsync {check.version}": [f"{name} {value}" for name, value in check.facts.items()],
        "Found": finding_lines(findings, names),
        "Settings": [] if settings is None else setting_lines(settings),
        "Status": ["no daemon answers"] if status is None else status_lines(status, names),
        "Log": log_lines(_journal(session, manager), names),
    }
    told = {title: list(lines) for title, lines in parts.items()}
    session.answer({"api": 1, "report": told}, lambda: _view(told))


def _view(told: dict[str, list[str]]) -> Iterator[str]:
    for title, lines in told.items():
        yield f"== {title}"
        yield from lines
        yield ""


def _settings(session: Session) -> Settings | None:
    try:
        return load_settings(session.paths.config_file)
    except ConfigError:
        return None


def _status(session: Session) -> Status | None:
    try:
        with BlockingClient(session.paths.control_socket) as client:
            return client.status()
    except IpcError:
        return None


def _journal(session: Session, manager: Manager) -> list[str]:
    unit = unit_name(session.paths.home)
    code, output = manager.run(["journalctl", "--user", "-u", unit, "-n", str(LOG_LINES), "-o", "cat", "--no-pager"])
    return output.splitlines() if code == 0 else []
