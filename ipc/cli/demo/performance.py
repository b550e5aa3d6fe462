"""Performing the demo: plays step after step, waits for what must come of each, and shows it.

It ends with the first step whose claims have not become true in time.
"""

import time
from collections.abc import Sequence
from contextlib import suppress

import msgspec
from rich.text import Text

from ipc import IpcError
from ipc.cli.console import PeopleConsole
from ipc.cli.demo.device import DaemonTrouble
from ipc.cli.demo.ledger import differences
from ipc.cli.demo.stage import Claim, Stage, Step
from ipc.cli.demo.views import Holdings, change_view, holdings, holdings_view

PATIENCE = 30.0  # seconds for the claims of one step
_POLL = 0.1
_NUDGE_AFTER = 5.0  # seconds after which both are asked to sync, in case a change went unnoticed


class StepResult(msgspec.Struct, kw_only=True):
    """What came of a step: its title, how long it took in seconds, and what did not become true."""

    title: str
    seconds: float
    problems: list[str]


def perform(
    stage: Stage, steps: Sequence[Step], console: PeopleConsole, patience: float = PATIENCE
) -> list[StepResult]:
    """Play all steps, or those up to the first that fails. Raises ``DaemonTrouble``."""
    results = []
    console.print(holdings_view(_all_holdings(stage)), "")
    for number, step in enumerate(steps, start=1):
        console.print(Text.assemble((f"{number}. {step.title}. ", "bold"), step.sentence))
        before = _all_holdings(stage)
        began = time.monotonic()
        claims = _play(step, stage)
        with console.status("waiting for the wallets ..."):
            problems = wait_for(stage, claims, agree=step.agree, patience=patience)
        results.append(StepResult(title=step.title, seconds=round(time.monotonic() - began, 1), problems=problems))
        console.print(change_view(before, _all_holdings(stage)))
        if problems:
            break
        console.print(Text(f"   As it must be, after {results[-1].seconds} s.\n", style="green"))
    console.print(holdings_view(_all_holdings(stage)), "")
    return results


def _play(step: Step, stage: Stage) -> Sequence[Claim]:
    try:
        return step.play(stage)
    except IpcError as error:
        raise DaemonTrouble(f"at the step {step.title!r}, a daemon answered: {error}", stage.log_tail()) from error


def wait_for(stage: Stage, claims: Sequence[Claim], *, agree: bool, patience: float) -> list[str]:
    """Wait until all claims hold, and the databases agree where they must. Returns what did not come true in time."""
    began = time.monotonic()
    next_nudge = began + _NUDGE_AFTER
    while problems := _problems(stage, claims, agree=agree):
        for device in stage.devices:
            device.check()
        now = time.monotonic()
        if now > began + patience:
            break
        if now > next_nudge:
            next_nudge = now + _NUDGE_AFTER
            _nudge(stage)
        time.sleep(_POLL)
    return problems


def _problems(stage: Stage, claims: Sequence[Claim], *, agree: bool) -> list[str]:
    problems = [f"not so: {claim.sentence}" for claim in claims if not _holds(claim)]
    if agree:
        problems += differences(stage.desktop.connection, stage.phone.connection, stage.profile)
    return problems


def _holds(claim: Claim) -> bool:
    with suppress(IpcError):  # a daemon that does not answer yet; one that ended is noticed apart from this
        return claim.holds()
    return False


def _nudge(stage: Stage) -> None:
    for device in stage.devices:
        with suppress(IpcError), device.client() as daemon:
            daemon.sync()


def _all_holdings(stage: Stage) -> dict[str, Holdings]:
    return {device.name: holdings(device.connection, stage.profile) for device in stage.devices}
