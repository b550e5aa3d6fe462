"""How the findings of a self-check look to people: what is amiss last, where the eye is."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from ipc.cli.selfcheck import Finding
from ipc.cli.tables import ATTENTION, BAD, GOOD, table
from ipc.cli.words import clean, count

_STYLE_BY_VERDICT = {"ok": GOOD, "warning": ATTENTION, "bad": BAD}


def findings_view(findings: Sequence[Finding]) -> Iterator[RenderableType]:
    """Render all findings as a table, and below it what to do."""
    rows = [(each.about, Text(each.verdict, style=_STYLE_BY_VERDICT[each.verdict]), each.message) for each in findings]
    yield table(("Part", "", "Found"), rows)
    amiss = [each for each in findings if each.verdict != "ok"]
    if not amiss:
        yield ""
        yield Text("Nothing is amiss.", style=GOOD)
        return
    yield ""
    yield f"{count(len(amiss), 'thing')} to look at:"
    for each in amiss:
        yield Text(
            f"! {clean(each.about)}: {clean(each.advice or each.message)}", style=_STYLE_BY_VERDICT[each.verdict]
        )
