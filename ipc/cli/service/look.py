"""How it stands with the service of one home, as findings."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from config.errors import ConfigError
from config.load import load_settings
from ipc import BlockingClient, IpcError
from ipc.cli.output import remark
from ipc.cli.selfcheck import Finding, Verdict
from ipc.cli.service.credentials import DROP_IN as CREDENTIALS_DROP_IN
from ipc.cli.service.credentials import read_choice
from ipc.cli.service.manager import Manager
from ipc.cli.service.unit import DROP_IN, drop_in_text, unit_file, unit_name
from ipc.cli.session import Session


@dataclass(frozen=True)
class Service:
    """The service of one home: its unit, the files that make it, and who runs it."""

    session: Session
    manager: Manager
    user_home: Path
    units: Path

    @property
    def unit(self) -> str:
        """The unit's name."""
        return unit_name(self.session.paths.home)

    @property
    def file(self) -> Path:
        """The unit's file."""
        return self.units / unit_file(self.session.paths.home)

    @property
    def drop_in(self) -> Path:
        """The file that opens the sandbox for this home's folders."""
        return self.units / f"{self.unit}.d" / DROP_IN

    @property
    def credential_file(self) -> Path:
        """The file that hands credentials to this home's daemon."""
        return self.drop_in.with_name(CREDENTIALS_DROP_IN)

    def credentials(self) -> dict[str, Path]:
        """Return the files that are handed over as credentials, by their short names."""
        return read_choice(_text(self.credential_file) or "")

    def folders(self) -> list[Path]:
        """Return the folders that the daemon writes into, as far as configuration and daemon tell."""
        paths = self.session.paths
        found = [paths.state_folder]
        try:
            found.append(load_settings(paths.config_file).wallet.path.parent)
        except ConfigError:
            return found
        try:
            with BlockingClient(paths.control_socket) as client:
                urls = [server.url for server in client.status().servers]
        except IpcError:
            return found
        return found + [Path(_unquoted(url)) for url in urls if url.startswith("file://")]

    def wanted_drop_in(self) -> str | None:
        """Return what the drop-in should be; ``None`` for none."""
        return drop_in_text(self.folders(), self.user_home)

    def is_closed_for(self, urls: Iterable[str]) -> bool:
        """Tell whether the service, as it is installed, cannot write into the folder of one of these servers."""
        wanted = drop_in_text((Path(_unquoted(url)) for url in urls if url.startswith("file://")), self.user_home)
        if wanted is None or not self.file.exists():
            return False
        return not set(wanted.splitlines()) <= set((_text(self.drop_in) or "").splitlines())

    def remark_if_closed_for(self, urls: Iterable[str]) -> None:
        """Say what to do where the service cannot write into the folder of one of these servers."""
        if self.is_closed_for(urls):
            remark(
                "The service's sandbox lets it write nothing into that folder yet. To open it, run:",
                f"  {self.session.spelled('service install')}",
            )


def service_of(session: Session, manager: Manager) -> Service:
    """Return the service of the session's home."""
    user_home = Path.home()
    configuration = Path(os.environ.get("XDG_CONFIG_HOME") or user_home / ".config")
    return Service(session, manager, user_home, configuration / "systemd" / "user")


def service_findings(service: Service) -> Iterator[Finding]:
    """Tell whether the service is installed, enabled, running, and open for the folders that it needs."""
    install = f"Run: {service.session.spelled('service install')}"
    if not service.file.exists():
        yield Finding("service", "warning", f"it is not installed: there is no {service.file}", install)
        return
    if not service.manager.answers():
        advice = "Log in to a session with systemd, or start walletsyncd yourself."
        yield Finding("service", "warning", f"{service.file} is there, and no systemd --user answers", advice)
        return
    yield _enabled(service)
    yield _running(service)
    wanted, present = service.wanted_drop_in(), _text(service.drop_in)
    if wanted is not None and wanted != present:
        yield Finding("service", "warning", "a folder lies where its sandbox lets nobody write", install)
    for name, file in service.credentials().items():
        if not file.exists():
            advice = f"Put it there before the next start, or run: {service.session.spelled('service install')}"
            yield Finding("service", "warning", f"the {name} is to come from {file}, which is not there", advice)
    if not service.manager.lingers():
        yield Finding("service", "ok", "it runs while you are logged in (`service install --linger`: always)")


def _enabled(service: Service) -> Finding:
    state = service.manager.systemctl("is-enabled", service.unit)[1]
    if state == "enabled":
        return Finding("service", "ok", f"{service.unit} starts at login")
    advice = f"Run: systemctl --user enable {service.unit}"
    return Finding("service", "warning", f"{service.unit} does not start by itself ({state})", advice)


def _running(service: Service) -> Finding:
    state = service.manager.systemctl("is-active", service.unit)[1]
    text = service.manager.property(service.unit, "StatusText")
    if state == "active":
        return Finding("service", "ok", f"{service.unit} runs: {text}" if text else f"{service.unit} runs")
    result = service.manager.property(service.unit, "Result")
    advice = f"Run: journalctl --user -u {service.unit} -n 20; then systemctl --user start {service.unit}"
    verdict: Verdict = "bad" if state == "failed" else "warning"
    return Finding("service", verdict, f"{service.unit} is {state} ({result})", advice)


def _text(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def _unquoted(url: str) -> str:
    return unquote(urlsplit(url).path)
