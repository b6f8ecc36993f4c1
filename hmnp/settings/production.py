"""Production: nothing insecure has a default, and a sandbox or default secret refuses to start."""

from django.core.exceptions import ImproperlyConfigured

from hmnp.settings.base import *  # noqa: F403 -- settings modules are layered by import
from hmnp.settings.base import (
    ALERT_WEBHOOK_SECRET,
    ALERT_WEBHOOK_URL,
    ALLOWED_HOSTS,
    ANYMAIL,
    EMAIL_BACKEND,
    GHL_API_BASE,
    GHL_API_TOKEN,
    GHL_CALENDAR_ID,
    GHL_LOCATION_ID,
    GHL_WEBHOOK_PUBLIC_KEY,
    GOOGLE_CALENDAR_API_BASE,
    GOOGLE_CALENDAR_ID,
    GOOGLE_SERVICE_ACCOUNT_FILE,
    HOLDS_PER_ADDRESS,
    INTEGRATIONS_OFF,
    METRICS_TOKEN,
    PROOF_API_BASE,
    PROOF_API_KEY,
    PROOF_WEBHOOK_SIGNING_KEY,
    PUBLIC_BASE_URL,
    RATE_LIMIT_AVAILABILITY,
    RATE_LIMIT_BOOKING,
    RATE_LIMIT_CODE,
    RATE_LIMIT_CONFIRM,
    RATE_LIMIT_HOLD,
    RATE_LIMIT_INTENT,
    RATE_LIMIT_LOGIN,
    RATE_LIMIT_PRICING,
    SANDBOX_URL,
    SECRET_KEY,
    STRIPE_API_BASE,
    STRIPE_API_KEY,
    STRIPE_JS_URL,
    STRIPE_PUBLISHABLE_KEY,
    STRIPE_WEBHOOK_SECRETS,
    TOKEN_KEYS,
    TWILIO_ACCOUNT_SID,
    TWILIO_API_BASE,
    TWILIO_AUTH_TOKEN,
    TWILIO_FROM,
    env,
)

SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
# To the site's own name, whatever name was asked for.
SECURE_SSL_HOST = PUBLIC_BASE_URL.partition("://")[2].partition("/")[0]
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
# What a destination needs; one that is not used is named in INTEGRATIONS_OFF.
_NEEDED = {
    "ghl": {
        "GHL_API_TOKEN": GHL_API_TOKEN,
        "GHL_LOCATION_ID": GHL_LOCATION_ID,
        "GHL_CALENDAR_ID": GHL_CALENDAR_ID,
        "GHL_WEBHOOK_PUBLIC_KEY": GHL_WEBHOOK_PUBLIC_KEY,
    },
    "proof": {
        "PROOF_API_KEY": PROOF_API_KEY,
        "PROOF_WEBHOOK_SIGNING_KEY": PROOF_WEBHOOK_SIGNING_KEY,
    },
    "google_calendar": {
        "GOOGLE_SERVICE_ACCOUNT_FILE": GOOGLE_SERVICE_ACCOUNT_FILE,
        "GOOGLE_CALENDAR_ID": GOOGLE_CALENDAR_ID,
    },
    "sms": {
        "TWILIO_ACCOUNT_SID": TWILIO_ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": TWILIO_AUTH_TOKEN,
        "TWILIO_FROM": TWILIO_FROM,
    },
}
for _name, _variables in _NEEDED.items():
    for _variable, _value in _variables.items():
        _refuse(
            _name not in INTEGRATIONS_OFF and (not _value or "sandbox" in _value),
            f"{_variable} must be set, or {_name} named in INTEGRATIONS_OFF.",
        )
# Whoever has the sandbox can sign with the other half of its key.
_refuse(
    "jxZGCGfO6F7bmzgVRXoKH8dLjYD1suh00TZ2oqSoVzg" in GHL_WEBHOOK_PUBLIC_KEY,
    "GHL_WEBHOOK_PUBLIC_KEY must be the vendor's, not the sandbox's.",
)
_refuse(
    bool(ALERT_WEBHOOK_URL) and not ALERT_WEBHOOK_URL.startswith("https://"),
    "ALERT_WEBHOOK_URL must be an https address.",
)
_refuse(
    bool(ALERT_WEBHOOK_URL) and _weak(ALERT_WEBHOOK_SECRET),
    "ALERT_WEBHOOK_SECRET must be random, of at least 32 characters, or ALERT_WEBHOOK_URL empty.",
)
_refuse(
    bool(METRICS_TOKEN) and _weak(METRICS_TOKEN),
    "METRICS_TOKEN must be random, of at least 32 characters, or empty.",
)
for _variable, _value in {
    "GHL_API_BASE": GHL_API_BASE,
    "PROOF_API_BASE": PROOF_API_BASE,
    "GOOGLE_CALENDAR_API_BASE": GOOGLE_CALENDAR_API_BASE,
    "TWILIO_API_BASE": TWILIO_API_BASE,
}.items():
    _refuse(not _value.startswith("https://"), f"{_variable} must be an https address.")
_refuse(
    EMAIL_BACKEND.startswith("anymail.backends.postmark")
    and (
        not ANYMAIL["POSTMARK_SERVER_TOKEN"]
        or "sandbox" in str(ANYMAIL["POSTMARK_SERVER_TOKEN"])
        or not str(ANYMAIL["POSTMARK_API_URL"]).startswith("https://")
    ),
    "POSTMARK_SERVER_TOKEN must be the token of your mail server (or set EMAIL_BACKEND).",
)
_refuse(
    bool(ANYMAIL["WEBHOOK_SECRET"])
    and (":" not in ANYMAIL["WEBHOOK_SECRET"] or _weak(ANYMAIL["WEBHOOK_SECRET"])),
    "MAIL_WEBHOOK_SECRET must be `user:password`, random, of at least 32 characters in all.",
)
for _name, _value in {
    "RATE_LIMIT_BOOKING": RATE_LIMIT_BOOKING,
    "RATE_LIMIT_PRICING": RATE_LIMIT_PRICING,
    "RATE_LIMIT_AVAILABILITY": RATE_LIMIT_AVAILABILITY,
    "RATE_LIMIT_HOLD": RATE_LIMIT_HOLD,
    "RATE_LIMIT_INTENT": RATE_LIMIT_INTENT,
    "RATE_LIMIT_CONFIRM": RATE_LIMIT_CONFIRM,
    "RATE_LIMIT_LOGIN": RATE_LIMIT_LOGIN,
    "RATE_LIMIT_CODE": RATE_LIMIT_CODE,
}.items():
    _refuse(_value == "off", f"{_name} may be `off` only outside production.")
_refuse(HOLDS_PER_ADDRESS == "off", "HOLDS_PER_ADDRESS may be `off` only outside production.")
for _name in ("DATABASE_URL", "REDIS_URL"):
    _refuse(not env.str(_name, default=""), f"{_name} must be set in production.")
_refuse("CRASHPOINT" in env.ENVIRON, "CRASHPOINT is for fault tests only.")
