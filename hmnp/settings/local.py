"""A developer's machine: the sandbox plays the outside world, everything on loopback."""

from hmnp.settings.base import *  # noqa: F403 -- settings modules are layered by import
from hmnp.settings.base import ANYMAIL, env
from hmnp.settings.csp import payment_page_csp

SECRET_KEY = env.str("SECRET_KEY", default="insecure-local-only-secret")
TOKEN_KEYS = env.str("TOKEN_KEYS", default="local:insecure-local-only-token-key")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])

_port = env.int("PORT", default=8000)
_sandbox_port = env.int("SANDBOX_PORT", default=8100)
PUBLIC_BASE_URL = env.str("PUBLIC_BASE_URL", default=f"http://127.0.0.1:{_port}")
SANDBOX_URL = env.str("SANDBOX_URL", default=f"http://127.0.0.1:{_sandbox_port}")
TYPED_ADDRESSES_MUST_BE_PUBLIC = False
# Passkeys on http://localhost; browsers offer none for an address in numbers.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True

STRIPE_API_KEY = env.str("STRIPE_API_KEY", default="sk_test_sandbox")
STRIPE_PUBLISHABLE_KEY = env.str("STRIPE_PUBLISHABLE_KEY", default="pk_test_sandbox")
STRIPE_WEBHOOK_SECRETS = env.list("STRIPE_WEBHOOK_SECRETS", default=["whsec_sandbox"])
STRIPE_API_BASE = env.str("STRIPE_API_BASE", default=SANDBOX_URL)
STRIPE_JS_URL = env.str("STRIPE_JS_URL", default=f"{SANDBOX_URL}/js/v3/")
PAYMENT_PAGE_CSP = payment_page_csp(js_url=STRIPE_JS_URL, api_base=STRIPE_API_BASE)
GHL_API_BASE = env.str("GHL_API_BASE", default=f"{SANDBOX_URL}/ghl")
GHL_API_TOKEN = env.str("GHL_API_TOKEN", default="pit-sandbox")
GHL_LOCATION_ID = env.str("GHL_LOCATION_ID", default="loc_sandbox")
GHL_CALENDAR_ID = env.str("GHL_CALENDAR_ID", default="cal_sandbox")
# The public half of the key that the sandbox signs with.
GHL_WEBHOOK_PUBLIC_KEY = env.str(
    "GHL_WEBHOOK_PUBLIC_KEY",
    multiline=True,
    default="-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAjxZGCGfO6F7bmzgVRXoKH8dLjYD1suh00TZ2oqSoVzg=\n"
    "-----END PUBLIC KEY-----",
)
PROOF_API_BASE = env.str("PROOF_API_BASE", default=f"{SANDBOX_URL}/proof")
PROOF_API_KEY = env.str("PROOF_API_KEY", default="prf_test_sandbox")
PROOF_WEBHOOK_SIGNING_KEY = env.str("PROOF_WEBHOOK_SIGNING_KEY", default="proof_sandbox")
GOOGLE_CALENDAR_API_BASE = env.str(
    "GOOGLE_CALENDAR_API_BASE", default=f"{SANDBOX_URL}/google/calendar/v3"
)
GOOGLE_CALENDAR_ID = env.str("GOOGLE_CALENDAR_ID", default="bookings@sandbox.example")
TWILIO_API_BASE = env.str("TWILIO_API_BASE", default=f"{SANDBOX_URL}/twilio")
TWILIO_ACCOUNT_SID = env.str("TWILIO_ACCOUNT_SID", default="ACsandbox")
TWILIO_AUTH_TOKEN = env.str("TWILIO_AUTH_TOKEN", default="twilio_sandbox")
TWILIO_FROM = env.str("TWILIO_FROM", default="+17135550142")

ANYMAIL = {
    **ANYMAIL,
    "POSTMARK_SERVER_TOKEN": env.str("POSTMARK_SERVER_TOKEN", default="postmark_sandbox"),
    "POSTMARK_API_URL": env.str("POSTMARK_API_URL", default=f"{SANDBOX_URL}/postmark/"),
    "WEBHOOK_SECRET": env.str("MAIL_WEBHOOK_SECRET", default="postmark:sandbox"),
}
# Into the sandbox's mailbox, like all mail.
ALERT_EMAILS = env.list("ALERT_EMAILS", default=["owner@example.com"])
COMPANY = {
    **COMPANY,
    "phone": env.str("COMPANY_PHONE", default="(713) 555-0142"),
    "email": env.str("COMPANY_EMAIL", default="hello@example.com"),
}
