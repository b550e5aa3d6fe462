"""A guest in a wallet's file: whatever happens to the file is noticed, and nothing of the wallet's is harmed."""

import os
import shutil
import sqlite3
import subprocess
import tracemalloc
from contextlib import closing, contextmanager

import pytest
from support.wallet_files import be_the_wallet, bring, forget_log, found, guest_in, logged, make, profile_of, schema

from config.profile import SetProfile
from daemon.wallet.guest import Guest
from daemon.wallet.reading import Excluded, Row
from daemon.wallet.rows import decode_key, encode_key, encode_value
from daemon.wallet.trouble import WalletTrouble

COINS = profile_of(
    SetProfile(name="coins", table="coins", key=("id",), local=("checked",)),
    SetProfile(name="handles", table="handles", key=("id",)),
)
SCHEMA = """
CREATE TABLE coins (id TEXT PRIMARY KEY, value INTEGER NOT NULL, checked INTEGER DEFAULT 7);
CREATE INDEX coins_by_value ON coins (value);
CREATE TABLE handles (id INTEGER PRIMARY KEY, handle TEXT UNIQUE);
CREATE VIEW balance AS SELECT sum(value) AS balance FROM coins;
CREATE TRIGGER own AFTER DELETE ON coins BEGIN DELETE FROM handles WHERE handle = OLD.id; END;
INSERT INTO coins VALUES ('A', 1, 0), ('B', 2, 0);
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")


@pytest.fixture(params=["WAL", "DELETE", "TRUNCATE", "PERSIST"])
def journal_mode(request):
    return request.param


@pytest.fixture
def path(tmp_path):
    make(tmp_path / "wallet.db", SCHEMA)
    return tmp_path / "wallet.db"


@pytest.fixture
def guest(path):
    guest = guest_in(path, COINS)
    forget_log(guest)
    yield guest
    guest.close()


def coin(value):
    return encode_value({"value": value})


@contextmanager
def mounted(*arguments):
    """Mount something during the body, where this machine lets us."""
    target = arguments[-1]
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this machine does not let us mount: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(target)], check=True)


@contextmanager
def trouble(guest, state):
    with pytest.raises(WalletTrouble) as caught:
        yield
    assert caught.value.state == state, caught.value.reason


def test_what_we_added_goes_without_a_trace(tmp_path, journal_mode):
    path = tmp_path / "wallet.db"
    make(path, SCHEMA, journal_mode)
    before = schema(path)
    guest = guest_in(path, COINS)
    be_the_wallet(path, "INSERT INTO coins (id, value) VALUES ('C', 3)")
    bring(guest, "coins", {'["D"]': coin(4)})
    assert any("walletsync_" in str(name) for _, name, *_ in schema(path))
    guest.detach()
    assert schema(path) == before
    assert be_the_wallet(path, "PRAGMA integrity_check") == [("ok",)]
    assert be_the_wallet(path, "PRAGMA journal_mode") == [("wal" if journal_mode == "WAL" else "delete",)]
    assert be_the_wallet(path, "SELECT id, value FROM coins") == [("A", 1), ("B", 2), ("C", 3), ("D", 4)]


def test_a_wallet_that_counts_its_rows_itself_keeps_its_own_sequences(tmp_path):
    path = tmp_path / "wallet.db"
    script = "CREATE TABLE coins (id TEXT PRIMARY KEY, value, checked);"
    script += "CREATE TABLE handles (id INTEGER PRIMARY KEY, handle);"
    make(path, script + "CREATE TABLE own (n INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO own VALUES (41);")
    before = schema(path)
    guest = guest_in(path, COINS)
    be_the_wallet(path, "INSERT INTO coins (id, value) VALUES ('C', 3)")
    guest.detach()
    assert schema(path) == before
    assert be_the_wallet(path, "SELECT * FROM sqlite_sequence") == [("own", 41)]


def test_what_does_not_fit_the_profile_any_more_can_be_detached_all_the_same(guest):
    be_the_wallet(guest.path, "ALTER TABLE coins RENAME TO money")
    with trouble(guest, "unfit"):
        guest.refresh()
    guest.detach()
    assert not any("walletsync_" in str(row) for row in schema(guest.path))


def test_a_detach_that_fails_leaves_everything_in_place(guest):
    with closing(sqlite3.connect(guest.path, isolation_level=None)) as wallet:
        wallet.execute("BEGIN IMMEDIATE")
        impatient = Guest(guest.path, COINS, (), use_triggers=True, lock_wait=0.05)
        with trouble(impatient, "locked"):
            impatient.detach()
        wallet.execute("ROLLBACK")
    assert guest.refresh()


def test_what_the_wallet_asks_of_its_connection_is_the_same_with_our_triggers(guest):
    with closing(sqlite3.connect(guest.path, isolation_level=None)) as wallet:
        wallet.execute("INSERT INTO handles (handle) VALUES ('x')")
        cursor = wallet.execute("INSERT INTO handles (handle) VALUES ('y')")
        assert (cursor.lastrowid, cursor.rowcount) == (2, 1)
        assert wallet.execute("SELECT last_insert_rowid(), changes()").fetchone() == (2, 1)
        assert wallet.execute("UPDATE handles SET handle = handle || '!'").rowcount == 2


def test_every_change_is_logged_and_what_is_rolled_back_is_not(guest):
    with closing(sqlite3.connect(guest.path, isolation_level=None)) as wallet:
        wallet.executescript(
            "BEGIN; INSERT INTO coins VALUES ('X', 1, 0); ROLLBACK;"
            "BEGIN; UPDATE coins SET value = 5 WHERE id = 'A'; UPDATE coins SET id = 'C' WHERE id = 'B'; COMMIT;"
        )
    assert logged(guest) == {("coins", '["A"]'), ("coins", '["B"]'), ("coins", '["C"]')}


@pytest.mark.parametrize("recursive", ["ON", "OFF"])
def test_the_row_that_a_replace_removes_is_logged_too(guest, recursive):
    be_the_wallet(guest.path, "INSERT INTO handles VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    forget_log(guest)
    be_the_wallet(
        guest.path,
        f"PRAGMA recursive_triggers = {recursive}",
        "INSERT OR REPLACE INTO handles VALUES (9, 'a')",
        "UPDATE OR REPLACE handles SET handle = 'b' WHERE id = 3",
        "INSERT INTO coins VALUES ('A', 8, 0) ON CONFLICT DO UPDATE SET value = excluded.value",
        "REPLACE INTO coins VALUES ('B', 9, 0)",
    )
    assert be_the_wallet(guest.path, "SELECT * FROM handles ORDER BY id") == [(3, "b"), (9, "a")]
    assert {key for name, key in logged(guest) if name == "handles"} == {"[1]", "[2]", "[3]", "[9]"}
    assert {key for name, key in logged(guest) if name == "coins"} == {'["A"]', '["B"]'}


def test_a_wallet_that_drops_its_own_index_and_column_is_not_held_up_by_our_triggers(tmp_path):
    make(
        tmp_path / "wallet.db",
        "CREATE TABLE coins (id TEXT PRIMARY KEY, value INTEGER, checked, extra, serial);"
        "CREATE UNIQUE INDEX by_serial ON coins (serial); CREATE TABLE handles (id INTEGER PRIMARY KEY, handle TEXT);",
    )
    guest = guest_in(tmp_path / "wallet.db", COINS)
    be_the_wallet(
        guest.path,
        "BEGIN",
        "DROP INDEX by_serial",
        "ALTER TABLE coins DROP COLUMN serial",
        "ALTER TABLE coins DROP COLUMN extra",
        "ALTER TABLE handles RENAME COLUMN handle TO name",
        "COMMIT",
    )
    assert guest.refresh()
    assert guest.layout.table_by_set["coins"].shared == ("value",)
    be_the_wallet(guest.path, "INSERT INTO handles VALUES (1, 'a')")
    assert ("handles", "[1]") in logged(guest)
    guest.close()


def test_a_table_rebuilt_the_way_sqlite_recommends_is_noticed_and_watched_again(guest):
    be_the_wallet(
        guest.path,
        "PRAGMA foreign_keys = OFF",
        "BEGIN",
        "DROP VIEW balance",
        "CREATE TABLE new_coins (id TEXT PRIMARY KEY, value INTEGER NOT NULL, checked INTEGER DEFAULT 7, memo TEXT)",
        "INSERT INTO new_coins SELECT id, value, checked, 'old' FROM coins",
        "DROP TABLE coins",
        "ALTER TABLE new_coins RENAME TO coins",
        "COMMIT",
    )
    be_the_wallet(guest.path, "INSERT INTO coins VALUES ('C', 3, 0, 'new')")
    assert not guest.refresh()
    guest.install()
    assert guest.refresh()
    assert set(found(guest, "coins")) == {'["A"]', '["B"]', '["C"]'}
    be_the_wallet(guest.path, "DELETE FROM coins WHERE id = 'A'")
    assert ("coins", '["A"]') in logged(guest)


@pytest.mark.parametrize("what", ["TRIGGER walletsync_coins_insert", "TABLE walletsync_log", "TABLE walletsync_marker"])
def test_whatever_of_ours_is_dropped_is_noticed_and_put_back(guest, what):
    be_the_wallet(guest.path, f"DROP {what}")
    assert not guest.refresh()
    guest.install()
    assert guest.refresh()
    be_the_wallet(guest.path, "INSERT INTO coins VALUES ('C', 3, 0)")
    assert ("coins", '["C"]') in logged(guest)


def test_a_database_that_does_not_fit_is_left_alone_and_the_difference_named(tmp_path):
    make(tmp_path / "wallet.db", "CREATE TABLE coins (id TEXT, value INTEGER); CREATE VIEW handles AS SELECT 1 AS id;")
    before = schema(tmp_path / "wallet.db")
    guest = Guest(tmp_path / "wallet.db", COINS, (), use_triggers=True)
    with trouble(guest, "unfit"):
        guest.refresh()
    be_the_wallet(tmp_path / "wallet.db", "ALTER TABLE coins ADD COLUMN checked")
    with pytest.raises(WalletTrouble, match="no unique constraint of the table coins makes id name one row") as caught:
        guest.refresh()
    assert "handles of the set handles is no ordinary table" in caught.value.reason
    assert schema(tmp_path / "wallet.db")[0][:2] == before[0][:2]
    assert not any("walletsync" in str(row) for row in schema(tmp_path / "wallet.db"))


def test_a_local_column_that_needs_a_value_and_has_no_default_is_named(tmp_path):
    script = "CREATE TABLE coins (id TEXT PRIMARY KEY, value, checked INTEGER NOT NULL);"
    script += "CREATE TABLE handles (id PRIMARY KEY);"
    make(tmp_path / "wallet.db", script)
    with pytest.raises(WalletTrouble, match="checked of the table coins must have a default or allow NULL"):
        Guest(tmp_path / "wallet.db", COINS, (), use_triggers=True).refresh()


def test_what_is_no_database_is_told(tmp_path):
    (tmp_path / "wallet.db").write_bytes(b"not a database, but long enough to be looked at" * 100)
    guest = Guest(tmp_path / "wallet.db", COINS, (), use_triggers=True)
    with trouble(guest, "unfit"):
        guest.refresh()


def test_a_vacuum_and_a_checkpoint_change_nothing_for_us(tmp_path, journal_mode):
    make(tmp_path / "wallet.db", SCHEMA, journal_mode)
    guest = guest_in(tmp_path / "wallet.db", COINS)
    forget_log(guest)
    values = found(guest, "coins")
    be_the_wallet(guest.path, "DELETE FROM coins WHERE id = 'B'", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)")
    assert guest.refresh()
    assert logged(guest) == {("coins", '["B"]')}
    assert found(guest, "coins") == {'["A"]': values['["A"]']}
    guest.close()


def test_a_file_that_is_replaced_is_the_one_we_work_on_from_then_on(guest, tmp_path):
    make(tmp_path / "other.db", SCHEMA + "INSERT INTO coins VALUES ('Z', 26, 0);")
    be_the_wallet(tmp_path / "other.db", "PRAGMA journal_mode = DELETE")
    for name in ("wallet.db-wal", "wallet.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "other.db").replace(guest.path)
    assert guest.committed_since()
    assert guest.marker() is None
    assert not guest.refresh()
    guest.install()
    guest.refresh()
    assert '["Z"]' in found(guest, "coins")


def test_a_file_that_is_not_there_is_waited_for(tmp_path):
    guest = Guest(tmp_path / "folder" / "wallet.db", COINS, (), use_triggers=True)
    for _ in range(2):
        with trouble(guest, "absent"):
            guest.refresh()
        assert not (tmp_path / "folder").exists()
    (tmp_path / "folder").mkdir()
    with trouble(guest, "absent"):
        guest.refresh()
    assert list((tmp_path / "folder").iterdir()) == []
    make(guest.path, SCHEMA)
    assert not guest.refresh()
    guest.path.unlink()
    with trouble(guest, "absent"):
        guest.refresh()
    make(guest.path, SCHEMA)
    assert not guest.refresh()
    guest.close()


def test_a_locked_file_is_told_after_the_wait_and_works_again_afterwards(tmp_path, journal_mode):
    make(tmp_path / "wallet.db", SCHEMA, journal_mode)
    guest = guest_in(tmp_path / "wallet.db", COINS, lock_wait=0.1)
    with closing(sqlite3.connect(guest.path, isolation_level=None)) as wallet:
        wallet.execute("BEGIN EXCLUSIVE")
        with pytest.raises(WalletTrouble, match=r"stayed locked by the wallet for 0\.1 s") as caught:
            bring(guest, "coins", {'["C"]': coin(3)})
        assert caught.value.state == "locked"
        wallet.execute("COMMIT")
    bring(guest, "coins", {'["C"]': coin(3)})
    assert '["C"]' in found(guest, "coins")
    guest.close()


def test_a_second_process_sees_our_write_whole_or_not_at_all(guest):
    with guest.writing() as connection:
        connection.execute("UPDATE coins SET value = value - 1 WHERE id = 'B'")
        connection.execute("UPDATE coins SET value = value + 1 WHERE id = 'A'")
        assert be_the_wallet(guest.path, "SELECT value FROM coins ORDER BY id") == [(1,), (2,)]
    assert be_the_wallet(guest.path, "SELECT value FROM coins ORDER BY id") == [(2,), (1,)]


@as_root
def test_a_read_only_folder_is_told_and_works_once_it_can_be_written(path, journal_mode, tmp_path):
    be_the_wallet(path, f"PRAGMA journal_mode = {journal_mode}")
    seen = tmp_path / "seen"
    seen.mkdir()
    guest = Guest(seen / "wallet.db", COINS, (), use_triggers=True, lock_wait=0.1)
    with mounted("--bind", "-o", "ro", path.parent, seen), closing(guest), trouble(guest, "readonly"):
        guest.refresh()
        guest.install()
    with mounted("--bind", path.parent, seen), closing(guest):
        assert not guest.refresh()
        guest.install()
        assert guest.refresh()


@as_root
def test_a_full_disk_is_told_and_leaves_the_wallet_whole(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=300k", "tmpfs", disk):
        make(disk / "wallet.db", SCHEMA)
        guest = guest_in(disk / "wallet.db", COINS)
        huge = {f'["{number}"]': encode_value({"value": number, "checked": "x"}) for number in range(20_000)}
        with pytest.raises(WalletTrouble, match="the disk is full") as caught:
            bring(guest, "coins", huge)
        assert caught.value.state == "readonly"
        assert set(found(guest, "coins")) == {'["A"]', '["B"]'}
        bring(guest, "coins", {'["C"]': coin(3)})
        assert be_the_wallet(guest.path, "PRAGMA integrity_check", "SELECT count(*) FROM coins") == [(3,)]
        guest.close()


def test_a_copy_of_the_file_alone_holds_all_once_the_wallet_and_we_have_closed(guest, tmp_path):
    bring(guest, "coins", {'["C"]': coin(3)})
    guest.close()
    shutil.copy(guest.path, tmp_path / "copy.db")
    assert len(be_the_wallet(tmp_path / "copy.db", "SELECT * FROM coins")) == 3


def test_in_a_database_that_is_scanned_nothing_watches_the_wallet_but_our_own_writes_are(path):
    guest = guest_in(path, COINS, use_triggers=False)
    be_the_wallet(path, "INSERT INTO coins VALUES ('C', 3, 0)")
    assert logged(guest) == set()
    assert be_the_wallet(path, "SELECT name FROM sqlite_master WHERE type = 'trigger'") == [("own",)]
    be_the_wallet(path, "INSERT INTO handles VALUES (1, 'A')")
    outcomes = bring(guest, "coins", {'["A"]': None, '["B"]': None})
    assert "nobody asked for" in outcomes["coins", '["A"]'].reason
    assert be_the_wallet(path, "SELECT * FROM handles") == [(1, "A")]
    guest.close()


def test_a_copy_of_the_file_alone_holds_all_though_we_have_it_open(guest, tmp_path):
    be_the_wallet(guest.path, "INSERT INTO coins VALUES ('C', 3, 0)")
    guest.tidy_up()
    shutil.copy(guest.path, tmp_path / "copy.db")
    assert len(be_the_wallet(tmp_path / "copy.db", "SELECT * FROM coins")) == 3


def test_tidying_up_waits_for_nobody(guest):
    with closing(sqlite3.connect(guest.path, isolation_level=None)) as wallet:
        wallet.execute("BEGIN IMMEDIATE")
        wallet.execute("INSERT INTO coins VALUES ('C', 3, 0)")
        guest.tidy_up()
        wallet.execute("COMMIT")
    bring(guest, "coins", {'["D"]': coin(4)})
    assert set(found(guest, "coins")) == {'["A"]', '["B"]', '["C"]', '["D"]'}


def test_a_copy_that_is_put_back_in_place_is_read_as_it_is_and_not_from_memory(tmp_path, journal_mode):
    make(tmp_path / "wallet.db", SCHEMA, journal_mode)
    guest = guest_in(tmp_path / "wallet.db", COINS)
    guest.tidy_up()
    shutil.copyfile(guest.path, tmp_path / "backup")
    be_the_wallet(guest.path, "INSERT INTO coins VALUES ('C', 3, 0)")
    guest.refresh()
    assert '["C"]' in found(guest, "coins")
    guest.tidy_up()
    shutil.copyfile(tmp_path / "backup", guest.path)
    assert guest.committed_since()
    assert set(found(guest, "coins")) == {'["A"]', '["B"]'}
    bring(guest, "coins", {'["D"]': coin(4)})
    assert be_the_wallet(guest.path, "PRAGMA integrity_check", "SELECT count(*) FROM coins") == [(3,)]
    guest.close()


def test_our_own_writes_and_tidying_are_no_news(guest):
    guest.committed_since()
    bring(guest, "coins", {'["D"]': coin(4)})
    guest.tidy_up()
    assert not guest.committed_since()
    be_the_wallet(guest.path, "INSERT INTO coins VALUES ('C', 3, 0)")
    assert guest.committed_since()
    assert not guest.committed_since()


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
def test_a_log_that_is_removed_under_us_is_let_go_so_that_the_wallet_can_be_used_again(guest, tmp_path, suffix):
    be_the_wallet(guest.path, "INSERT INTO coins VALUES ('C', 3, 0)")
    assert guest.refresh()
    guest.tidy_up()
    (tmp_path / f"wallet.db{suffix}").unlink()
    guest.refresh()
    be_the_wallet(guest.path, "INSERT INTO coins VALUES ('D', 4, 0)")
    assert guest.refresh()
    assert set(found(guest, "coins")) == {'["A"]', '["B"]', '["C"]', '["D"]'}
    assert be_the_wallet(guest.path, "PRAGMA integrity_check") == [("ok",)]


def test_a_log_removed_under_the_wallet_too_is_told_and_works_once_the_wallet_has_closed(guest, tmp_path):
    guest.tidy_up()
    with closing(sqlite3.connect(guest.path, isolation_level=None)) as wallet:
        wallet.execute("INSERT INTO coins VALUES ('C', 3, 0)")
        wallet.execute("CREATE TABLE more (id)")
        (tmp_path / "wallet.db-wal").unlink()
        for _ in range(2):
            with trouble(guest, "unfit"):
                guest.refresh()
    guest.refresh()
    be_the_wallet(guest.path, "INSERT INTO coins VALUES ('D', 4, 0)")
    assert set(found(guest, "coins")) == {'["A"]', '["B"]', '["C"]', '["D"]'}


def test_a_row_far_too_large_is_left_out_without_being_read_and_no_other_row_is_missed(guest):
    be_the_wallet(
        guest.path,
        "INSERT INTO coins SELECT 'N' || value, value, 0 FROM json_each('[1,2,3,4,5,6,7,8,9]')",
        "UPDATE coins SET value = zeroblob(100000000) WHERE id = 'N4'",
        "UPDATE coins SET value = printf('%.9000000c', 'x') WHERE id = 'N7'",
    )
    expected = {encode_key([each]) for each in ("A", "B", *(f"N{number}" for number in (1, 2, 3, 5, 6, 8, 9)))}
    table = guest.layout.table_by_set["coins"]
    tracemalloc.start()
    with guest.reading():
        keys = [key for key, _ in guest.reader.scan(table)]
        assert isinstance(guest.reader.read(table, ["N4"]), Excluded)
        assert isinstance(guest.reader.read(table, ["N7"]), Excluded)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (set(keys), len(keys)) == (expected, len(expected))
    assert "a blob takes" in guest.reader.take_left_out()["coins"]
    assert peak < 2**20
    bring(guest, "coins", {'["N4"]': coin(4), '["C"]': coin(3)})
    assert len(found(guest, "coins")) == len(expected) + 2


def test_a_key_far_too_large_is_left_out_and_holds_up_nothing(guest):
    be_the_wallet(guest.path, "INSERT INTO coins VALUES (printf('%.9000000c', 'x'), 1, 0), ('C', 3, 0)")
    with guest.reading():
        keys = guest.read_log().keys
        table = guest.layout.table_by_set["coins"]
        rows = {key: guest.reader.read(table, decode_key(key)) for _, key in keys}
    assert {key for key, row in rows.items() if isinstance(row, Row)} == {'["C"]'}
    assert len(rows) == 2
    assert set(found(guest, "coins")) == {'["A"]', '["B"]', '["C"]'}


def test_what_the_wallet_itself_calls_like_ours_stays_the_wallets(guest):
    own = (
        "CREATE TABLE walletsync_settings (name TEXT UNIQUE)",
        "CREATE UNIQUE INDEX walletsync_names ON walletsync_settings (name DESC)",
        "CREATE TRIGGER walletsync_own AFTER INSERT ON walletsync_settings BEGIN DELETE FROM handles; END",
    )
    be_the_wallet(guest.path, *own, "INSERT INTO walletsync_settings VALUES ('A')")
    before = schema(guest.path)
    assert guest.refresh()
    guest.install()
    assert schema(guest.path) == before
    guest.detach()
    left = {name for _, name, *_ in schema(guest.path) if "walletsync" in name}
    assert left - {"sqlite_autoindex_walletsync_settings_1"} == {
        "walletsync_settings",
        "walletsync_names",
        "walletsync_own",
    }
    assert be_the_wallet(guest.path, "SELECT * FROM walletsync_settings") == [("A",)]
