"""Encrypted vaults, and builds without them. No key is ever shown."""

import os
import traceback

import pytest

import facevault

KEY = os.urandom(32)
PASSPHRASE = "correct horse battery"
encrypts = pytest.mark.skipif(not facevault.ENCRYPTION, reason="this build has no encryption")


def refused(kind, work, *fields):
    """The work ends with an error of this kind, in which no key is seen."""
    with pytest.raises(facevault.Error) as caught:
        work()
    assert caught.value.kind == kind, caught.value
    assert tuple(violation.field for violation in caught.value.violations) == fields
    shown = "".join(traceback.format_exception(caught.type, caught.value, None)) + repr(vars(caught.value))
    assert KEY.hex() not in shown and PASSPHRASE not in shown and "too short" not in shown


def test_a_key_that_is_none_is_refused(tmp_path):
    path = tmp_path / "wrong.vault"
    for wrong in ("x" * 32, 7):
        with pytest.raises(TypeError, match="key must be 32 random bytes"):
            facevault.Vault(path, mode="create", key=wrong)
    with pytest.raises(TypeError, match="passphrase must be a str"):
        facevault.rekey(path, new_passphrase=b"x")
    refused("invalid", lambda: facevault.Vault(path, mode="create", key=KEY[1:]), "key")
    refused("invalid", lambda: facevault.rekey(path, new_key=KEY + b"x"), "key")
    refused("invalid", lambda: facevault.rekey(path), "to")


@pytest.mark.skipif(facevault.ENCRYPTION, reason="this build has encryption")
def test_without_encryption_a_key_is_an_error_of_its_own(tmp_path):
    path = tmp_path / "plain.vault"
    refused("unsupported", lambda: facevault.Vault(path, mode="create", key=KEY))
    refused("unsupported", lambda: facevault.Vault(path, mode="open_or_create", passphrase=PASSPHRASE))
    refused("unsupported", lambda: facevault.rekey(path, key=KEY, new_passphrase=PASSPHRASE))
    assert not path.exists()


@encrypts
def test_a_vault_is_encrypted_and_opens_with_its_key_alone(tmp_path):
    path = tmp_path / "secret.vault"
    with facevault.Vault(path, mode="create", key=KEY) as vault:
        vault.create_person("Zebedee", id="z")
        assert repr(vault) == "<facevault.Vault>" and not any(KEY.hex() in str(one) for one in vars(vault).values())
    assert b"Zebedee" not in path.read_bytes() and b"SQLite format" not in path.read_bytes()
    refused("key", lambda: facevault.Vault(path))
    refused("key", lambda: facevault.Vault(path, key=os.urandom(32)))
    refused("invalid", lambda: facevault.Vault(path, passphrase="too short"), "passphrase")
    refused("invalid", lambda: facevault.Vault(path, key=KEY, passphrase=PASSPHRASE), "passphrase")
    refused("invalid", lambda: facevault.Vault(key=KEY), "key")

    def name(**key):
        with facevault.Vault(path, **key) as vault:
            return vault.person("z").name

    assert name(key=bytearray(KEY)) == "Zebedee"
    assert facevault.rekey(path, key=KEY, new_passphrase=PASSPHRASE) is True
    assert facevault.rekey(path, key=KEY, new_passphrase=PASSPHRASE) is False
    refused("key", lambda: facevault.Vault(path, key=KEY))
    assert name(passphrase=PASSPHRASE) == "Zebedee"
    assert facevault.rekey(path, passphrase=PASSPHRASE) and name() == "Zebedee"
    refused("key", lambda: facevault.Vault(path, key=KEY))
    with facevault.Vault(path):
        refused("busy", lambda: facevault.rekey(path, new_key=KEY))
    seen = []
    assert facevault.rekey(path, new_key=KEY, progress=lambda *step: seen.append(step)) and seen
    assert name(key=KEY) == "Zebedee"
