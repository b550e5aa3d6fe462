"""How the rows of a made-up wallet refer to each other.

Things have numbers, counted from 0 within their table. The rules, so that the contents agree with each other:

- Exchange e issues the denominations d with d % exchanges = e. The last fifth of the withdrawals comes from the second
  exchange, all others from the first.
- Coins are shared out over the withdrawals in order, as evenly as they go. A coin is of a denomination of its
  withdrawal's exchange, small ones more often.
- The first ``coin_spends`` coins are spent, shared out over the purchases in order. They are at most three quarters of
  all, and so of one currency. A purchase costs what its coins are worth.
- Contract n is the contract of purchase n.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from ipc.cli.demo.amounts import write_amount
from ipc.cli.demo.plausible.material import Material

MINUTE = 60
DAY = 24 * 60 * MINUTE
YEAR = 365 * DAY

Row = Mapping[str, str | int | None]


class Exchange(NamedTuple):
    """An exchange as all wallets know it."""

    base_url: str
    currency: str


EXCHANGES = (
    Exchange("https://exchange.kudos.example/", "KUDOS"),
    Exchange("https://money.arcade.example/", "TOKEN"),
)
_VALUES = tuple(map(Decimal, ("0.1", "0.2", "0.5", "1", "2", "5", "10", "20")))


class Denomination(NamedTuple):
    """What coins need to know of their denomination."""

    exchange: Exchange
    denom_pub_hash: str
    value: Decimal
    stamp_start: int
    stamp_expire_deposit: int

    @property
    def amount(self) -> str:
        """The value as an amount of the exchange's currency."""
        return write_amount(self.exchange.currency, self.value)


class World:
    """One made-up wallet: how many rows each table has, and who is who.

    ``seed`` decides what the person has; ``now``, in seconds since 1970, is when the wallet was last used.
    Raises ``ValueError`` where the numbers do not fit together.
    """

    def __init__(self, seed: str, count_by_table: Mapping[str, int], now: int) -> None:
        if not count_by_table["purchases"] <= count_by_table["coin_spends"] <= count_by_table["coins"] * 3 // 4:
            raise ValueError("a wallet has at most as many purchases as spent coins, and 3/4 as many of those as coins")
        self.count_by_table = count_by_table
        self.now = now
        self.own = Material(f"wallet {seed}")
        self.common = Material("exchanges")
        self._denomination_by_number: dict[int, Denomination] = {}

    def denomination(self, number: int) -> Denomination:
        """Return a denomination: of the exchanges' values in turn, then of the next generation of keys."""
        made = self._denomination_by_number.get(number)
        if made is None:
            place = number // len(EXCHANGES)
            start = self.now - (1 + place // len(_VALUES) % 3) * 90 * DAY
            made = Denomination(
                exchange=EXCHANGES[number % len(EXCHANGES)],
                denom_pub_hash=self.common.key("denomination", number, 64),
                value=_VALUES[place % len(_VALUES)],
                stamp_start=start,
                stamp_expire_deposit=start + 3 * YEAR,
            )
            self._denomination_by_number[number] = made
        return made

    def coin_pub(self, coin: int) -> str:
        """Return a coin's public key."""
        return self.own.key("coin", coin)

    def coin_denomination(self, coin: int) -> Denomination:
        """Return a coin's denomination. The smaller of two draws favours small values."""
        exchange = self.exchange_of_withdrawal(self.withdrawal_of_coin(coin))
        places = (self.count_by_table["denominations"] - exchange + len(EXCHANGES) - 1) // len(EXCHANGES)
        draw = self.own.below(places * places, "coin denomination", coin)
        return self.denomination(exchange + len(EXCHANGES) * min(draw // places, draw % places))

    def exchange_of_withdrawal(self, withdrawal: int) -> int:
        """Return the number of the exchange that a withdrawal comes from."""
        withdrawals = self.count_by_table["withdrawals"]
        return 1 if withdrawals - withdrawals // 5 <= withdrawal < withdrawals else 0

    def withdrawal_of_coin(self, coin: int) -> int:
        """Return the number of the withdrawal that a coin came with."""
        return coin * self.count_by_table["withdrawals"] // self.count_by_table["coins"]

    def coins_of_withdrawal(self, withdrawal: int) -> range:
        """Return the numbers of the coins that a withdrawal brought."""
        return shared_out(self.count_by_table["coins"], self.count_by_table["withdrawals"], withdrawal)

    def withdrawal_id(self, withdrawal: int) -> str:
        """Return a withdrawal group's id."""
        return self.own.key("withdrawal", withdrawal)

    def reserve_pub(self, reserve: int) -> str:
        """Return a reserve's public key. Withdrawal w draws on reserve w % reserves."""
        return self.own.key("reserve", reserve % self.count_by_table["reserves"])

    def purchase_of_coin(self, coin: int) -> int:
        """Return the number of the purchase that a spent coin paid for."""
        return coin * self.count_by_table["purchases"] // self.count_by_table["coin_spends"]

    def coins_of_purchase(self, purchase: int) -> range:
        """Return the numbers of the coins that paid for a purchase."""
        return shared_out(self.count_by_table["coin_spends"], self.count_by_table["purchases"], purchase)

    def proposal_id(self, purchase: int) -> str:
        """Return a purchase's id."""
        return self.own.key("proposal", purchase)

    def time_of(self, number: int, total: int) -> int:
        """Return when the thing of this number happened: things are spread evenly over the last year."""
        return self.now - YEAR + YEAR * number // max(total, 1)


def shared_out(things: int, shares: int, share: int) -> range:
    """Return the numbers of the things that fall to one share, when thing t falls to share t * shares // things."""
    return range(-(-share * things // shares), -(-(share + 1) * things // shares))


def same_currency_total(denominations: Sequence[Denomination]) -> str:
    """Add up denominations of one exchange. Raises ``IndexError`` where there are none."""
    return write_amount(denominations[0].exchange.currency, sum((each.value for each in denominations), Decimal(0)))
