"""The test cards: what each number or `pm_card_…` name does when it is charged."""

from __future__ import annotations

from dataclasses import dataclass

MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "lost_card": "Your card was declined.",
    "stolen_card": "Your card was declined.",
    "fraudulent": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "card_velocity_exceeded": "Your card was declined for making repeated attempts too frequently "
    "or exceeding its amount limit.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
    "test_mode_live_card": "Your card was declined. Your request was in test mode, but used a non "
    "test card. For a list of valid test cards, visit: https://stripe.com/docs/testing.",
}
# These are error codes of their own; every other decline has the code `card_declined`.
_OWN_CODES = {"expired_card", "incorrect_cvc", "processing_error", "authentication_required"}


@dataclass(frozen=True, kw_only=True)
class TestCard:
    """One test card and its behaviour."""

    __test__ = False  # pytest would take the class for tests

    name: str
    number: str
    decline: str = ""
    authenticate: bool = False
    processing: str = ""  # "succeeds" or "fails" later
    refund: str = ""  # "pending" then succeeded, or "fails" after it succeeded
    dispute: bool = False


def error_code(*, decline: str) -> str:
    """Return the error code that goes with a decline code."""
    return decline if decline in _OWN_CODES else "card_declined"


def brand(*, number: str) -> str:
    """Return the card's network by its first digits."""
    prefixes = {"4": "visa", "34": "amex", "37": "amex", "6011": "discover", "65": "discover"}
    for prefix, name in prefixes.items():
        if number.startswith(prefix):
            return name
    if number[:2].isdigit() and (51 <= int(number[:2]) <= 55 or 22 <= int(number[:2]) <= 27):
        return "mastercard"
    return "unknown"


def is_luhn(*, number: str) -> bool:
    """Tell whether a card number's check digit is right."""
    total = 0
    for index, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if index % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _declined(name: str, number: str, decline: str) -> TestCard:
    return TestCard(name="pm_card_" + name, number=number, decline=decline)


_CARDS = (
    TestCard(name="pm_card_visa", number="4242424242424242"),
    TestCard(name="pm_card_visa_debit", number="4000056655665556"),
    TestCard(name="pm_card_mastercard", number="5555555555554444"),
    TestCard(name="pm_card_amex", number="378282246310005"),
    TestCard(name="pm_card_discover", number="6011111111111117"),
    _declined("chargeDeclined", "4000000000000002", "generic_decline"),
    _declined("chargeDeclinedInsufficientFunds", "4000000000009995", "insufficient_funds"),
    _declined("chargeDeclinedLostCard", "4000000000009987", "lost_card"),
    _declined("chargeDeclinedStolenCard", "4000000000009979", "stolen_card"),
    _declined("chargeDeclinedExpiredCard", "4000000000000069", "expired_card"),
    _declined("chargeDeclinedIncorrectCvc", "4000000000000127", "incorrect_cvc"),
    _declined("chargeDeclinedProcessingError", "4000000000000119", "processing_error"),
    _declined("chargeDeclinedFraudulent", "4100000000000019", "fraudulent"),
    _declined("chargeDeclinedVelocityLimitExceeded", "4000000000006975", "card_velocity_exceeded"),
    TestCard(name="pm_card_threeDSecure2Required", number="4000000000003220", authenticate=True),
    TestCard(
        name="pm_card_authenticationRequiredOnSetup", number="4000002500003155", authenticate=True
    ),
    TestCard(name="pm_card_authenticationRequired", number="4000002760003184", authenticate=True),
    TestCard(
        name="pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
        number="4000008260003178",
        authenticate=True,
        decline="insufficient_funds",
    ),
    TestCard(
        name="pm_card_threeDSecureRequiredChargeDeclined",
        number="4000008400001629",
        authenticate=True,
        decline="generic_decline",
    ),
    TestCard(name="pm_card_threeDSecureOptional", number="4000000000003055"),
    TestCard(name="pm_card_pendingRefund", number="4000000000007726", refund="pending"),
    TestCard(name="pm_card_refundFail", number="4000000000005126", refund="fails"),
    TestCard(name="pm_card_createDispute", number="4000000000000259", dispute=True),
    # Stripe has no card that stays in `processing`; bank debits do. These two stand for them.
    TestCard(name="pm_sandbox_processing", number="4000050000000007", processing="succeeds"),
    TestCard(name="pm_sandbox_processingFails", number="4000050000000015", processing="fails"),
)
BY_NAME = {card.name: card for card in _CARDS}
BY_NAME |= {"pm_card_visa_chargeDeclined": BY_NAME["pm_card_chargeDeclined"]}
BY_NAME |= {
    f"pm_card_visa_{card.name.removeprefix('pm_card_')}": card
    for card in _CARDS
    if card.name.startswith("pm_card_chargeDeclined")
}
BY_NUMBER = {card.number: card for card in _CARDS}
UNKNOWN = TestCard(name="", number="", decline="test_mode_live_card")


def find_card(*, wish: str) -> TestCard | None:
    """Return the test card of a name or of a number with or without blanks."""
    return BY_NAME.get(wish) or BY_NUMBER.get(wish.replace(" ", "").replace("-", ""))
