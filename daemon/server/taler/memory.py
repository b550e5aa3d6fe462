"""What is learnt of one sync server, as a small mapping of texts that the daemon keeps over restarts.

========== ==================================================================
dialect    how it writes tags: ``quoted`` or ``unquoted``
limit      the largest blob that it takes, in bytes
fee        what an account costs a year, as it says
previous   the predecessor's revision of the blob last read or stored
payment    the ``taler://pay`` URI that a person is to pay
order      the id of that order
========== ==================================================================

Each of them may be missing, and none has to be right: a server may be replaced by another one at any time.
"""

from collections.abc import MutableMapping

from daemon.server.base import Payment, Revision
from daemon.server.taler.values import Dialect, ServerConfig, order_of


class Memory:
    """The mapping, read and changed by name."""

    def __init__(self, value_by_name: MutableMapping[str, str]) -> None:
        self._value_by_name = value_by_name

    @property
    def dialect(self) -> Dialect | None:
        """The dialect, if it is known."""
        text = self._value_by_name.get("dialect")
        return Dialect(text) if text in set(Dialect) else None

    @dialect.setter
    def dialect(self, dialect: Dialect | None) -> None:
        self._note("dialect", dialect)

    @property
    def limit(self) -> int | None:
        """The largest blob in bytes, if it is known."""
        text = self._value_by_name.get("limit", "")
        return int(text) if text.isdecimal() else None

    @property
    def fee(self) -> str | None:
        """What an account costs a year, if it is known."""
        return self._value_by_name.get("fee")

    @property
    def payment(self) -> Payment | None:
        """The payment that the server waits for, if any."""
        uri = self._value_by_name.get("payment")
        return None if uri is None else Payment(uri, self.fee)

    @payment.setter
    def payment(self, payment: Payment | None) -> None:
        self._note("payment", None if payment is None else payment.uri)
        self._note("order", None if payment is None else order_of(payment))

    def note_config(self, config: ServerConfig) -> None:
        """Remember what ``/config`` said."""
        self._note("limit", None if config.limit_bytes is None else str(config.limit_bytes))
        self._note("fee", config.annual_fee)

    def note_previous(self, revision: Revision) -> None:
        """Remember the predecessor of the blob that the server holds."""
        self._note("previous", revision)

    def _note(self, name: str, value: str | None) -> None:
        if value is None:
            self._value_by_name.pop(name, None)
        else:
            self._value_by_name[name] = value
