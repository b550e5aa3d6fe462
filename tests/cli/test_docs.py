"""docs/cli.md says of every command what it takes, and nothing of commands that are not there."""

import json
import re
from pathlib import Path

import click
import pytest
from support.cli_commands import COMMAND_BY_PATH

from ipc.cli.exits import ExitCode
from ipc.cli.words import STATE_WORDS

TEXT = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
HEADINGS = dict(re.findall(r"^##+ walletsync ([a-z]+(?: [a-z]+)*)(.*)$", TEXT, re.MULTILINE))
COMMON = {"--home", "--json", "--help", "--times"}


def chapter(path: str) -> str:
    return re.split(
        r"^##", TEXT.partition(f"# walletsync {path}{HEADINGS[path]}\n")[2], maxsplit=1, flags=re.MULTILINE
    )[0]


def test_every_command_has_its_chapter():
    assert sorted(HEADINGS) == sorted(COMMAND_BY_PATH)


@pytest.mark.parametrize("path", sorted(HEADINGS))
def test_a_chapters_heading_names_every_option_and_argument_and_its_text_shows_an_example(path):
    command = COMMAND_BY_PATH[path]
    shown = [each for each in command.params if not getattr(each, "hidden", False)]
    options = {option for each in shown if isinstance(each, click.Option) for option in each.opts}
    assert set(re.findall(r"--[\w-]+", HEADINGS[path])) - {"--yes"} == options - COMMON - {"--yes"}
    assert ("--yes" in HEADINGS[path]) == ("--yes" in options)
    arguments = [each for each in shown if isinstance(each, click.Argument)]
    assert all(each.human_readable_name.upper().strip("[]") in HEADINGS[path] for each in arguments)
    assert f"\n    $ walletsync {path}" in chapter(path)


def test_every_exit_code_is_listed():
    assert [int(code) for code in re.findall(r"^\| (\d) \|", TEXT, re.MULTILINE)] == [code.value for code in ExitCode]


def test_every_state_of_a_server_is_listed_with_its_words():
    for state, words in STATE_WORDS.items():
        assert re.search(rf"^\| {state} \| {re.escape(words)}(;.*)? \|$", TEXT, re.MULTILINE)


def test_the_documents_shown_are_json():
    shown = re.findall(r"`--json`:\s+`(\{.*?\})`", TEXT)
    assert len(shown) == 23
    for document in shown:
        assert json.loads(document.replace("[...]", "[]"))["api"] == 1


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_line_for_each_shell_is_shown(shell):
    assert f"_WALLETSYNC_COMPLETE={shell}_source walletsync" in TEXT
