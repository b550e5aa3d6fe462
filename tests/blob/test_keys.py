"""Keys, derived from the root secret and from a wallet's seed."""

import pytest
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.signing import SigningKey

from daemon.blob.keys import server_keys, wallet_keys
from ipc import base32

ROOT = bytes(range(32))
SERVER = "https://sync.example.org/"


def test_keys_of_a_server_are_those_of_the_specification():
    """docs/adr/0003-key-derivation.md and docs/blob-format.md give these values for other implementations."""
    keys = server_keys(ROOT, SERVER)
    assert keys.account.seed.hex() == "dce552a9951d4df43785c0df9e84d61643a4d65a7bce11500d9682fc2dcf50a7"
    assert keys.account.public_key.hex() == "909009f0db27acd03efae85d6a15c3d7b263ddf934fc0d1b0e6714b1a0a63a60"
    assert keys.blob_key.hex() == "46716c1f90500e4cc297700dd2c7644a10bcc42e81f070299f66db73994d55b4"


def test_an_account_is_an_ed25519_pair():
    account = server_keys(ROOT, SERVER).account
    assert bytes(SigningKey(account.seed).verify_key) == account.public_key


def test_all_keys_of_all_servers_and_roots_differ():
    keys = [server_keys(root, server) for root in (ROOT, bytes(32)) for server in (SERVER, SERVER + "x/", "folder:A")]
    secrets = {secret for one in keys for secret in (one.blob_key, one.account.seed, one.account.public_key)}
    assert len(secrets) == 3 * len(keys)


def test_a_wallets_id_is_its_public_key_in_base32():
    keys = wallet_keys(ROOT)
    assert keys.id == "0EGGFFZKSR8BW7BGVMCEEJY0K5KY9NHGKEJGTQRXVJ3684JN66W0"
    assert base32.decode(keys.id, 32) == keys.public_key == bytes(SigningKey(ROOT).verify_key)


def test_what_is_sealed_to_a_wallet_is_opened_with_its_seed():
    keys = wallet_keys(ROOT)
    note = SealedBox(PublicKey(keys.sealing_key)).encrypt(b"a new root")
    private: PrivateKey = SigningKey(keys.seed).to_curve25519_private_key()
    assert SealedBox(private).decrypt(note) == b"a new root"


def test_no_repr_shows_a_secret():
    keys = server_keys(ROOT, SERVER)
    wallet = wallet_keys(ROOT)
    shown = repr((keys, wallet, [keys.account])) + str(keys) + f"{wallet}"
    for secret in (keys.blob_key, keys.account.seed, wallet.seed):
        assert secret.hex() not in shown
        assert repr(secret)[2:-1] not in shown


@pytest.mark.parametrize("secret", [b"", bytes(31), bytes(33)])
def test_a_secret_of_another_length_is_a_fault(secret):
    with pytest.raises(ValueError, match="32 bytes"):
        server_keys(secret, SERVER)
    with pytest.raises(ValueError, match="32 bytes"):
        wallet_keys(secret)


def test_a_server_without_identity_is_a_fault():
    with pytest.raises(ValueError, match="identity"):
        server_keys(ROOT, "")
