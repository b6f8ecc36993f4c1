"""The kinds of rows that a made-up appointment consists of."""

from __future__ import annotations

from datetime import timedelta

from bookings.models import Booking, SlotClaim, TimelineEvent, TimelineHead
from bookings.policy import Policy
from bookings.requests import TERMS_VERSION
from bookings.states import TimelineAction
from hmnp.core.context import ActorType
from hmnp.dev.history.bulk import RowTemplate
from integrations.models import OutboxJob
from integrations.outbox import MESSAGE_POLICY
from integrations.states import Destination, JobKind, JobState, MessageKind
from payments.books import LedgerEntry
from payments.models import Payment, Refund
from payments.states import PaymentKind, RefundState
from services.definitions import DepositKind, IntegrationName, ServiceDefinition

KEY_ID = "history"
SYNCED = (IntegrationName.GHL, IntegrationName.PROOF)

_BY_CUSTOMER = (TimelineAction.CREATED, TimelineAction.CANCELLED)
_JOB = "id booking_id version run_at give_up_at created_at finished_at"


def booking(service: ServiceDefinition) -> RowTemplate:
    """Give the row of a booking of this service."""
    return RowTemplate(
        Booking,
        varying=(
            "id reference status version notary_id partner_id starts_at ends_at customer_name "
            "customer_email customer_phone street city state zip_code pricing price_cents "
            "due_now_cents amount_paid_cents amount_refunded_cents tier_starts_at "
            "terms_accepted_at confirmed_at cancelled_at cancelled_by cancel_tier "
            "cancel_kept_cents cancel_refund_cents refund_status created_at updated_at"
        ),
        service_id=service.id,
        timezone=service.timezone.key,
        policy=Policy.of(service).to_snapshot(),
        terms_version=TERMS_VERSION,
        access_key_id=KEY_ID,
        access_hash=KEY_ID,
    )


def claim(service: ServiceDefinition) -> RowTemplate:
    """Give the row of the time of a booking of this service."""
    return RowTemplate(
        SlotClaim,
        varying=(
            "id notary_id booking_id state period starts_at ends_at place_zip held_at "
            "customer_zip pricing"
        ),
        service_id=service.id,
        wrap_up_minutes=service.wrap_up_minutes,
        holder_key=KEY_ID,
        token_key_id=KEY_ID,
        token_hash=KEY_ID,
    )


def event(action: TimelineAction) -> RowTemplate:
    """Give the row of something that happened to a booking."""
    return RowTemplate(
        TimelineEvent,
        varying="id booking_id changes metadata at seq prev_hash hash",
        action=action,
        actor_type=actor(action),
    )


def actor(action: TimelineAction) -> ActorType:
    """Say who does it."""
    return ActorType.CUSTOMER if action in _BY_CUSTOMER else ActorType.SYSTEM


def head() -> RowTemplate:
    """Give the end of a booking's timeline."""
    return RowTemplate(TimelineHead, varying="booking_id length hash")


def payment(service: ServiceDefinition) -> RowTemplate:
    """Give the row of what was paid by card for a booking of this service."""
    is_all = service.deposit_kind is DepositKind.FULL
    return RowTemplate(
        Payment,
        varying=(
            "id booking_id claim_id status amount_cents amount_captured_cents "
            "amount_refunded_cents idempotency_key provider_intent_id run_at created_at "
            "updated_at settled_at intent_requested_at"
        ),
        kind=PaymentKind.FULL if is_all else PaymentKind.DEPOSIT,
        provider_status="succeeded",
    )


def refund() -> RowTemplate:
    """Give the row of what went back for a cancelled booking."""
    return RowTemplate(
        Refund,
        varying=(
            "id payment_id amount_cents idempotency_key provider_refund_id requested_at run_at "
            "sent_at settled_at updated_at"
        ),
        reason_key="cancel",
        status=RefundState.SUCCEEDED,
        attempts=1,
    )


def ledger() -> RowTemplate:
    """Give one side of one movement of money."""
    return RowTemplate(
        LedgerEntry,
        varying=(
            "group_id movement account amount_cents payment_id refund_id booking_id occurred_at"
        ),
    )


def mail(kind: MessageKind) -> RowTemplate:
    """Give the job of a mail that was sent."""
    return RowTemplate(
        OutboxJob,
        varying=f"{_JOB} recipient occurrence_id",
        kind=JobKind.MESSAGE,
        destination=Destination.MAIL,
        message_kind=kind,
        state=JobState.SUCCEEDED,
        attempts=1,
        max_attempts=MESSAGE_POLICY.max_attempts,
    )


def sync(service: ServiceDefinition, name: IntegrationName) -> RowTemplate:
    """Give the job that told an outside system of a booking of this service."""
    rule = next(one for one in service.integrations if one.name == name)
    return RowTemplate(
        OutboxJob,
        varying=_JOB,
        kind=JobKind.SYNC,
        destination=Destination(name.value),
        state=JobState.SUCCEEDED,
        attempts=1,
        max_attempts=rule.max_attempts,
        give_up_after=timedelta(hours=rule.give_up_after_hours),
        priority=rule.priority,
        is_required=rule.required,
    )


def synced(service: ServiceDefinition) -> list[IntegrationName]:
    """Give the outside systems that must know of an appointment of this service to come."""
    return [name for name in SYNCED if any(one.name == name for one in service.integrations)]
