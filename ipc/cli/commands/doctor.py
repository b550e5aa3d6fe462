"""``walletsync doctor``: looks for what is amiss, and says what to do about it."""

from ipc.cli.exits import ExitCode
from ipc.cli.findings import findings_view
from ipc.cli.selfcheck import check_home
from ipc.cli.service.look import service_findings, service_of
from ipc.cli.service.manager import real_manager
from ipc.cli.session import Session, cli_command


@cli_command("walletsync doctor")
def command(session: Session) -> int:
    """Look for what is amiss, and say what to do about it.

    Looks at the configuration, the keys, the databases, the daemon and its service, every server, the clock and the
    disk. Changes nothing. Ends with 0 where everything works.
    """
    report = check_home(session.paths.home)
    findings = [*report.findings, *service_findings(service_of(session, real_manager()))]
    code = report.exit_code or (ExitCode.FAULT if any(each.verdict == "bad" for each in findings) else ExitCode.DONE)
    document = {"api": 1, "version": report.version, "exit_code": int(code), "findings": findings}
    session.answer(document, lambda: findings_view(findings))
    return code
