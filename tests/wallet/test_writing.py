"""The wallet's own constraints: what is refused waits alone, and what comes through is as wanted."""

import pytest
from support.wallet_files import be_the_wallet, bring, bring_all, found, guest_in, logged, make, profile_of

from config.profile import GhostRule, SetProfile
from daemon.wallet.rows import BrokenText, encode_key, encode_value
from daemon.wallet.trouble import WalletTrouble
from daemon.wallet.writing import Refused, Written

HANDLES = profile_of(SetProfile(name="handles", table="handles", key=("id",), local=("seen",)))
HANDLES_SCHEMA = "CREATE TABLE handles (id INTEGER PRIMARY KEY, handle TEXT UNIQUE, seen INTEGER DEFAULT 0);"
FAMILY = profile_of(
    SetProfile(name="parents", table="parents", key=("id",), order=1),
    SetProfile(name="children", table="children", key=("id",), order=2),
)


@pytest.fixture(params=[True, False], ids=["triggers", "scan"])
def guest_of(request, tmp_path):
    """Make a wallet of a schema, and return a guest in it."""
    guests = []

    def make_guest(profile, script):
        make(tmp_path / "wallet.db", script)
        guests.append(guest_in(tmp_path / "wallet.db", profile, use_triggers=request.param))
        return guests[0]

    yield make_guest
    guests[0].close()


def row(**columns):
    return encode_value(columns)


def family(reference):
    return (
        "CREATE TABLE parents (id TEXT PRIMARY KEY, name TEXT);"
        f"CREATE TABLE children (id TEXT PRIMARY KEY, parent TEXT REFERENCES parents (id) {reference}, name TEXT);"
    )


def kinds(outcomes):
    """Return the kind of each outcome by set and key column."""
    return {f"{set_name} {key}": type(outcome) for (set_name, key), outcome in outcomes.items()}


def test_rows_that_pass_a_unique_value_on_come_through_in_any_order(guest_of):
    guest = guest_of(HANDLES, HANDLES_SCHEMA + "INSERT INTO handles VALUES (1, 'a', 7), (2, 'b', 8), (3, 'c', 9);")
    outcomes = bring(guest, "handles", {"[1]": row(handle="b"), "[2]": row(handle="c"), "[3]": row(handle="d")})
    assert set(kinds(outcomes).values()) == {Written}
    assert be_the_wallet(guest.path, "SELECT * FROM handles") == [(1, "b", 7), (2, "c", 8), (3, "d", 9)]


def test_a_ring_of_unique_values_comes_through_though_another_row_is_refused_for_ever(guest_of):
    guest = guest_of(
        HANDLES,
        HANDLES_SCHEMA
        + "INSERT INTO handles VALUES (1, 'a', 7), (2, 'b', 8), (3, 'c', 9), (8, 'mine', 0), (9, 'x', 0);",
    )
    ring = {"[1]": row(handle="b"), "[2]": row(handle="c"), "[3]": row(handle="a"), "[9]": row(handle="mine")}
    outcomes = bring(guest, "handles", ring)
    assert isinstance(outcomes["handles", "[9]"], Refused)
    assert be_the_wallet(guest.path, "SELECT * FROM handles") == [
        (1, "b", 7),
        (2, "c", 8),
        (3, "a", 9),
        (8, "mine", 0),
        (9, "x", 0),
    ]
    assert not logged(guest)


def test_a_check_that_refuses_a_row_refuses_no_other(guest_of):
    guest = guest_of(
        profile_of(SetProfile(name="coins", table="coins", key=("id",))),
        "CREATE TABLE coins (id TEXT PRIMARY KEY, value INTEGER CHECK (value > 0))",
    )
    outcomes = bring(guest, "coins", {'["A"]': row(value=1), '["B"]': row(value=-1), '["C"]': row(value=3)})
    assert isinstance(outcomes["coins", '["B"]'], Refused)
    assert "CHECK" in outcomes["coins", '["B"]'].reason
    assert be_the_wallet(guest.path, "SELECT * FROM coins") == [("A", 1), ("C", 3)]


def test_an_update_that_a_trigger_of_the_wallet_forbids_is_not_forced_by_delete_and_insert(guest_of):
    guest = guest_of(
        HANDLES,
        HANDLES_SCHEMA + "INSERT INTO handles VALUES (1, 'a', 7), (2, 'b', 8);"
        "CREATE TRIGGER final BEFORE UPDATE ON handles BEGIN SELECT RAISE(ABORT, 'final'); END;",
    )
    outcomes = bring(guest, "handles", {"[1]": row(handle="b"), "[2]": row(handle="a")})
    assert [outcome.reason for outcome in outcomes.values()] == ["final", "final"]
    assert be_the_wallet(guest.path, "SELECT * FROM handles") == [(1, "a", 7), (2, "b", 8)]


@pytest.mark.parametrize("resolution", ["REPLACE", "IGNORE", "ROLLBACK", "FAIL"])
def test_a_constraint_that_settles_conflicts_quietly_removes_and_hides_nothing(guest_of, resolution):
    guest = guest_of(
        HANDLES,
        f"CREATE TABLE handles (id INTEGER PRIMARY KEY, handle TEXT UNIQUE ON CONFLICT {resolution}, seen INTEGER);"
        "INSERT INTO handles VALUES (1, 'a', 7);",
    )
    outcomes = bring(guest, "handles", {"[2]": row(handle="a"), "[3]": row(handle="c")})
    assert isinstance(outcomes["handles", "[2]"], Refused)
    assert be_the_wallet(guest.path, "SELECT * FROM handles") == [(1, "a", 7), (3, "c", None)]


@pytest.mark.parametrize("what", ["INSERT", "UPDATE", "DELETE"])
def test_a_row_that_a_trigger_of_the_wallet_ignores_is_refused_and_not_taken_for_written(guest_of, what):
    guest = guest_of(
        HANDLES,
        HANDLES_SCHEMA + "INSERT INTO handles VALUES (1, 'a', 7), (2, 'b', 8);"
        f"CREATE TRIGGER deaf BEFORE {what} ON handles BEGIN SELECT RAISE(IGNORE); END;",
    )
    wanted = {"INSERT": {"[3]": row(handle="c")}, "UPDATE": {"[1]": row(handle="z")}, "DELETE": {"[2]": None}}[what]
    (outcome,) = bring(guest, "handles", wanted).values()
    assert isinstance(outcome, Refused)
    assert be_the_wallet(guest.path, "SELECT * FROM handles") == [(1, "a", 7), (2, "b", 8)]


def test_a_trigger_that_needs_a_function_of_the_wallet_refuses_its_table_alone(guest_of):
    guest = guest_of(
        profile_of(
            SetProfile(name="handles", table="handles", key=("id",)),
            SetProfile(name="notes", table="notes", key=("id",)),
        ),
        HANDLES_SCHEMA + "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT);"
        "CREATE TRIGGER own AFTER INSERT ON handles BEGIN SELECT only_the_wallet_has_this(NEW.id); END;",
    )
    outcomes = bring_all(guest, {("handles", "[1]"): row(handle="a"), ("notes", "[1]"): row(text="hi")})
    assert kinds(outcomes) == {"handles [1]": Refused, "notes [1]": Written}


def test_a_trigger_that_rolls_back_everything_is_told_as_trouble_and_nothing_is_half_written(guest_of):
    guest = guest_of(
        HANDLES,
        HANDLES_SCHEMA
        + "CREATE TRIGGER furious BEFORE INSERT ON handles WHEN NEW.id = 2 BEGIN SELECT RAISE(ROLLBACK, 'no'); END;",
    )
    with pytest.raises(WalletTrouble, match="rolled back all that was written with a row of handles"):
        bring(guest, "handles", {"[1]": row(handle="a"), "[2]": row(handle="b")})
    assert be_the_wallet(guest.path, "SELECT * FROM handles") == []


def test_what_a_trigger_of_the_wallet_makes_of_a_row_is_its_base(guest_of):
    guest = guest_of(
        HANDLES,
        HANDLES_SCHEMA + "CREATE TRIGGER louder AFTER INSERT ON handles"
        " BEGIN UPDATE handles SET handle = upper(NEW.handle) WHERE id = NEW.id; END;",
    )
    (outcome,) = bring(guest, "handles", {"[1]": row(handle="a")}).values()
    table = guest.layout.table_by_set["handles"]
    assert found(guest, "handles") == {"[1]": row(handle="A")}
    assert outcome == Written(guest.reader.read(table, [1]).digest)


@pytest.mark.parametrize("reference", ["", "DEFERRABLE INITIALLY DEFERRED"])
def test_a_child_whose_parent_is_missing_waits_and_holds_up_nothing_else(guest_of, reference):
    guest = guest_of(FAMILY, family(reference) + "INSERT INTO parents VALUES ('P', 'p');")
    children = {
        ("children", '["orphan"]'): row(parent="Q", name="o"),
        ("children", '["child"]'): row(parent="P", name="c"),
        ("parents", '["R"]'): row(name="r"),
    }
    outcomes = bring_all(guest, children)
    assert kinds(outcomes) == {
        'children ["orphan"]': Refused,
        'children ["child"]': Written,
        'parents ["R"]': Written,
    }
    assert be_the_wallet(guest.path, "SELECT id FROM children") == [("child",)]
    outcomes = bring_all(guest, {("parents", '["Q"]'): row(name="q"), **children})
    assert set(kinds(outcomes).values()) == {Written}
    assert be_the_wallet(guest.path, "PRAGMA foreign_key_check") == []


@pytest.mark.parametrize("reference", ["", "DEFERRABLE INITIALLY DEFERRED", "ON DELETE RESTRICT"])
def test_a_parent_that_still_has_a_child_stays(guest_of, reference):
    guest = guest_of(
        FAMILY,
        family(reference)
        + "INSERT INTO parents VALUES ('P', 'p'), ('Q', 'q'); INSERT INTO children VALUES ('C', 'P', 'c');",
    )
    outcomes = bring(guest, "parents", {'["P"]': None, '["Q"]': None})
    assert isinstance(outcomes["parents", '["P"]'], Refused)
    assert be_the_wallet(guest.path, "SELECT id FROM parents") == [("P",)]
    outcomes = bring_all(guest, {("parents", '["P"]'): None, ("children", '["C"]'): None})
    assert set(outcomes.values()) == {Written(None)}
    assert be_the_wallet(guest.path, "SELECT id FROM parents") == []


def test_a_parent_goes_in_the_write_that_gives_its_child_another(guest_of):
    guest = guest_of(
        FAMILY,
        family("") + "INSERT INTO parents VALUES ('P', 'p'), ('Q', 'q'); INSERT INTO children VALUES ('C', 'P', 'c');",
    )
    outcomes = bring_all(guest, {("parents", '["P"]'): None, ("children", '["C"]'): row(parent="Q", name="c")})
    assert set(kinds(outcomes).values()) == {Written}
    assert be_the_wallet(guest.path, "SELECT parent FROM children") == [("Q",)]


@pytest.mark.parametrize("cascade", ["ON DELETE CASCADE", "ON DELETE SET NULL"])
def test_a_cascade_that_would_touch_a_row_nobody_asked_for_is_rolled_back(guest_of, cascade):
    guest = guest_of(
        FAMILY,
        family(cascade)
        + "INSERT INTO parents VALUES ('P', 'p'), ('Q', 'q'); INSERT INTO children VALUES ('C', 'P', 'c');",
    )
    outcomes = bring(guest, "parents", {'["P"]': None, '["Q"]': None})
    assert isinstance(outcomes["parents", '["P"]'], Refused)
    assert "nobody asked for" in outcomes["parents", '["P"]'].reason
    assert outcomes["parents", '["Q"]'] == Written(None)
    assert be_the_wallet(guest.path, "SELECT * FROM children") == [("C", "P", "c")]
    assert not logged(guest)


def test_a_cascade_over_listed_rows_is_carried_out(guest_of):
    guest = guest_of(
        FAMILY,
        family("ON DELETE CASCADE")
        + "INSERT INTO parents VALUES ('P', 'p'); INSERT INTO children VALUES ('C', 'P', 'c');",
    )
    outcomes = bring_all(guest, {("parents", '["P"]'): None, ("children", '["C"]'): None})
    assert set(outcomes.values()) == {Written(None)}
    assert be_the_wallet(guest.path, "SELECT * FROM children") == []


def test_rows_of_tables_in_no_set_are_the_wallets_own_affair(guest_of):
    guest = guest_of(
        HANDLES,
        HANDLES_SCHEMA + "CREATE TABLE counts (n INTEGER); INSERT INTO counts VALUES (0);"
        "CREATE TRIGGER counting AFTER INSERT ON handles BEGIN UPDATE counts SET n = n + 1; END;",
    )
    assert set(kinds(bring(guest, "handles", {"[1]": row(handle="a")})).values()) == {Written}
    assert be_the_wallet(guest.path, "SELECT n FROM counts") == [(1,)]


def test_two_sets_of_one_table_do_not_take_each_others_rows_for_strangers(guest_of):
    guest = guest_of(
        profile_of(
            SetProfile(name="open", table="tasks", key=("id",), where="NOT done"),
            SetProfile(name="done", table="tasks", key=("id",), where="done"),
        ),
        "CREATE TABLE tasks (id INTEGER PRIMARY KEY, done INTEGER)",
    )
    outcomes = bring_all(guest, {("open", "[1]"): row(done=0), ("done", "[2]"): row(done=1)})
    assert set(kinds(outcomes).values()) == {Written}
    assert found(guest, "open") == {"[1]": row(done=0)}
    assert found(guest, "done") == {"[2]": row(done=1)}


def test_a_ghost_in_the_sets_own_table_goes_and_one_without_a_name_stays(guest_of):
    guest = guest_of(
        profile_of(
            SetProfile(name="purchases", table="purchases", key=("id",)),
            ghosts=[
                GhostRule(table="purchases", where="ghost", replaced_by="purchases", match={"contract": "contract"})
            ],
        ),
        "CREATE TABLE purchases (id INTEGER PRIMARY KEY, contract TEXT, ghost INTEGER DEFAULT 0);"
        "INSERT INTO purchases VALUES (1, 'C', 1), (2, NULL, 1), (3, 'D', 1);",
    )
    outcomes = bring(guest, "purchases", {"[10]": row(contract="C", ghost=0), "[11]": row(contract=None, ghost=0)})
    assert set(kinds(outcomes).values()) == {Written}
    assert be_the_wallet(guest.path, "SELECT id FROM purchases WHERE ghost") == [(2,), (3,)]


def test_what_is_no_value_of_this_version_is_refused_and_the_rest_written(guest_of):
    guest = guest_of(HANDLES, HANDLES_SCHEMA)
    outcomes = bring(guest, "handles", {"[1]": b'{"handle":{"$new":"x"}}', "[2]": row(handle="b")})
    assert kinds(outcomes) == {"handles [1]": Refused, "handles [2]": Written}


def test_a_row_of_a_wallet_with_fewer_or_more_columns_is_written_as_far_as_it_goes(guest_of):
    guest = guest_of(HANDLES, HANDLES_SCHEMA + "INSERT INTO handles VALUES (1, 'a', 7);")
    outcomes = bring(guest, "handles", {"[1]": row(colour="red"), "[2]": row(colour="blue", handle="b")})
    assert set(kinds(outcomes).values()) == {Written}
    assert be_the_wallet(guest.path, "SELECT * FROM handles") == [(1, "a", 7), (2, "b", 0)]
    assert encode_key([1]) in found(guest, "handles")


@pytest.mark.parametrize("base", [None, "old"])
def test_broken_text_is_refused_where_the_database_would_make_other_text_of_it(guest_of, base):
    guest = guest_of(
        profile_of(SetProfile(name="things", table="t", key=("k",))),
        "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (k PRIMARY KEY, v);"
        + ("INSERT INTO t VALUES ('broken', 'old');" if base else ""),
    )
    broken, whole = encode_key(["broken"]), encode_key([BrokenText(b"\xff")])
    wanted = {broken: row(v=BrokenText(b"a\xff\0")), whole: row(v="x"), '["whole"]': row(v="größer\0\U0001f4b0")}
    outcomes = bring(guest, "things", wanted)
    assert [type(outcomes["things", key]) for key in wanted] == [Refused, Refused, Written]
    assert "not UTF-8" in outcomes["things", broken].reason
    assert found(guest, "things")['["whole"]'] == row(v="größer\0\U0001f4b0")
    assert found(guest, "things").get(broken) == (row(v="old") if base else None)
