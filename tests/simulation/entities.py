"""The wallets of the simulation: a small database schema, its profile, and how its rows are told apart.

Every value that the wallet program ever writes is the name of the operation that wrote it, so that a row tells by
itself which operation it shows.
"""

import sqlite3

from simulation.oracle import Place

from config.profile import Profile, SetProfile
from daemon.wallet.rows import encode_key

SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE coins (coin_pub TEXT PRIMARY KEY, shown TEXT NOT NULL, checked INTEGER DEFAULT 7);
CREATE TABLE spends (coin_pub TEXT, purchase TEXT, shown TEXT NOT NULL, PRIMARY KEY (coin_pub, purchase));
CREATE TABLE purchases (id TEXT PRIMARY KEY, status INTEGER NOT NULL, shown TEXT NOT NULL);
CREATE TABLE refunds (id TEXT PRIMARY KEY, purchase TEXT REFERENCES purchases ON DELETE CASCADE, shown TEXT NOT NULL);
CREATE TABLE exchanges (url TEXT PRIMARY KEY, shown TEXT NOT NULL);
CREATE TABLE handles (id TEXT PRIMARY KEY, handle TEXT UNIQUE, shown TEXT NOT NULL);
CREATE TABLE plans (id TEXT PRIMARY KEY, shown TEXT NOT NULL);
"""

PROFILE = Profile(
    name="simulated",
    version=1,
    required_columns={},
    sets=(
        SetProfile(name="coins", table="coins", key=("coin_pub",), local=("checked",)),
        SetProfile(name="spends", table="spends", key=("coin_pub", "purchase"), order=3),
        SetProfile(name="purchases", table="purchases", key=("id",), where="status > 10", order=1),
        SetProfile(name="refunds", table="refunds", key=("id",), order=2),
        SetProfile(name="exchanges", table="exchanges", key=("url",)),
        SetProfile(name="handles", table="handles", key=("id",)),
        SetProfile(name="plans", table="plans", key=("id",), optional=True),
    ),
)
OPTIONAL_SETS = ("plans",)
KEY_COLUMNS = {each.table: each.key for each in PROFILE.sets}

_ROWS = " UNION ALL ".join(
    f"SELECT '{each.table}', {each.key[0]}, {each.key[1] if len(each.key) > 1 else 'NULL'}, shown FROM {each.table}"
    f" WHERE {each.where or '1'}"
    for each in PROFILE.sets
)


def shown_rows(wallet: sqlite3.Connection) -> dict[Place, int]:
    """Return, by place, which operation each row that takes part shows."""
    return {
        (table, encode_key([first] if second is None else [first, second])): int(shown)
        for table, first, second, shown in wallet.execute(_ROWS)
    }
