"""Secrets that must be read back, such as a calendar's password: encrypted at rest.

A sealed text is `keyid:ciphertext`. The key is derived from a server key in `TOKEN_KEYS`, so a copy
of the database alone opens nothing. What was sealed under an older key is sealed anew when it is
next used; an older key must be kept until then.
"""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hmnp.core import tokens


class Unreadable(Exception):
    """The sealed text cannot be opened: its key is no longer kept, or it was tampered with."""


def _box(key_id: str, *, purpose: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"sealed.{purpose}".encode())
    return Fernet(base64.urlsafe_b64encode(derived.derive(tokens.server_key(key_id=key_id))))


def seal(text: str, *, purpose: str) -> str:
    """Encrypt `text` under the current server key; what is sealed for one purpose opens no other.

    The empty text stays empty.
    """
    if not text:
        return ""
    key_id = tokens.current_key_id()
    return f"{key_id}:{_box(key_id, purpose=purpose).encrypt(text.encode()).decode()}"


def unseal(sealed: str, *, purpose: str) -> str:
    """Decrypt what `seal` gave. Raises `Unreadable`."""
    if not sealed:
        return ""
    key_id, _, ciphertext = sealed.partition(":")
    try:
        return _box(key_id, purpose=purpose).decrypt(ciphertext.encode()).decode()
    except (KeyError, InvalidToken):
        raise Unreadable from None


def is_stale(sealed: str) -> bool:
    """Tell whether the text is sealed under another key than the current one."""
    return bool(sealed) and sealed.partition(":")[0] != tokens.current_key_id()
