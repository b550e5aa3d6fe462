"""Secrets where they lie: read whole, written whole, sealed or not, and never by half."""

import json
import os

import pytest
from nacl import pwhash

from daemon import keys
from daemon.errors import SecretsError
from daemon.passphrase import new_key
from daemon.secret import Secret

PASSPHRASE = "an old house with a blue door"
ROOT = Secret(bytes(range(1, 33)))


@pytest.fixture(autouse=True)
def _cheap(monkeypatch):
    monkeypatch.setattr(pwhash.argon2id, "MEMLIMIT_MODERATE", pwhash.argon2id.MEMLIMIT_MIN)
    monkeypatch.setattr(pwhash.argon2id, "OPSLIMIT_MODERATE", 1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "secrets.json"


def made(path, key=None) -> keys.Secrets:
    wallet, created = keys.load_or_create(path, os.urandom)
    assert created
    secrets = keys.Secrets(wallet.wallet, ROOT, key)
    keys.save(path, secrets, os.urandom)
    return secrets


def sealed(path) -> keys.Secrets:
    return made(path, key=new_key(PASSPHRASE, os.urandom))


def read(path, passphrase: str | None = PASSPHRASE, **more) -> keys.Secrets:
    secrets, created = keys.load_or_create(path, os.urandom, passphrase=passphrase and Secret(passphrase), **more)
    assert not created
    return secrets


def why_not(path, passphrase: str | None = PASSPHRASE, **more) -> str:
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(SecretsError) as caught:
        read(path, passphrase, **more)
    assert (path.read_bytes() if path.exists() else None) == before
    return str(caught.value)


def test_secrets_are_read_as_they_were_written(path):
    secrets = made(path)
    assert read(path, None) == secrets
    assert path.stat().st_mode & 0o777 == 0o600
    assert not keys.is_sealed(path)


def test_sealed_secrets_are_read_with_their_passphrase_alone(path):
    secrets = sealed(path)
    assert keys.is_sealed(path)
    assert ROOT.reveal() not in path.read_bytes()
    assert set(json.loads(path.read_bytes())) == {"argon2id", "box", "format"}
    assert read(path) == secrets
    assert why_not(path, None) == f"the secrets {path} are sealed: they need their passphrase"
    assert why_not(path, "wrong") == f"the passphrase is not the one that the secrets {path} were sealed with"


def test_sealed_secrets_stay_sealed_when_they_change_and_no_box_is_written_twice(path):
    secrets = sealed(path)
    first = json.loads(path.read_bytes())
    keys.save(path, secrets.with_root(None), os.urandom)
    second = json.loads(path.read_bytes())
    assert read(path).root is None
    assert second["argon2id"] == first["argon2id"]
    assert second["box"] != first["box"]


def test_a_passphrase_that_is_not_needed_changes_nothing(path):
    secrets = made(path)
    assert read(path, "whatever") == secrets


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "nonsense", '{"format":1}', '{"format":1,"root":null,"wallet":"00"}', '{"format":"x"}']
)
def test_damaged_secrets_are_refused_and_left_alone(text, path):
    path.touch(0o600)
    path.write_text(text)
    assert "are damaged: put back a copy, or join the circle again" in why_not(path)
    assert not keys.is_sealed(path)


@pytest.mark.parametrize(
    ("member", "value", "complaint"),
    [
        ("box", "00", "not the one"),
        ("box", "!", "damaged"),
        ("box", None, "damaged"),
        ("argon2id", {}, "damaged"),
        ("argon2id", {"memory": 2**40, "operations": 1, "salt": "0" * 26}, "damaged"),
        ("more", 1, "damaged"),
        ("format", 2, "have the format 2, this walletsync knows 1"),
    ],
)
def test_a_seal_that_was_changed_is_refused(member, value, complaint, path):
    sealed(path)
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {member: value}))
    assert complaint in why_not(path)


def test_secrets_that_others_can_read_are_refused(path):
    made(path)
    path.chmod(0o640)
    assert why_not(path) == f"the secrets {path} can be read by others: set their mode with chmod 600 {path}"


def test_secrets_come_from_a_credential_and_are_not_written(path, tmp_path):
    secrets = sealed(path)
    credential = path.rename(tmp_path / "walletsync-secrets")
    held = read(path, credential=credential)
    assert (held.wallet, held.root, held.fixed) == (secrets.wallet, secrets.root, True)
    with pytest.raises(SecretsError, match="come from a credential"):
        keys.save(path, held.with_root(None), os.urandom)
    assert not path.exists()


def test_a_file_beside_a_credential_is_refused(path, tmp_path):
    made(path)
    credential = tmp_path / "walletsync-secrets"
    credential.write_bytes(path.read_bytes())
    message = why_not(path, credential=credential)
    assert f"in {path} and in the credential walletsync-secrets" in message


def test_secrets_that_cannot_be_written_leave_the_file_as_it_was(path):
    secrets = made(path)
    before = path.read_bytes()
    path.with_name("secrets.json.new").mkdir()
    with pytest.raises(SecretsError, match="cannot be written"):
        keys.save(path, secrets.with_root(None), os.urandom)
    assert path.read_bytes() == before
