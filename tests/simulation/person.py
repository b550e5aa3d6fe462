"""What people do with their wallets, as SQL of the wallet program."""

import random
import sqlite3
from collections.abc import Callable

Statement = tuple[str, tuple[object, ...]]

EXCHANGES = ("https://one/", "https://two/", "https://three/")
BUSY, BUSY_SHARE = 3, 0.7
HANDLES = ("a", "b", "c", None)


def statements(
    wallet: sqlite3.Connection, reserve: Callable[[], int], chance: random.Random
) -> tuple[str, list[Statement]]:
    """Draw something to do: what it is, and its statements. ``reserve`` numbers the operations that they make."""
    while True:
        action = chance.choice(_ACTIONS)
        if todo := action(wallet, reserve, chance):
            return action.__name__, todo


def _some(wallet: sqlite3.Connection, sql: str, chance: random.Random) -> str | None:
    """Choose among what there is, mostly of a few things that all wallets have much to do with."""
    found = [row[0] for row in wallet.execute(sql)]
    if chance.random() < BUSY_SHARE:
        found = found[:BUSY]
    return chance.choice(found) if found else None


def _withdraw(_wallet: sqlite3.Connection, reserve: Callable[[], int], _chance: random.Random) -> list[Statement]:
    number = reserve()
    return [("INSERT INTO coins (coin_pub, shown) VALUES (?, ?)", (f"coin{number}", str(number)))]


def _spend(wallet: sqlite3.Connection, reserve: Callable[[], int], chance: random.Random) -> list[Statement]:
    coin = _some(wallet, "SELECT coin_pub FROM coins ORDER BY 1", chance)
    if coin is None:
        return []
    purchase, spend, change = reserve(), reserve(), reserve()
    return [
        ("INSERT INTO purchases VALUES (?, ?, ?)", (f"p{purchase}", chance.choice((10, 30)), str(purchase))),
        ("INSERT INTO spends VALUES (?, ?, ?)", (coin, f"p{purchase}", str(spend))),
        ("UPDATE coins SET shown = ? WHERE coin_pub = ?", (str(change), coin)),
    ]


def _claim(wallet: sqlite3.Connection, reserve: Callable[[], int], chance: random.Random) -> list[Statement]:
    purchase = _some(wallet, "SELECT id FROM purchases ORDER BY 1", chance)
    if purchase is None:
        return []
    return [("UPDATE purchases SET status = 30, shown = ? WHERE id = ?", (str(reserve()), purchase))]


def _refund(wallet: sqlite3.Connection, reserve: Callable[[], int], chance: random.Random) -> list[Statement]:
    purchase = _some(wallet, "SELECT id FROM purchases WHERE status > 10 ORDER BY 1", chance)
    if purchase is None:
        return []
    number = reserve()
    return [("INSERT INTO refunds VALUES (?, ?, ?)", (f"r{number}", purchase, str(number)))]


def _change_coin(wallet: sqlite3.Connection, reserve: Callable[[], int], chance: random.Random) -> list[Statement]:
    coin = _some(wallet, "SELECT coin_pub FROM coins ORDER BY 1", chance)
    return [("UPDATE coins SET shown = ? WHERE coin_pub = ?", (str(reserve()), coin))] if coin else []


def _delete_coin(wallet: sqlite3.Connection, _reserve: Callable[[], int], chance: random.Random) -> list[Statement]:
    coin = _some(wallet, "SELECT coin_pub FROM coins ORDER BY 1", chance)
    return [("DELETE FROM coins WHERE coin_pub = ?", (coin,))] if coin else []


def _collect_garbage(wallet: sqlite3.Connection, _reserve: Callable[[], int], chance: random.Random) -> list[Statement]:
    purchase = _some(wallet, "SELECT id FROM purchases ORDER BY 1", chance)
    if purchase is None:
        return []
    return [
        ("DELETE FROM spends WHERE purchase = ?", (purchase,)),
        ("DELETE FROM purchases WHERE id = ?", (purchase,)),
    ]


def _trust(_wallet: sqlite3.Connection, reserve: Callable[[], int], chance: random.Random) -> list[Statement]:
    sql = "INSERT INTO exchanges VALUES (?, ?) ON CONFLICT DO UPDATE SET shown = excluded.shown"
    return [(sql, (chance.choice(EXCHANGES), str(reserve())))]


def _distrust(wallet: sqlite3.Connection, _reserve: Callable[[], int], chance: random.Random) -> list[Statement]:
    exchange = _some(wallet, "SELECT url FROM exchanges ORDER BY 1", chance)
    return [("DELETE FROM exchanges WHERE url = ?", (exchange,))] if exchange else []


def _name(_wallet: sqlite3.Connection, reserve: Callable[[], int], chance: random.Random) -> list[Statement]:
    sql = (
        "INSERT INTO handles VALUES (?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET handle = excluded.handle, shown = excluded.shown"
    )
    return [(sql, (chance.choice("123"), chance.choice(HANDLES), str(reserve())))]


def _plan(wallet: sqlite3.Connection, reserve: Callable[[], int], chance: random.Random) -> list[Statement]:
    plan = chance.choice("12")
    if chance.random() < 0.3:
        return [("DELETE FROM plans WHERE id = ?", (plan,))]
    sql = "INSERT INTO plans VALUES (?, ?) ON CONFLICT DO UPDATE SET shown = excluded.shown"
    return [(sql, (plan, str(reserve())))]


def _touch(wallet: sqlite3.Connection, _reserve: Callable[[], int], chance: random.Random) -> list[Statement]:
    coin = _some(wallet, "SELECT coin_pub FROM coins ORDER BY 1", chance)
    return [("UPDATE coins SET shown = shown, checked = checked + 1 WHERE coin_pub = ?", (coin,))] if coin else []


_ACTIONS = (
    _withdraw, _withdraw, _spend, _claim, _refund, _change_coin, _change_coin, _delete_coin, _delete_coin,
    _collect_garbage, _trust, _trust, _trust, _distrust, _distrust, _name, _plan, _touch,
)  # fmt: skip
