"""Answers to: what would a sync do, and what did the last one do, and why."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from daemon.circle import Circle
from daemon.wallet.trouble import WalletTrouble
from ipc.dispatch import Method
from ipc.errors import Refusal
from ipc.frame import WALLET_UNFIT
from ipc.messages import ExplainParams, ExplainResult, Explanation

MOST = 500
"""So many entities fit into one answer."""


class ExplainDesk:
    """Explains syncs, entity by entity, without values."""

    def __init__(self, circle: Circle) -> None:
        self._circle = circle

    def methods(self) -> dict[str, Method[Any]]:
        """Return the methods by name."""
        return {"explain": Method(ExplainParams, self._explain, changes=False)}

    async def _explain(self, params: ExplainParams) -> ExplainResult:
        explanations = list(self._last()) if params.last else await self._next()
        return ExplainResult(entities=list(islice(explanations, MOST)), omitted=max(0, len(explanations) - MOST))

    def _last(self) -> Iterator[Explanation]:
        for url, decisions in self._circle.reporter.last_decisions_by_url.items():
            for set_name, key, rule in decisions:
                yield Explanation(server=url, set=set_name, key=key, change=rule.name.lower(), why=rule.value)

    async def _next(self) -> list[Explanation]:
        try:
            pending = await self._circle.exclusively(self._circle.keeper.explain)
        except WalletTrouble as trouble:
            raise Refusal(trouble.reason, code=WALLET_UNFIT) from trouble
        return [
            Explanation(server=url, set=each.set_name, key=each.key, change=each.change, why=each.why)
            for url, each in pending
        ]
