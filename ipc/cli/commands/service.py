"""``walletsync service``: has the daemon run by itself, as a service of this user."""

import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
from rich.console import RenderableType

from ipc.cli.exits import CommandFailed, ExitCode
from ipc.cli.findings import findings_view
from ipc.cli.service.credentials import changed_choice, choice_text
from ipc.cli.service.look import Service, service_findings, service_of
from ipc.cli.service.manager import real_manager
from ipc.cli.service.unit import unit_text
from ipc.cli.session import Session, cli_command


@cli_command(
    "walletsync service install",
    "walletsync service install --linger",
    "walletsync service install --credential passphrase=/media/stick/passphrase",
)
@click.option("--linger", is_flag=True, help="Let it run also while you are not logged in.")
@click.option(
    "--credential",
    "credentials",
    metavar="NAME=FILE",
    multiple=True,
    help="Hand the file to the daemon as its passphrase or its secrets; no FILE: no longer.",
)
def install(session: Session, linger: bool, credentials: tuple[str, ...]) -> ExitCode:
    """Install the unit for this home, and start it.

    Run it again after walletsync has moved, or after a wallet or a folder server has moved to a place that the
    service's sandbox closes: `walletsync doctor` says so. Credentials stay as they were chosen.
    """
    service = service_of(session, real_manager())
    if not session.paths.config_file.exists():
        message = f"there is no {session.paths.config_file} yet, so the service would only fail"
        raise CommandFailed(ExitCode.CONFIGURATION_UNUSABLE, message, *session.how_to_start())
    chosen = changed_choice(service.credentials(), credentials, session.paths.secrets)
    written = write_unit(service, program(), chosen)
    commands = [["daemon-reload"], ["enable", service.unit], ["restart", service.unit]]
    answers = service.manager.answers()
    if answers:
        for command in commands:
            code, output = service.manager.systemctl(*command)
            if code:
                raise CommandFailed(ExitCode.FAULT, f"systemctl --user {' '.join(command)}: {output}")
    if linger and (refused := service.manager.enable_lingering())[0]:
        raise CommandFailed(ExitCode.REFUSED, f"lingering was not enabled: {refused[1]}", "Ask an administrator.")
    left = [] if answers else [f"systemctl --user {' '.join(command)}" for command in commands]
    document = {"api": 1, "unit": service.unit, "written": list(map(str, written)), "started": answers, "left": left}
    session.answer(document, lambda: _installed(service, written, left))
    return ExitCode.DONE


@cli_command("walletsync service uninstall")
def uninstall(session: Session) -> None:
    """Stop the service of this home, and remove its unit. Wallet, keys and settings stay."""
    service = service_of(session, real_manager())
    answers = service.manager.answers()
    if answers and service.file.exists():
        service.manager.systemctl("disable", "--now", service.unit)
    removed = remove_unit(service)
    if answers:
        service.manager.systemctl("daemon-reload")
        service.manager.systemctl("reset-failed", service.unit)
    document = {"api": 1, "unit": service.unit, "removed": list(map(str, removed))}
    session.answer(document, lambda: [f"Removed {path}" for path in removed] or ["It was not installed."])


@cli_command("walletsync service status")
def status(session: Session) -> None:
    """Show how it stands with the service of this home."""
    findings = list(service_findings(service_of(session, real_manager())))
    session.answer({"api": 1, "findings": findings}, lambda: findings_view(findings))


@cli_command("walletsync service status", "walletsync service install", commands=(install, uninstall, status))
def command(session: Session) -> None:
    """Have walletsync run by itself, as a service."""
    findings = list(service_findings(service_of(session, real_manager())))
    session.answer({"api": 1, "findings": findings}, lambda: findings_view(findings))


def program() -> Path:
    """Return the program of the daemon that belongs to this command. Raises CommandFailed."""
    beside = Path(sys.executable).with_name("walletsyncd")
    found = beside if beside.exists() else shutil.which("walletsyncd")
    if found is None:
        raise CommandFailed(
            ExitCode.FAULT, f"there is no walletsyncd beside {sys.executable}", "Install walletsync anew."
        )
    return Path(found).absolute()


def write_unit(service: Service, daemon: Path, credentials: Mapping[str, Path]) -> list[Path]:
    """Write the unit and its drop-ins; remove a drop-in that is not needed any more. Returns what was written."""
    service.units.mkdir(parents=True, exist_ok=True)
    service.file.write_text(unit_text(service.session.paths.home, daemon))
    written = [service.file]
    wanted_by_file = {service.drop_in: service.wanted_drop_in(), service.credential_file: choice_text(credentials)}
    for file, wanted in wanted_by_file.items():
        if wanted is None:
            file.unlink(missing_ok=True)
        else:
            file.parent.mkdir(exist_ok=True)
            file.write_text(wanted)
            written.append(file)
    return written


def remove_unit(service: Service) -> list[Path]:
    """Remove the drop-ins, and the unit unless another home is an instance of it. Returns what was removed."""
    removed = [file for file in (service.drop_in, service.credential_file) if file.exists()]
    for file in removed:
        file.unlink()
    if removed and not any(service.drop_in.parent.iterdir()):
        service.drop_in.parent.rmdir()
    others = [link for link in service.units.glob("*.wants/walletsyncd@*.service") if link.name != service.unit]
    if service.file.exists() and not (service.session.paths.home and others):
        service.file.unlink()
        removed.append(service.file)
    return removed


def _installed(service: Service, written: list[Path], left: list[str]) -> Iterator[RenderableType]:
    yield from (f"Wrote {path}" for path in written)
    if left:
        yield "No systemd --user answers here. In a session where one does, run:"
        yield from (f"  {command}" for command in left)
    else:
        yield f"{service.unit} runs, and starts at every login."
