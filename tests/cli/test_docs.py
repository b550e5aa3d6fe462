"""docs/cli.md says of every command what it takes, and nothing of commands that are not there."""

import json
import re
from pathlib import Path

import click
import pytest

from ipc.cli.exits import ExitCode
from ipc.cli.main import walletsync
from ipc.cli.words import STATE_WORDS

TEXT = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
HEADINGS = dict(re.findall(r"^##+ walletsync (\w+)(.*)$", TEXT, re.MULTILINE))
CONTEXT = click.Context(walletsync)
COMMON = {"--home", "--json", "--help"}


def test_every_command_has_its_chapter():
    assert sorted(HEADINGS) == walletsync.list_commands(CONTEXT)


@pytest.mark.parametrize("name", sorted(HEADINGS))
def test_a_chapters_heading_names_every_option_and_argument_and_its_text_shows_an_example(name):
    command = walletsync.get_command(CONTEXT, name)
    options = {option for each in command.params if isinstance(each, click.Option) for option in each.opts}
    assert set(re.findall(r"--\w+", HEADINGS[name])) == options - COMMON
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    assert all(each.human_readable_name.upper().strip("[]") in HEADINGS[name] for each in arguments)
    assert f"\n    $ walletsync {name}" in TEXT


def test_every_exit_code_is_listed():
    assert [int(code) for code in re.findall(r"^\| (\d) \|", TEXT, re.MULTILINE)] == [code.value for code in ExitCode]


def test_every_state_of_a_server_is_listed_with_its_words():
    for state, words in STATE_WORDS.items():
        assert re.search(rf"^\| {state} \| {re.escape(words)}(;.*)? \|$", TEXT, re.MULTILINE)


def test_the_documents_shown_are_json():
    shown = re.findall(r"`--json`: `(\{.*?\})`", TEXT)
    assert len(shown) == 8
    for document in shown:
        assert json.loads(document.replace("[...]", "[]"))["api"] == 1
