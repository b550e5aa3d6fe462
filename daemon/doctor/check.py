"""The whole self-check, in the order in which a person would mend what is amiss."""

from pathlib import Path

import trio

from config import __version__
from config.errors import ConfigError
from config.model import Settings, WalletSettings
from config.paths import Paths
from config.profile import check_optional_sets, load_profile
from daemon.doctor.databases import state_finding, wallet_finding
from daemon.doctor.finding import Finding, Report, exit_code_of
from daemon.doctor.home import claim_findings, configuration_finding, daemon_finding, file_findings, secrets_finding
from daemon.doctor.machine import clock_finding, disk_findings, facts
from daemon.doctor.recognise import recognise
from daemon.doctor.servers import server_findings
from daemon.server.urls import FolderUrl, parse_server_url
from daemon.state.servers import ServerRecord


def check_home(paths: Paths) -> Report:
    """Check everything that the daemon of a home needs. Changes nothing."""
    configuration, settings = configuration_finding(paths)
    state, records = state_finding(paths.state_database)
    findings = [configuration, *file_findings(paths), secrets_finding(paths), state]
    if settings is not None:
        findings += _profile_and_wallet(settings.wallet)
        findings += claim_findings(settings.wallet.path, paths)
    findings.append(daemon_finding(paths))
    if settings is not None:
        findings += trio.run(server_findings, records, settings.network)
    findings.append(clock_finding(records, paths.state_database))
    findings += disk_findings(
        _folders(paths, settings, records), max((each.sealed_bytes for each in records), default=0)
    )
    return _report(findings, settings.wallet.profile if settings is not None else None)


def check_database(path: Path, profile: str | None, optional: tuple[str, ...] = ()) -> Report:
    """Check whether a wallet database fits a profile. Changes nothing, and needs no home.

    Without a profile, find the shipped one that it fits.
    """
    if profile is None:
        name, findings = recognise(path)
        return _report(findings, name)
    return _report(_profile_and_wallet(WalletSettings(path=path, profile=profile, optional_sets=optional)), profile)


def _report(findings: list[Finding], profile: str | None) -> Report:
    code = exit_code_of(findings)
    return Report(version=__version__, exit_code=code, facts=facts(), profile=profile, findings=findings)


def _profile_and_wallet(wallet: WalletSettings) -> list[Finding]:
    try:
        profile = load_profile(wallet.profile)
        check_optional_sets(profile, wallet.optional_sets)
    except ConfigError as error:
        return [Finding("profile", "bad", str(error), "Correct the profile, or choose another one.")]
    ok = Finding("profile", "ok", f"the profile {profile.name} can be used")
    return [ok, wallet_finding(wallet.path, profile, wallet.optional_sets)]


def _folders(paths: Paths, settings: Settings | None, records: list[ServerRecord]) -> list[Path]:
    wallet = [settings.wallet.path.parent] if settings is not None else []
    addresses = [parse_server_url(record.url) for record in records]
    return [paths.state_folder, *wallet, *(Path(each.path) for each in addresses if isinstance(each, FolderUrl))]
