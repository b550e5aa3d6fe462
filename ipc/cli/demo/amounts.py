"""Amounts of money as Taler writes them: ``CURRENCY:VALUE[.FRACTION]``, with at most 8 digits of fraction."""

from collections.abc import Iterable
from decimal import Decimal


def write_amount(currency: str, value: Decimal) -> str:
    """Write an amount without needless zeros: ``KUDOS:1.5``."""
    text = f"{value:f}"
    return f"{currency}:{text.rstrip('0').rstrip('.') if '.' in text else text}"


def read_amount(amount: str) -> tuple[str, Decimal]:
    """Split an amount into currency and value."""
    currency, _, value = amount.partition(":")
    return currency, Decimal(value)


def total_by_currency(amounts: Iterable[str]) -> dict[str, Decimal]:
    """Add amounts up, each currency for itself."""
    totals: dict[str, Decimal] = {}
    for amount in amounts:
        currency, value = read_amount(amount)
        totals[currency] = totals.get(currency, Decimal(0)) + value
    return totals
