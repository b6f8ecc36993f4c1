"""Production: nothing insecure has a default, and a sandbox or default secret refuses to start."""

from django.core.exceptions import ImproperlyConfigured

from hmnp.settings.base import *  # noqa: F403 -- settings modules are layered by import
from hmnp.settings.base import (
    ALLOWED_HOSTS,
    ANYMAIL,
    EMAIL_BACKEND,
    GHL_WEBHOOK_PUBLIC_KEY,
    HOLDS_PER_ADDRESS,
    PROOF_WEBHOOK_SIGNING_KEY,
    PUBLIC_BASE_URL,
    SANDBOX_URL,
    SECRET_KEY,
    STRIPE_API_BASE,
    STRIPE_API_KEY,
    STRIPE_JS_URL,
    STRIPE_PUBLISHABLE_KEY,
    STRIPE_WEBHOOK_SECRETS,
    TOKEN_KEYS,
    env,
)

SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
# Health probes come from inside, over plain HTTP.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", default=True)
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
if env.bool("BEHIND_TLS_PROXY", default=False):
    # Set only where the proxy overwrites the header.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


def _refuse(condition: bool, message: str) -> None:
    if condition:
        raise ImproperlyConfigured(message)


def _weak(secret: str) -> bool:
    return len(secret) < 32 or "insecure" in secret or "sandbox" in secret or "change-me" in secret


_refuse(_weak(SECRET_KEY), "SECRET_KEY must be a random secret of at least 32 characters.")
_refuse(
    not TOKEN_KEYS or any(_weak(pair.partition(":")[2]) for pair in TOKEN_KEYS.split(",")),
    "TOKEN_KEYS must be `id:secret[,id:secret]`, each secret random, of at least 32 characters.",
)
_refuse(not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS, "ALLOWED_HOSTS must name the site's hosts.")
_refuse(
    not PUBLIC_BASE_URL.startswith("https://"), "PUBLIC_BASE_URL must be the site's https address."
)
_refuse(bool(SANDBOX_URL), "SANDBOX_URL must be empty: the sandbox is for development only.")
_refuse(
    not STRIPE_API_KEY or "sandbox" in STRIPE_API_KEY,
    "STRIPE_API_KEY must be a key of your Stripe account.",
)
_refuse(
    not STRIPE_PUBLISHABLE_KEY or "sandbox" in STRIPE_PUBLISHABLE_KEY,
    "STRIPE_PUBLISHABLE_KEY must be a key of your Stripe account.",
)
_refuse(
    not STRIPE_WEBHOOK_SECRETS
    or any(not secret or "sandbox" in secret for secret in STRIPE_WEBHOOK_SECRETS),
    "STRIPE_WEBHOOK_SECRETS must hold the signing secret of the webhook endpoint.",
)
_refuse(
    not STRIPE_API_BASE.startswith("https://") or not STRIPE_JS_URL.startswith("https://"),
    "STRIPE_API_BASE and STRIPE_JS_URL must be Stripe's https addresses.",
)
_refuse(not GHL_WEBHOOK_PUBLIC_KEY, "GHL_WEBHOOK_PUBLIC_KEY must hold GoHighLevel's public key.")
_refuse(
    not PROOF_WEBHOOK_SIGNING_KEY or "sandbox" in PROOF_WEBHOOK_SIGNING_KEY,
    "PROOF_WEBHOOK_SIGNING_KEY must be the signing key given to Proof at subscription.",
)
_refuse(
    EMAIL_BACKEND.startswith("anymail.backends.postmark")
    and (
        not ANYMAIL["POSTMARK_SERVER_TOKEN"]
        or "sandbox" in str(ANYMAIL["POSTMARK_SERVER_TOKEN"])
        or not str(ANYMAIL["POSTMARK_API_URL"]).startswith("https://")
    ),
    "POSTMARK_SERVER_TOKEN must be the token of your mail server (or set EMAIL_BACKEND).",
)
_refuse(HOLDS_PER_ADDRESS == "off", "HOLDS_PER_ADDRESS may be `off` only outside production.")
for _name in ("DATABASE_URL", "REDIS_URL"):
    _refuse(not env.str(_name, default=""), f"{_name} must be set in production.")
_refuse("CRASHPOINT" in env.ENVIRON, "CRASHPOINT is for fault tests only.")
