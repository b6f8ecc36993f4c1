"""What a made-up export of V1 is made of."""

from __future__ import annotations

SERVICES = (
    ("cjld2cjxh0000qzrmn831i7rn", "Standard Mobile Notary", "STANDARD_NOTARY", 60, "75.00"),
    ("cjld2cjxh0001qzrmn831i7ro", "Extended Hours Mobile", "EXTENDED_HOURS", 60, "100.00"),
    ("loan-signing-specialist", "Loan Signing Specialist", "LOAN_SIGNING", 90, "150.00"),
    ("ron-services", "Remote Online Notarization", "RON_SERVICES", 30, "35.00"),
    ("cjld2cjxh0004qzrmn831i7rs", "Estate Planning Package", "ESTATE_PLANNING", 120, "250.00"),
)
PROMOS = (
    ("promo-first", "FIRST25", "PERCENTAGE", "25", 100, 12),
    ("promo-referral", "REFERRAL10", "FIXED_AMOUNT", "10.00", None, 340),
    ("promo-gone", "SUMMER", "FIXED_AMOUNT", "15.00", 50, 50),
)
PLACES = (
    ("77573", "League City"),
    ("77058", "Houston"),
    ("77002", "Houston"),
    ("77581", "Pearland"),
    ("77591", "Texas City"),
    ("77546", "Friendswood"),
)
FIRST = ("Ada", "Ben", "Chloe", "Dario", "Elena", "Farid", "Gwen", "Hugo", "Ines", "Jae")
LAST = ("Alvarez", "Brooks", "Chen", "Dietz", "Evans", "Flores", "Grant", "Haddad", "Ito")
# What became of past bookings, by weight; the last three are in nobody's list.
PAST = (
    ("COMPLETED", 560),
    ("CANCELLED_BY_CLIENT", 90),
    ("CANCELLED_BY_STAFF", 30),
    ("NO_SHOW", 25),
    ("ARCHIVED", 80),
    ("CONFIRMED", 50),
    ("SCHEDULED", 20),
    ("PAYMENT_PENDING", 70),
    ("REQUESTED", 20),
    ("AWAITING_CLIENT_ACTION", 8),
    ("READY_FOR_SERVICE", 8),
    ("IN_PROGRESS", 5),
    ("REQUIRES_RESCHEDULE", 10),
    ("Confirmed", 6),
    ("CANCELED", 6),
    ("SUPERSEDED", 2),
)
FUTURE = (
    ("CONFIRMED", 50),
    ("SCHEDULED", 20),
    ("PAYMENT_PENDING", 20),
    ("REQUESTED", 4),
    ("READY_FOR_SERVICE", 3),
    ("REQUIRES_RESCHEDULE", 2),
    ("CANCELLED_BY_CLIENT", 5),
)
PAID = ("COMPLETED", "CONFIRMED", "SCHEDULED", "READY_FOR_SERVICE", "IN_PROGRESS", "Confirmed")
FUTURE_SHARE = 0.02
