"""What is handed over by the service manager, or asked for on the terminal."""

import io
import os

import pytest

from daemon import credentials, keys
from daemon.credentials import find_passphrase, secrets_credential
from daemon.errors import SecretsError
from daemon.passphrase import new_key

PASSPHRASE = "an old house with a blue door"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    path = tmp_path_factory.mktemp("state") / "secrets.json"
    secrets, _ = keys.load_or_create(path, os.urandom)
    keys.save(path, keys.Secrets(secrets.wallet, None, new_key(PASSPHRASE, os.urandom)), os.urandom)
    return path


@pytest.fixture
def environment(tmp_path):
    return {"CREDENTIALS_DIRECTORY": str(tmp_path)}


@pytest.mark.parametrize("written", [PASSPHRASE, f"{PASSPHRASE}\n", f"{PASSPHRASE}\r\n"])
def test_the_passphrase_is_taken_from_its_credential(written, sealed, environment, tmp_path):
    (tmp_path / "walletsync-passphrase").write_text(written, newline="")
    found = find_passphrase(sealed, environment)
    assert found is not None
    assert found.reveal() == PASSPHRASE


def test_nothing_is_asked_where_no_passphrase_is_needed(tmp_path, monkeypatch):
    monkeypatch.setattr("getpass.getpass", lambda prompt: pytest.fail("somebody was asked"))
    monkeypatch.setattr("sys.stdin", Terminal())
    assert find_passphrase(tmp_path / "none.json", {}) is None
    keys.load_or_create(tmp_path / "plain.json", os.urandom)
    assert find_passphrase(tmp_path / "plain.json", {}) is None


def test_the_passphrase_is_asked_for_on_the_terminal(sealed, environment, monkeypatch):
    prompts = []
    monkeypatch.setattr("getpass.getpass", lambda prompt: prompts.append(prompt) or PASSPHRASE)
    monkeypatch.setattr("sys.stdin", Terminal())
    for given in ({}, environment):
        found = find_passphrase(sealed, given)
        assert found is not None
        assert found.reveal() == PASSPHRASE
    assert prompts == [f"Passphrase of {sealed} (it is not shown): "] * 2


def test_without_terminal_and_credential_it_is_said_what_to_do(sealed, environment, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSPHRASE))
    with pytest.raises(SecretsError, match="or give it the credential walletsync-passphrase"):
        find_passphrase(sealed, environment)


def test_a_credential_that_is_no_text_is_refused(sealed, environment, tmp_path):
    (tmp_path / "walletsync-passphrase").write_bytes(b"\xff\xfe")
    with pytest.raises(SecretsError, match="walletsync-passphrase is no text in UTF-8"):
        find_passphrase(sealed, environment)


def test_secrets_are_a_credential_only_where_there_is_one(environment, tmp_path):
    assert secrets_credential({}) is None
    assert secrets_credential(environment) is None
    (tmp_path / credentials.SECRETS).touch()
    assert secrets_credential(environment) == tmp_path / "walletsync-secrets"
