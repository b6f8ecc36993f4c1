"""Which rows the audit log follows, and what of them it may not say."""

from typing import Any

MASK = "hmnp.accounts.audit.mask"
# What is personal or secret is masked whole, so that a change is still seen.
MODELS: tuple[str | dict[str, Any], ...] = (
    *(
        f"services.{name}"
        for name in (
            "CancellationTier",
            "PriceRule",
            "Service",
            "ServiceArea",
            "ServiceHours",
            "ServiceIntegration",
            "StatutoryRate",
            "TravelBand",
        )
    ),
    # Each use counts one up; who used a code is told by the bookings.
    {"model": "services.PromoCode", "exclude_fields": ["times_used"], "m2m_fields": ["services"]},
    "bookings.Blackout",
    "bookings.NotaryDayOff",
    "bookings.NotaryHours",
    {
        "model": "bookings.Notary",
        "mask_fields": [
            *("name", "email", "phone"),
            *("calendar_user", "calendar_password_sealed", "feed_secret"),
        ],
        "m2m_fields": ["skills"],
    },
    {"model": "accounts.Partner", "mask_fields": ["contact_name", "contact_email"]},
    # Its id has the hash in it.
    {"model": "accounts.PartnerApiKey", "mask_fields": ["id", "hashed_key"]},
    {
        "model": "auth.User",
        "exclude_fields": ["last_login"],
        "mask_fields": ["password", "first_name", "last_name", "email"],
        "m2m_fields": ["groups", "user_permissions"],
    },
    {"model": "mfa.Authenticator", "exclude_fields": ["last_used_at"], "mask_fields": ["data"]},
    {"model": "auth.Group", "m2m_fields": ["permissions"]},
    "desk.Case",
    "desk.AlertRule",
    {"model": "rollout.Flag", "m2m_fields": ["groups", "users"]},
    "waffle.Switch",
    "waffle.Sample",
    "integrations.DestinationState",
)
# Their name is a person's: the log names them by number.
NAMELESS = ["notary"]
