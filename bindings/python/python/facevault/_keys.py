"""Keys of encrypted vaults. Nothing here keeps one or shows it."""

from __future__ import annotations

import json
import os
from typing import Dict, Optional, Union

from . import _native
from ._engine import ProgressCall, request
from ._errors import invalid

ENCRYPTION: bool = _native.has_encryption()
"""Whether this build can encrypt vaults."""


def key_fields(key: Optional[bytes], passphrase: Optional[str]) -> Dict[str, str]:
    """The key of a request: 32 random bytes, or a passphrase."""
    fields: Dict[str, str] = {}
    if key is not None:
        if not isinstance(key, (bytes, bytearray, memoryview)):
            raise TypeError(f"key must be 32 random bytes, not {type(key).__name__}")
        if len(key) != 32:
            raise invalid("key", f"must be 32 random bytes, has {len(key)}")
        fields["key"] = bytes(key).hex()
    if passphrase is not None:
        if not isinstance(passphrase, str):
            raise TypeError(f"passphrase must be a str, not {type(passphrase).__name__}")
        fields["passphrase"] = passphrase
    return fields


def rekey(
    path: Union[str, os.PathLike[str]],
    *,
    key: Optional[bytes] = None,
    passphrase: Optional[str] = None,
    new_key: Optional[bytes] = None,
    new_passphrase: Optional[str] = None,
    progress: Optional[ProgressCall] = None,
) -> bool:
    """Encrypts a vault that nobody has open (``new_key`` or ``new_passphrase`` alone), decrypts it (``key`` or
    ``passphrase`` alone) or gives it another key (both). ``False`` where it is so already.

    What is killed or stopped leaves the old vault whole; call this again then. Backups keep the key that they were made
    with. Whoever loses the key has lost the vault.
    """
    old, new = key_fields(key, passphrase), key_fields(new_key, new_passphrase)
    body = request(**{"from": old or None, "to": new or None})
    return bool(json.loads(_native.rekey(path, body, progress))["changed"])
