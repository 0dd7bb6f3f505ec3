"""The cipher of the vault: clear identities stand in it only as AES-GCM, bound to their pseudonym.

NIST SP 800-38D: a fresh 96-bit nonce for each encryption; the pseudonym is the associated data, so that a
ciphertext cannot be moved to another subscriber. Keys have numbers; old ones still open what they sealed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from callcause_error import CallcauseError, UsageError

NONCE_BYTES = 12
KEY_BYTES = 32


class VaultError(CallcauseError):
    """The vault cannot open or show something; never holds a clear identity."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A clear identity at rest."""

    key_number: int
    nonce: bytes
    ciphertext: bytes


class Cipher:
    """Seals with the newest key, opens with the one that sealed."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys.values()):
            raise UsageError(f"a vault key has {KEY_BYTES} bytes", key="vault.keys")
        self._keys = dict(keys)

    @property
    def newest(self) -> int:
        """Number of the key that seals."""
        return max(self._keys)

    def seal(self, pseudonym: str, clear: str) -> Sealed:
        """Encrypt a clear identity under its pseudonym."""
        nonce = os.urandom(NONCE_BYTES)
        box = AESGCM(self._keys[self.newest])
        return Sealed(self.newest, nonce, box.encrypt(nonce, clear.encode(), pseudonym.encode()))

    def open(self, pseudonym: str, sealed: Sealed) -> str:
        """Decrypt; VaultError where the key is gone or the entry was changed."""
        key = self._keys.get(sealed.key_number)
        if key is None:
            raise VaultError(f"the key {sealed.key_number} that sealed this entry is not configured")
        try:
            return AESGCM(key).decrypt(sealed.nonce, sealed.ciphertext, pseudonym.encode()).decode()
        except InvalidTag as error:
            raise VaultError("the entry was changed or belongs to another subscriber") from error

    def rotate(self, pseudonym: str, sealed: Sealed) -> Sealed:
        """Seal again with the newest key; the same entry where it already is."""
        if sealed.key_number == self.newest:
            return sealed
        return self.seal(pseudonym, self.open(pseudonym, sealed))


def masked(clear: str) -> str:
    """Show a clear identity masked: the first three and the last two characters, at most half of it."""
    shown = min(len(clear) // 2, 5)
    tail = min(2, shown // 2)
    head = shown - tail
    return clear[:head] + "*" * (len(clear) - shown) + (clear[-tail:] if tail else "")
