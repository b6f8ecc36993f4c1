"""Bearer tokens derived from a server key, so that they can be given again but never read back.

A token is `keyid.purpose.id.generation.mac`. Only its hash, generation and key id are stored;
raising the generation revokes it. The current server key is the first in `TOKEN_KEYS`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

HOLD = "hold"
ACCESS = "access"
MANAGE = "manage"


@dataclass(frozen=True)
class Token:
    """A token whose signature was checked; whether it is still valid is its owner's to say."""

    text: str
    purpose: str
    subject_id: UUID
    generation: int
    key_id: str

    @property
    def hash(self) -> str:
        """The SHA-256 of the token, as stored."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def _keys() -> dict[str, bytes]:
    pairs = [pair.partition(":") for pair in str(settings.TOKEN_KEYS).split(",") if pair]
    if not pairs:
        raise ImproperlyConfigured("TOKEN_KEYS is not set.")
    return {key_id.strip(): secret.encode() for key_id, _, secret in pairs}


def current_key_id() -> str:
    """Give the id of the key that new tokens are derived with."""
    return next(iter(_keys()))


def server_key(*, key_id: str) -> bytes:
    """Give one of the server keys. Raises `KeyError` when it is no longer kept."""
    return _keys()[key_id]


def derive(
    *, purpose: str, subject_id: UUID, generation: int = 1, key_id: str | None = None
) -> Token:
    """Derive the token for one subject and generation, with the current key unless one is named.

    Raises `KeyError` when `key_id` is no longer kept.
    """
    key_id = key_id or current_key_id()
    facts = f"{key_id}.{purpose}.{subject_id.hex}.{generation}"
    digest = hmac.new(server_key(key_id=key_id), facts.encode(), hashlib.sha256).digest()
    mac = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return Token(
        text=f"{facts}.{mac}",
        purpose=purpose,
        subject_id=subject_id,
        generation=generation,
        key_id=key_id,
    )


def read(text: str, *, purpose: str) -> Token | None:
    """Give the token in `text` when we derived it for `purpose`, else None."""
    parts = text.split(".")
    if len(parts) != 5 or parts[1] != purpose or not text.isascii():
        return None
    key_id, _, subject, generation, _ = parts
    try:
        subject_id, number = UUID(hex=subject), int(generation)
        expected = derive(purpose=purpose, subject_id=subject_id, generation=number, key_id=key_id)
    except (ValueError, KeyError):
        return None
    return expected if hmac.compare_digest(expected.text, text) else None
