"""Requests about roll-overs: to make one, and to follow or not to follow one that another wallet made."""

from typing import Any

from daemon.circle import Circle
from daemon.errors import WalletsyncError
from daemon.rotation.showing import named, notes, shown_names
from daemon.status import held_deletes
from ipc.dispatch import Method
from ipc.errors import Refusal
from ipc.messages import HeldResult, RotateParams, RotateResult
from ipc.state import NamedWallet


class RotationDesk:
    """Rolls the circle over. One request that changes the circle at a time."""

    def __init__(self, circle: Circle) -> None:
        self._circle = circle

    def methods(self) -> dict[str, Method[Any]]:
        """Return the methods by name."""
        return {"rotate": Method(RotateParams, self._rotate, changes=True)}

    async def approve(self, number: int, code: str | None) -> HeldResult:
        """Follow the roll-over that waits under this number. Raises Refusal."""
        async with self._circle.turn:
            await self._circle.rolling.follow(number, code)
        return self._held()

    async def reject(self, number: int) -> HeldResult:
        """Do not follow the roll-over that waits under this number. Raises Refusal."""
        async with self._circle.turn:
            await self._circle.rolling.reject(number)
        return self._held()

    async def _rotate(self, params: RotateParams) -> RotateResult:
        rolling = self._circle.rolling
        if params.dry_run:
            kept, left_out = (
                [NamedWallet(id=wallet.wallet_id, shown_as=wallet.shown_as) for wallet in wallets]
                for wallets in rolling.find_kept(params.keep)
            )
            return RotateResult(code=None, kept=kept, left_out=left_out)
        names = shown_names(self._circle.reporter.overview)
        async with self._circle.turn:
            try:
                note = await rolling.rotate(params.keep)
            except WalletsyncError as error:
                raise Refusal(str(error), code=error.exit_code) from error
        statement = note.statement
        return RotateResult(
            code=note.code,
            kept=named(note, statement.kept, names),
            left_out=named(note, statement.left_out, names),
        )

    def _held(self) -> HeldResult:
        view = self._circle.reporter.overview
        return HeldResult(held=held_deletes(view), notes=notes(view))
