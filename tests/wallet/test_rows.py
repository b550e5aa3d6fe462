"""Every value that SQLite can hold survives the way into a blob and back, whatever the table is like."""

import json
import math
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.wallet_files import be_the_wallet, bring, found, guest_in, logged, make, profile_of

from config.profile import SetProfile
from daemon.wallet.rows import BrokenText, InvalidValue, decode_key, decode_value, encode_key, encode_value, to_json
from daemon.wallet.writing import Written

VALUES = {
    "null": None,
    "zero": 0,
    "smallest integer": -(2**63),
    "largest integer": 2**63 - 1,
    "beyond doubles": 2**53 + 1,
    "true": True,
    "text": "größer als nichts",
    "empty text": "",
    "text like a number": "0012",
    "text with NUL": "a\0b",
    "text beyond the first plane": "\U0001f4b0",
    "text like a tag": '{"$b": "AA=="}',
    "blob": bytes(range(256)),
    "empty blob": b"",
    "real": 0.1,
    "whole real": 1.0,
    "minus zero": -0.0,
    "smallest real": 5e-324,
    "largest real": 1.7976931348623157e308,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "not a number": math.nan,  # SQLite stores null
    "broken text": BrokenText(b"\xff\xfe"),
    "broken text with NUL": BrokenText(b"a\0\xff"),
}
TABLES = {
    "no affinity": "CREATE TABLE t (name TEXT PRIMARY KEY, v)",
    "INTEGER": "CREATE TABLE t (name TEXT PRIMARY KEY, v INTEGER)",
    "TEXT": "CREATE TABLE t (name TEXT PRIMARY KEY, v TEXT)",
    "REAL": "CREATE TABLE t (name TEXT PRIMARY KEY, v REAL)",
    "NUMERIC": "CREATE TABLE t (name TEXT PRIMARY KEY, v BOOL)",
    "BLOB": "CREATE TABLE t (name TEXT PRIMARY KEY, v BLOB)",
    "WITHOUT ROWID": "CREATE TABLE t (name TEXT PRIMARY KEY, v) WITHOUT ROWID",
    "STRICT": "CREATE TABLE t (name TEXT PRIMARY KEY, v ANY) STRICT",
    "generated": "CREATE TABLE t (name TEXT PRIMARY KEY, v, w AS (typeof(v)), x AS (name || 1) STORED)",
}
VALUE_PROFILE = profile_of(SetProfile(name="things", table="t", key=("name",)))
KEYS = {
    "no affinity": "CREATE TABLE t (k, n INTEGER, UNIQUE (k))",
    "primary key": "CREATE TABLE t (k PRIMARY KEY, n INTEGER)",
    "WITHOUT ROWID": "CREATE TABLE t (k PRIMARY KEY, n INTEGER) WITHOUT ROWID",
    "STRICT": "CREATE TABLE t (k ANY, n INTEGER, UNIQUE (k)) STRICT",
}
KEY_PROFILE = profile_of(SetProfile(name="things", table="t", key=("k",)))

sql_values = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.binary().map(lambda raw: BrokenText(raw + b"\xff"))
)


def raw(path, statement):
    """Return rows as SQLite has them: storage class, and the bytes of texts."""
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        return connection.execute(statement).fetchall()


def put(path, statement, rows):
    with closing(sqlite3.connect(path)) as connection, connection:
        for values in rows:
            marks = ["CAST(? AS TEXT)" if isinstance(value, BrokenText) else "?" for value in values]
            connection.execute(statement.format(*marks), values)


@pytest.mark.parametrize("triggers", [True, False], ids=["triggers", "scan"])
@pytest.mark.parametrize("table", TABLES)
def test_every_value_survives_the_way_from_one_wallet_to_another(tmp_path, table, triggers):
    here, there = tmp_path / "here.db", tmp_path / "there.db"
    for path in (here, there):
        make(path, TABLES[table])
    ours, theirs = (guest_in(path, VALUE_PROFILE, use_triggers=triggers) for path in (here, there))
    put(here, "INSERT INTO t (name, v) VALUES ({}, {})", VALUES.items())
    assert logged(ours) == ({("things", encode_key([name])) for name in VALUES} if triggers else set())
    values = found(ours, "things")
    outcomes = bring(theirs, "things", values)
    assert all(isinstance(outcome, Written) for outcome in outcomes.values()), outcomes
    query = "SELECT name, typeof(v), v FROM t ORDER BY name"
    assert raw(here, query) == raw(there, query)
    assert str(raw(here, query)) == str(raw(there, query))  # tells -0.0 from 0.0
    assert found(theirs, "things") == values
    assert logged(theirs) == set()
    outcomes = bring(theirs, "things", dict.fromkeys(values))
    assert set(outcomes.values()) == {Written(None)}
    assert raw(there, query) == []
    ours.close()
    theirs.close()


@pytest.mark.parametrize("table", KEYS)
def test_every_value_can_be_a_key(tmp_path, table):
    here, there = tmp_path / "here.db", tmp_path / "there.db"
    for path in (here, there):
        make(path, KEYS[table])
    ours, theirs = (guest_in(path, KEY_PROFILE) for path in (here, there))
    nothing = () if table == "WITHOUT ROWID" else (None,)
    keys = [*nothing, 7, -(2**63), 2.5, math.inf, "text", "", "a\0b", b"", b"\x00\xff", BrokenText(b"\xff\0z"), "7"]
    put(here, "INSERT INTO t VALUES ({}, {})", [(key, number) for number, key in enumerate(keys)])
    assert logged(ours) == {("things", encode_key([key])) for key in keys}
    values = found(ours, "things")
    assert len(values) == len(keys)
    assert all(isinstance(each, Written) for each in bring(theirs, "things", values).values())
    query = "SELECT n, typeof(k), k FROM t ORDER BY n"
    assert raw(here, query) == raw(there, query)
    changed = {key: encode_value({"n": 100 + number}) for number, key in enumerate(values)}
    assert all(isinstance(each, Written) for each in bring(theirs, "things", changed).values())
    assert found(theirs, "things") == changed
    assert set(bring(theirs, "things", dict.fromkeys(values)).values()) == {Written(None)}
    assert raw(there, query) == []
    ours.close()
    theirs.close()


def test_a_row_is_found_by_the_very_key_and_by_no_other_that_compares_equal(tmp_path):
    make(tmp_path / "wallet.db", "CREATE TABLE t (k COLLATE NOCASE PRIMARY KEY, n INTEGER)")
    guest = guest_in(tmp_path / "wallet.db", KEY_PROFILE)
    be_the_wallet(guest.path, "INSERT INTO t VALUES ('abc', 1), (1, 2)")
    table = guest.layout.table_by_set["things"]
    assert guest.reader.read(table, ["abc"]) is not None
    assert guest.reader.read(table, ["ABC"]) is None
    assert guest.reader.read(table, [1]) is not None
    assert guest.reader.read(table, [1.0]) is None
    guest.close()


def test_a_key_that_changes_by_case_or_type_alone_is_logged_under_both(tmp_path):
    make(tmp_path / "wallet.db", "CREATE TABLE t (k COLLATE NOCASE PRIMARY KEY, n INTEGER)")
    guest = guest_in(tmp_path / "wallet.db", KEY_PROFILE)
    be_the_wallet(guest.path, "INSERT INTO t VALUES ('abc', 1), (1, 2)")
    with guest.writing() as connection:
        connection.execute("DELETE FROM walletsync_log")
    be_the_wallet(guest.path, "UPDATE t SET k = 'ABC' WHERE n = 1", "UPDATE t SET k = 1.0 WHERE n = 2")
    keys = {encode_key([key]) for key in ("abc", "ABC", 1, 1.0)}
    assert logged(guest) == {("things", key) for key in keys}
    guest.close()


def test_two_rows_whose_keys_are_null_do_not_take_part_for_their_key_names_neither(tmp_path):
    make(tmp_path / "wallet.db", "CREATE TABLE t (k UNIQUE, n INTEGER)")
    guest = guest_in(tmp_path / "wallet.db", KEY_PROFILE)
    be_the_wallet(guest.path, "INSERT INTO t VALUES (NULL, 1)")
    assert list(found(guest, "things")) == ["[null]"]
    be_the_wallet(guest.path, "INSERT INTO t VALUES (NULL, 2), (3, 3)")
    assert list(found(guest, "things")) == ["[3]"]
    guest.close()


@given(st.lists(sql_values, min_size=1, max_size=6))
def test_keys_survive_their_text(columns):
    assert [(type(each), each) for each in decode_key(encode_key(columns))] == [(type(each), each) for each in columns]


@given(st.dictionaries(st.text(), sql_values))
def test_values_survive_their_json(value_by_column):
    decoded = decode_value(encode_value(value_by_column))
    assert decoded == value_by_column
    assert {name: type(each) for name, each in decoded.items()} == {
        name: type(each) for name, each in value_by_column.items()
    }


@pytest.mark.parametrize(
    "value",
    [
        b"[1]",
        b'{"a": true}',
        b'{"a": 1.5}',
        b'{"a": 9223372036854775808}',
        b'{"a": {"$z": "x"}}',
        b'{"a": {"$r": "one"}}',
        b'{"a": {"$b": "?"}}',
        b'{"a": {"$b": "AA==", "more": 1}}',
        b'{"a": [1]}',
        b'{"a": "\\ud800"}',
        b'{"a": ' + b"[" * 5000,
        b"{",
    ],
)
def test_what_no_column_can_hold_is_told_apart(value):
    with pytest.raises(InvalidValue):
        decode_value(value)


@pytest.mark.parametrize(
    ("column", "default"),
    [
        ("REAL DEFAULT 0", 0.0),
        ("TEXT DEFAULT 0", "0"),
        ("INTEGER DEFAULT '5'", 5),
        ("BOOLEAN DEFAULT FALSE", 0),
        ("NUMERIC DEFAULT '1.50'", 1.5),
        ("INTEGER DEFAULT 'none'", "none"),
        ("DEFAULT 'it''s'", "it's"),
        ("BLOB DEFAULT x'00ff'", b"\0\xff"),
        ("VARCHAR(9) DEFAULT -1", "-1"),
        ("TEXT", None),
    ],
)
@pytest.mark.parametrize("strict", ["", "STRICT"])
def test_a_new_columns_default_is_known_as_sqlite_stores_it(tmp_path, column, default, strict):
    make(tmp_path / "wallet.db", f"CREATE TABLE t (name TEXT PRIMARY KEY) {strict}; INSERT INTO t VALUES ('A');")
    try:
        be_the_wallet(tmp_path / "wallet.db", f"ALTER TABLE t ADD COLUMN v {column}")
        be_the_wallet(tmp_path / "wallet.db", "INSERT INTO t (name) VALUES ('B')")
    except sqlite3.Error:
        assert strict  # whose types are few
        return
    guest = guest_in(tmp_path / "wallet.db", VALUE_PROFILE)
    by_default = guest.layout.table_by_set["things"].default_by_column
    assert by_default == {"v": to_json(default)}
    assert [json.loads(value) for value in found(guest, "things").values()] == [by_default] * 2
    guest.close()
