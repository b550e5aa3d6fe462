import tomllib
from pathlib import Path

import pytest

from config import profile as profile_module
from config.errors import ConfigError, ProfileError
from config.profile import (
    check_optional_sets,
    load_profile,
    parse_profile,
    reference_schema,
    shipped_profiles,
)

GOOD = """
[profile]
name = "own"
version = 1

[require.tables]
notes = ["id", "text"]

[[set]]
name = "notes"
table = "notes"
key = ["id"]
local = ["read_at"]
where = "text <> ''"
moves_to = "archive"

[[set]]
name = "archive"
table = "archive"
key = ["id"]
optional = true

[[ghost]]
table = "ghosts"
where = "TRUE"
replaced_by = "notes"
match = { id = "id" }
"""


def problems_of(text):
    with pytest.raises(ProfileError) as refused:
        parse_profile(text, "own")
    assert all(problem.startswith("the profile own") for problem in refused.value.problems)
    return [problem.removeprefix("the profile own: ") for problem in refused.value.problems]


def test_a_good_profile_is_read():
    profile = parse_profile(GOOD, "own")
    assert (profile.name, profile.version) == ("own", 1)
    assert profile.required_columns == {"notes": ("id", "text")}
    notes, archive = profile.sets
    assert (notes.key, notes.local, notes.where, notes.moves_to) == (("id",), ("read_at",), "text <> ''", "archive")
    assert (archive.optional, archive.guard, archive.order) == (True, False, 0)
    assert profile.ghosts[0].match == {"id": "id"}


@pytest.mark.parametrize(
    ("good", "bad", "problem"),
    [
        ('name = "archive"', 'name = "notes"', "there is more than one set named notes"),
        ('key = ["id"]\nlocal', "key = []\nlocal", "set notes: key must name 1 to 6 columns"),
        (
            'key = ["id"]\nlocal',
            'key = ["a","b","c","d","e","f","g"]\nlocal',
            "set notes: key must name 1 to 6 columns",
        ),
        ('key = ["id"]\nlocal', 'key = ["id", "id"]\nlocal', "set notes: key names a column twice"),
        ('local = ["read_at"]', 'local = ["id"]', "set notes: id cannot be both key and local"),
        ("where = \"text <> ''\"", 'where = " "', "set notes: where is empty"),
        ('moves_to = "archive"', 'moves_to = "attic"', "set notes: moves_to names attic"),
        ('moves_to = "archive"', 'moves_to = "notes"', "set notes: moves_to names notes"),
        ('moves_to = "archive"', 'spent_in = "attic"', "set notes: spent_in names attic, which is no other set"),
        ('moves_to = "archive"', 'spent_in = "notes"', "set notes: spent_in names notes, which is no other set"),
        (
            'key = ["id"]\noptional',
            'key = ["id", "text"]\noptional',
            "set notes: moves_to names archive, whose key has 2 columns",
        ),
        ('table = "archive"', 'table = "my archive"', "set archive: name, table, key and local: 'my archive' is no"),
        ('table = "archive"', 'table = "9"', "set archive: name, table, key and local: '9' is no plain name"),
        ('table = "archive"', 'table = "naïve"', "set archive: name, table, key and local: 'naïve' is no plain name"),
        (
            'table = "archive"',
            'table = "WalletSync_log"',
            "set archive: name, table, key and local: WalletSync_log beg",
        ),
        ('table = "archive"', 'table = "sqlite_master"', "set archive: name, table, key and local: sqlite_master beg"),
        ('name = "archive"', 'name = "circle"', "set circle: the name circle is taken"),
        ('local = ["read_at"]', 'local = ["read at"]', "set notes: name, table, key and local: 'read at' is no plain"),
        ('notes = ["id", "text"]', 'notes = ["id\\""]', "[require] notes: 'id\"' is no plain name"),
        ('replaced_by = "notes"', 'replaced_by = "coins"', "ghost ghosts: replaced_by names coins"),
        ('match = { id = "id" }', "match = {}", "ghost ghosts: match is empty"),
        ('match = { id = "id" }', 'match = { id = "i-d" }', "ghost ghosts: table and match: 'i-d' is no plain name"),
        ('where = "TRUE"', 'where = ""', "ghost ghosts: where is empty"),
        ("version = 1", "version = 0", "[profile] version must be 1 or more"),
        ("version = 1", "", "[profile]: Object missing required field `version`"),
        ("optional = true", "optional = 1", "[[set]] number 2: Expected `bool`, got `int`"),
        ("optional = true", "optonal = true", "[[set]] number 2: Object contains unknown field `optonal`"),
        ("[[ghost]]", "[ghost]", "ghost must be written as [[ghost]], once for each"),
        ("[require.tables]", "[required.tables]", "required is no part of a profile"),
    ],
)
def test_a_profile_that_contradicts_itself_is_refused(good, bad, problem):
    assert good in GOOD
    found = problems_of(GOOD.replace(good, bad, 1))
    assert [each for each in found if each.startswith(problem)], found


def test_a_profile_without_sets_is_refused():
    assert problems_of('[profile]\nname = "own"\nversion = 1\n') == [
        "it has no [[set]], so there would be nothing to sync"
    ]


def test_all_problems_of_a_profile_are_told_at_once():
    assert len(problems_of(GOOD.replace("version = 1", "version = 0").replace('"archive"', '"circle"', 1))) >= 2


def test_what_is_no_toml_is_refused():
    with pytest.raises(ProfileError, match="the profile own is not valid TOML"):
        parse_profile("[[set", "own")


@pytest.mark.parametrize("name", shipped_profiles())
def test_a_shipped_profile_bears_the_name_of_its_file(name):
    assert load_profile(name).name == name


def test_a_profile_of_ones_own_is_read_by_its_path(tmp_path):
    (tmp_path / "own.toml").write_text(GOOD)
    assert load_profile(str(tmp_path / "own.toml")) == parse_profile(GOOD, "own")


def test_an_unknown_name_is_answered_with_those_there_are():
    with pytest.raises(ProfileError, match=r"there is no profile tailor: the shipped profiles are .*taler"):
        load_profile("tailor")


def test_a_profile_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "binary.toml").write_bytes(b"\xff")
    with pytest.raises(ProfileError, match="not text in UTF-8, at byte 0"):
        load_profile(str(tmp_path / "binary.toml"))
    with pytest.raises(ProfileError, match="cannot be read: Is a directory"):
        load_profile(f"{tmp_path}/")


def test_a_profile_has_a_reference_schema_only_where_one_is_shipped(tmp_path):
    assert "CREATE TABLE coins" in (reference_schema("taler") or "")
    assert reference_schema("tailor") is None
    (tmp_path / "own.sql").write_text("")
    assert reference_schema(f"{tmp_path}/own") is None


def test_only_optional_sets_can_be_switched_on():
    profile = parse_profile(GOOD, "own")
    check_optional_sets(profile, ["archive"])
    with pytest.raises(ConfigError) as refused:
        check_optional_sets(profile, ["notes", "attic", "archive"])
    assert refused.value.problems == (
        "[wallet] optional_sets names notes, which is no optional set: those of the profile own are archive",
        "[wallet] optional_sets names attic, which is no optional set: those of the profile own are archive",
    )


def test_the_shipped_profiles_are_files_of_the_package():
    folder = Path(profile_module.__file__).parent / "profiles"
    assert shipped_profiles() == sorted(file.stem for file in folder.glob("*.toml"))
    for name in shipped_profiles():
        assert tomllib.loads((folder / f"{name}.toml").read_text())["profile"]["name"] == name


def test_the_profile_that_the_manual_shows_is_nearly_whole():
    manual = (Path(profile_module.__file__).parent.parent / "docs/profiles.md").read_text()
    shown = manual.split("\n    [profile]\n", 1)[1].split("\nOf a `[[set]]`", 1)[0]
    text = "\n".join(line.removeprefix("    ") for line in f"[profile]\n{shown}".splitlines())
    assert problems_of(text) == [
        "set notes: spent_in names payments, which is no other set of this profile",
        "set notes: moves_to names archive, which is no other set of this profile",
    ]
    alone = text.replace("moves_to", "# moves_to").replace("spent_in", "# spent_in")
    assert parse_profile(alone, "manual").sets[0].guard
