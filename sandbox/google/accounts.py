"""The service account: its key, its file, its access tokens."""

from __future__ import annotations

import base64
import binascii
import json
import time
from functools import cached_property
from pathlib import Path
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from sandbox.google.errors import GrantRefused, Refused
from sandbox.store import Store
from sandbox.wire import Json, Request, Response, Route, as_json, token

EMAIL = "hmnp-bookings@sandbox-project.iam.gserviceaccount.example"
GOOGLE_AUDIENCE = "https://oauth2.googleapis.com/token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ROOT = "https://www.googleapis.com/auth/calendar"
SCOPES = frozenset({_ROOT, f"{_ROOT}.events", f"{_ROOT}.readonly", f"{_ROOT}.freebusy"})
LIFETIME = 3599
_LEEWAY = 300
_KEY = "google.key"


class Account:
    """One service account; its private key exists in the ledger and in the file it is given as."""

    def __init__(self, *, store: Store) -> None:
        """Take up the key in the ledger, or make one at first use."""
        self._store = store
        self._kept: str = store.knob(_KEY, "")

    def reset(self) -> None:
        """Keep the key over a wipe: the file that was written names it."""
        if self._kept:
            self._store.set_knob(_KEY, self._kept)

    def write_file(self, *, path: Path, token_uri: str) -> None:
        """Write the file a service account's owner downloads; for its owner's eyes only."""
        pem = self._pem()
        document = {
            "type": "service_account",
            "project_id": "sandbox-project",
            "private_key_id": self._key_id(),
            "private_key": pem,
            "client_email": EMAIL,
            "client_id": "100000000000000000001",
            "token_uri": token_uri,
            "universe_domain": "googleapis.com",
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all: a site that starts meanwhile reads it.
        partial = path.with_name(f"{path.name}.new")
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(document, indent=2), encoding="utf-8")
        partial.replace(path)

    def _pem(self) -> str:
        if not self._kept:
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            self._kept = key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ).decode()
            self._store.set_knob(_KEY, self._kept)
        return self._kept

    @cached_property
    def _public(self) -> rsa.RSAPublicKey:
        # Kept: reading a private key checks its primes, which takes a while.
        key = serialization.load_pem_private_key(self._pem().encode(), password=None)
        assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101 -- we made it
        return key.public_key()

    def _key_id(self) -> str:
        numbers = self._public.public_numbers()
        return f"{numbers.n & (1 << 160) - 1:040x}"

    # Tokens

    def routes(self, *, audiences: frozenset[str]) -> tuple[Route, ...]:
        """Return the token endpoint; a signed request must name one of the audiences."""

        def grant(request: Request) -> Response:
            try:
                return as_json(self._grant(request, audiences))
            except GrantRefused as refused:
                return refused.answer

        return (Route(method="POST", pattern="/google/token", handler=grant, is_api=True),)

    def _grant(self, request: Request, audiences: frozenset[str]) -> Json:
        if request.fail_with == "error_429":
            raise GrantRefused("rate_limit_exceeded", "Rate Limit Exceeded", status=429)
        if request.fail_with:
            raise GrantRefused("internal_failure", "Internal Error", status=500)
        request.begin()
        form = dict(parse_qsl(request.body.decode("latin-1")))
        if form.get("grant_type") != GRANT:
            raise GrantRefused(
                "unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type', '')}"
            )
        claims = self._verified(form.get("assertion", ""))
        now = time.time()
        if claims.get("iss") != EMAIL:
            raise GrantRefused("invalid_grant", "Invalid grant: account not found")
        if claims.get("aud") not in audiences:
            raise GrantRefused("invalid_grant", "Invalid JWT: Failed audience check.")
        issued, expires = claims.get("iat"), claims.get("exp")
        if (
            not isinstance(issued, int | float)
            or not isinstance(expires, int | float)
            or expires <= now
            or issued > now + _LEEWAY
            or expires - issued > 3600
        ):
            raise GrantRefused(
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
                "timeframe. Check your iat and exp values in the JWT claim.",
            )
        if claims.get("sub", EMAIL) != EMAIL:
            raise GrantRefused(
                "unauthorized_client",
                "Client is unauthorized to retrieve access tokens using this method, or client "
                "not authorized for any of the scopes requested.",
                status=401,
            )
        scopes = str(claims.get("scope", "")).split()
        if not scopes or set(scopes) - SCOPES:
            raise GrantRefused(
                "invalid_scope", "Invalid OAuth scope or ID token audience provided."
            )
        doc = {
            "id": f"ya29.{token(40)}",
            "scopes": scopes,
            "expires": self._store.now() + LIFETIME,
        }
        self._store.insert(kind="google_token", doc=doc)
        return {"access_token": doc["id"], "expires_in": LIFETIME, "token_type": "Bearer"}

    def _verified(self, assertion: str) -> Json:
        """Return the claims of an assertion that this account's key has signed."""
        try:
            head, body, signature = assertion.split(".")
            header, claims = json.loads(_decoded(head)), json.loads(_decoded(body))
            signed = _decoded(signature)
        except (ValueError, binascii.Error) as error:
            raise GrantRefused("invalid_grant", "Bad Request") from error
        if not isinstance(header, dict) or not isinstance(claims, dict):
            raise GrantRefused("invalid_grant", "Bad Request")
        if header.get("alg") != "RS256" or header.get("kid", self._key_id()) != self._key_id():
            raise GrantRefused("invalid_grant", "Invalid JWT Signature.")
        try:
            message = f"{head}.{body}".encode()
            self._public.verify(signed, message, padding.PKCS1v15(), SHA256())
        except InvalidSignature as error:
            raise GrantRefused("invalid_grant", "Invalid JWT Signature.") from error
        return claims

    def check(self, request: Request, *, scopes: frozenset[str]) -> None:
        """Raise Refused unless the request bears a living token with one of the scopes."""
        kind, _, given = request.header("authorization").partition(" ")
        doc = self._store.get(kind="google_token", key=given) if kind == "Bearer" else None
        if doc is None or doc["expires"] <= self._store.now():
            raise Refused(
                401,
                "authError" if given else "required",
                "Invalid Credentials" if given else "Login Required",
                locationType="header",
                location="Authorization",
            )
        if not scopes & set(doc["scopes"]):
            raise Refused(
                403,
                "insufficientPermissions",
                "Request had insufficient authentication scopes.",
            )


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
