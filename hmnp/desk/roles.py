"""Who may do what at the desk: roles as groups, their permissions as data.

`manage.py load_roles` makes the groups say exactly this. A notary has no permission of any model:
what a notary sees, own days and own bookings, follows from the account the notary is linked to.
Money, audit, timeline and ledger rows are edited and deleted by nobody, whatever is granted.
"""

from __future__ import annotations

OWNER, DISPATCHER, FINANCE, NOTARY = "owner", "dispatcher", "finance", "notary"

_CATALOGUE = (
    *("service", "servicehours", "pricerule", "cancellationtier", "serviceintegration"),
    *("servicearea", "travelband", "statutoryrate", "promocode"),
)
_NOTARIES = ("notary", "notaryhours", "notarydayoff", "blackout")
_PARTNERS = ("partner", "partnerapikey")


def _grant(app: str, models: tuple[str, ...], *deeds: str) -> tuple[str, ...]:
    return tuple(f"{app}.{deed}_{model}" for model in models for deed in deeds)


_SEE_BOOKINGS = _grant("bookings", ("booking", "slotclaim", "busyblock", "timelineevent"), "view")
_SEE_MONEY = _grant("payments", ("payment", "refund"), "view")
_SEE_BOOKS = _grant("payments", ("ledgerentry", "mismatch", "dispute"), "view")
_SEE_OUTSIDE = _grant(
    "integrations", ("outboxjob", "inboxevent", "externalref", "smsoptout"), "view"
)
_CASES = _grant("desk", ("case", "alert"), "view", "change")
_SEE_HOW_IT_GOES = _grant("desk", ("metricbucket", "alertrule"), "view")
_EDIT = ("view", "add", "change", "delete")

_DISPATCHER = (
    *_SEE_BOOKINGS,
    *_grant("bookings", ("booking",), "add", "change"),
    *_grant("bookings", ("notary", "notaryhours"), "view"),
    *_grant("bookings", ("notarydayoff", "blackout"), *_EDIT),
    *_SEE_MONEY,
    # Cash at the door, a pay link, a waiver and a cancellation; to give money back is finance's.
    "payments.change_payment",
    *_SEE_OUTSIDE,
    "integrations.change_outboxjob",
    *_grant("services", _CATALOGUE, "view"),
    "accounts.view_partner",
    *_CASES,
    "accounts.use_api",
)
_FINANCE = (
    *_SEE_BOOKINGS,
    "bookings.export_booking",
    "bookings.view_notary",
    *_SEE_MONEY,
    *_SEE_BOOKS,
    *_grant("payments", ("payment", "refund", "mismatch"), "change"),
    *_SEE_OUTSIDE,
    *_grant("services", _CATALOGUE, "view"),
    "accounts.view_partner",
    "accounts.change_partner",
    *_CASES,
    *_SEE_HOW_IT_GOES,
)
_OWNER = (
    *_DISPATCHER,
    *_FINANCE,
    *_grant("services", _CATALOGUE, *_EDIT),
    *_grant("bookings", _NOTARIES, *_EDIT),
    *_grant("accounts", _PARTNERS, *_EDIT),
    *_grant("auth", ("user",), "view", "add", "change"),
    "auth.view_group",
    "auditlog.view_logentry",
    "desk.change_alertrule",
    *_grant("rollout", ("v1row", "shimcall", "shadowcheck"), "view"),
    *_grant("rollout", ("flag",), "view", "change"),
)

ROLES: dict[str, tuple[str, ...]] = {
    OWNER: tuple(dict.fromkeys(_OWNER)),
    DISPATCHER: _DISPATCHER,
    FINANCE: _FINANCE,
    NOTARY: (),
}
