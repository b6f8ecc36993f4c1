"""`manage.py check --deploy` on the production settings, with secrets made up for the moment."""

import os
import secrets
import subprocess
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hmnp.dev.state import CHECKOUT


def production_environment() -> dict[str, str]:
    """Make a complete production environment; nothing of ours is passed on but the PATH."""
    key = Ed25519PrivateKey.generate().public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "DJANGO_SETTINGS_MODULE": "hmnp.settings.production",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "TOKEN_KEYS": f"k1:{secrets.token_urlsafe(48)}",
        "ALLOWED_HOSTS": "book.example.com",
        "PUBLIC_BASE_URL": "https://book.example.com",
        "DATABASE_URL": "postgres://hmnp:unused@db.example.com/hmnp",
        "REDIS_URL": "redis://redis.example.com/0",
        "STRIPE_API_KEY": f"sk_live_{secrets.token_hex(16)}",
        "STRIPE_PUBLISHABLE_KEY": f"pk_live_{secrets.token_hex(16)}",
        "STRIPE_WEBHOOK_SECRETS": f"whsec_{secrets.token_hex(16)}",
        "POSTMARK_SERVER_TOKEN": secrets.token_hex(16),
        "GHL_WEBHOOK_PUBLIC_KEY": pem.replace("\n", "\\n"),
        "GHL_API_TOKEN": f"pit-{secrets.token_hex(16)}",
        "GHL_LOCATION_ID": secrets.token_hex(10),
        "GHL_CALENDAR_ID": secrets.token_hex(10),
        "PROOF_API_KEY": f"prf_{secrets.token_hex(16)}",
        "PROOF_WEBHOOK_SIGNING_KEY": secrets.token_hex(16),
        "GOOGLE_SERVICE_ACCOUNT_FILE": "/run/secrets/google-service-account.json",
        "GOOGLE_CALENDAR_ID": "bookings@example.com",
        "TWILIO_ACCOUNT_SID": f"AC{secrets.token_hex(16)}",
        "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
        "TWILIO_FROM": "+17135550100",
    }


def main() -> int:
    """Run the check; warnings fail it too."""
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    return subprocess.run(
        command, env=production_environment(), cwd=CHECKOUT, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
