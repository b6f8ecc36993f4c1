"""What a made-up appointment leaves in the tables: the rows of one that was really booked."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from bookings.models import Booking, SlotClaim, TimelineEvent, TimelineHead
from bookings.policy import NO_SHOW, Policy, settle
from bookings.states import BookingStatus, ClaimState, RefundStatus, TimelineAction
from bookings.timeline_chain import Row
from hmnp.core.context import ActorType
from hmnp.dev.history import templates
from hmnp.dev.history.bulk import NULL, Buffers
from hmnp.dev.history.people import Facts, People, Prices, new_id
from hmnp.dev.history.plan import Appointment
from integrations.models import OutboxJob
from integrations.states import MessageKind
from payments.books import LedgerEntry
from payments.models import Payment, Refund
from payments.states import Account, PaymentStatus
from services.definitions import ServiceDefinition
from services.pricing import Pricing

# In the order in which they refer to each other.
TABLES = (Booking, SlotClaim, TimelineEvent, TimelineHead, Payment, Refund, LedgerEntry, OutboxJob)

# What the timeline says: an action, and its changes and metadata as PostgreSQL writes JSON.
Told = tuple[TimelineAction, str, str]

# Of what was kept and is over, so many did not come; of what was not kept, so many had paid.
_SHARE_ABSENT = 0.04
_SHARE_PAID_BACK = 0.5
# Partners who pay by the month, so that nothing is due when they book.
_SHARE_ON_STATEMENT = 0.25


class History:
    """Writes appointments into `buffers`, which the caller flushes."""

    def __init__(
        self,
        *,
        services: Sequence[ServiceDefinition],
        partner_id: int,
        first_number: int,
        first_event_id: int,
        now: datetime,
        dice: random.Random,
    ) -> None:
        self._dice, self._partner_id, self._now = dice, partner_id, now
        self.last_event_id = first_event_id - 1
        slugs = {one.slug: one for one in services}
        self._bookings = {slug: templates.booking(one) for slug, one in slugs.items()}
        self._claims = {slug: templates.claim(one) for slug, one in slugs.items()}
        self._payments = {slug: templates.payment(one) for slug, one in slugs.items()}
        self._syncs = {
            slug: [templates.sync(one, name) for name in templates.synced(one)]
            for slug, one in slugs.items()
        }
        self._events = {action: templates.event(action) for action in TimelineAction}
        self._mails = {kind: templates.mail(kind) for kind in MessageKind}
        self._head = templates.head()
        self._refunds, self._ledger = templates.refund(), templates.ledger()
        self._people = People(first_number=first_number, now=now, dice=dice)
        self._prices = Prices()
        self.buffers = Buffers(
            [
                *self._bookings.values(),
                *self._claims.values(),
                *self._events.values(),
                self._head,
                *self._payments.values(),
                self._refunds,
                self._ledger,
                *self._mails.values(),
            ]
        )

    def add(self, one: Appointment) -> None:
        """Write the rows of one appointment."""
        on_statement = self._dice.random() < _SHARE_ON_STATEMENT
        pricing, snapshot = self._prices.of(one)
        facts = self._people.facts(one)
        facts |= {
            "pricing": snapshot,
            "price_cents": pricing.final_price_cents,
            "due_now_cents": 0 if on_statement else pricing.deposit_required_cents,
            "partner_id": self._partner_id if on_statement else NULL,
        }
        if one.is_kept:
            self._kept(one, pricing, facts)
        else:
            self._not_kept(one, facts, is_on_statement=on_statement)

    # --- what became of it ---------------------------------------------------------------------

    def _kept(self, one: Appointment, pricing: Pricing, facts: Facts) -> None:
        is_over = one.starts_at < self._now
        settlement = settle(
            tier=Policy.of(one.service).tier(NO_SHOW),
            net_paid_cents=facts["due_now_cents"],
            travel_fee_cents=pricing.travel_fee_cents,
        )
        told = self._confirmed(facts)
        status = BookingStatus.CONFIRMED
        # Who stayed away and had paid more than that costs would get a part of it back.
        is_all_kept = not settlement.refund_cents
        if is_over and is_all_kept and self._dice.random() < _SHARE_ABSENT:
            facts |= {"cancel_tier": settlement.tier, "cancel_kept_cents": settlement.kept_cents}
            status = BookingStatus.NO_SHOW
            told.append(_moved(TimelineAction.NO_SHOW, BookingStatus.CONFIRMED, status))
        elif is_over:
            status = BookingStatus.COMPLETED
            under_way = BookingStatus.IN_PROGRESS
            told.append(_moved(TimelineAction.STARTED, BookingStatus.CONFIRMED, under_way))
            told.append(_moved(TimelineAction.COMPLETED, under_way, status))
        changed_at = facts["ends_at"] if is_over else facts["paid_at"]
        facts |= {"status": status.value, "updated_at": changed_at}
        self._write(one, facts, ClaimState.BOOKED, told)
        self._mail(MessageKind.CONFIRMATION, facts)
        self._pay(one, facts, PaymentStatus.SUCCEEDED)
        if not is_over:
            for template in self._syncs[one.service.slug]:
                self.buffers.add(template, self._job(facts))

    def _not_kept(self, one: Appointment, facts: Facts, *, is_on_statement: bool) -> None:
        had_paid = is_on_statement or self._dice.random() < _SHARE_PAID_BACK
        facts |= {"updated_at": facts["ended_at"]}
        if not had_paid:
            expired = BookingStatus.EXPIRED
            told = [_moved(TimelineAction.EXPIRED, BookingStatus.PENDING_PAYMENT, expired)]
            facts["status"] = expired.value
            self._write(one, facts, ClaimState.RELEASED, told)
            return
        told = self._confirmed(facts)
        cancelled = BookingStatus.CANCELLED
        told.append(_moved(TimelineAction.CANCELLED, BookingStatus.CONFIRMED, cancelled))
        paid, refund_id = facts["amount_paid_cents"], self._id()
        facts |= {
            "status": cancelled.value,
            "cancelled_at": facts["ended_at"],
            "cancelled_by": ActorType.CUSTOMER.value,
            "cancel_tier": "FREE",
        }
        if paid:
            facts |= {
                "amount_refunded_cents": paid,
                "cancel_refund_cents": paid,
                "refund_status": RefundStatus.SUCCEEDED.value,
            }
            changes = f'{{"amount_refunded_cents": [0, {paid}]}}'
            metadata = f'{{"refundId": "{refund_id}", "amountCents": {paid}}}'
            told.append((TimelineAction.REFUNDED, changes, metadata))
        self._write(one, facts, ClaimState.RELEASED, told)
        self._mail(MessageKind.CONFIRMATION, facts)
        self._mail(MessageKind.CANCELLED, facts)
        self._pay(one, facts, PaymentStatus.REFUNDED)
        if paid:
            self._give_back(facts, refund_id)

    # --- its rows --------------------------------------------------------------------------------

    def _confirmed(self, facts: Facts) -> list[Told]:
        """Let the customer pay what is due; give what the timeline says of it."""
        facts["confirmed_at"] = facts["paid_at"]
        pending, confirmed = BookingStatus.PENDING_PAYMENT, BookingStatus.CONFIRMED
        told = [_moved(TimelineAction.CONFIRMED, pending, confirmed)]
        if cents := facts["due_now_cents"]:
            facts |= {"amount_paid_cents": cents, "payment_id": self._id()}
            metadata = f'{{"paymentId": "{facts["payment_id"]}", "amountCents": {cents}}}'
            changes = f'{{"amount_paid_cents": [0, {cents}]}}'
            told.insert(0, (TimelineAction.PAYMENT_PROCESSED, changes, metadata))
        return told

    def _write(self, one: Appointment, facts: Facts, state: ClaimState, told: list[Told]) -> None:
        slug, add = one.service.slug, self.buffers.add
        facts["version"] = 1 + len(told)
        add(self._bookings[slug], facts)
        add(
            self._claims[slug],
            facts | {"id": facts["claim_id"], "booking_id": facts["id"], "state": state.value},
        )
        self._tell(facts, [(TimelineAction.CREATED, "{}", "{}"), *told])

    def _tell(self, facts: Facts, told: list[Told]) -> None:
        """Write a booking's timeline, each row bound to the one before."""
        booking_id, at, before = facts["id"], facts["created_at"], ""
        for seq, (action, changes, metadata) in enumerate(told, start=1):
            self.last_event_id += 1
            actor = templates.actor(action).value
            content = (
                f'["{action.value}", "{actor}", "", {changes}, {metadata}, "", null, "", "{at}"]'
            )
            row = Row(
                booking_id=booking_id,
                seq=seq,
                id=self.last_event_id,
                prev_hash=before,
                hash="",
                content=content,
            )
            event = {"booking_id": booking_id, "changes": changes, "metadata": metadata, "at": at}
            digest = row.digest()
            chained = {"id": row.id, "seq": seq, "prev_hash": before, "hash": digest}
            self.buffers.add(self._events[action], event | chained)
            before, at = digest, facts["updated_at"]
        end = {"booking_id": booking_id, "length": len(told), "hash": before}
        self.buffers.add(self._head, end)

    def _pay(self, one: Appointment, facts: Facts, status: PaymentStatus) -> None:
        cents, paid_at = facts["amount_paid_cents"], facts["paid_at"]
        if not cents:
            return
        payment_id = facts["payment_id"]
        payment = {
            "id": payment_id,
            "booking_id": facts["id"],
            "status": status.value,
            "amount_cents": cents,
            "amount_captured_cents": cents,
            "idempotency_key": f"pi-{payment_id}",
            "provider_intent_id": f"pi_{payment_id}",
            "run_at": paid_at,
            "settled_at": paid_at,
            "updated_at": paid_at,
            "intent_requested_at": paid_at,
        }
        self.buffers.add(self._payments[one.service.slug], facts | payment)
        self._post(facts, f"payment:{payment_id}:settled", cents, NULL)

    def _give_back(self, facts: Facts, refund_id: UUID) -> None:
        at, cents = facts["ended_at"], facts["amount_refunded_cents"]
        refund = {
            "id": refund_id,
            "payment_id": facts["payment_id"],
            "amount_cents": cents,
            "idempotency_key": f"rf-{refund_id}",
            "provider_refund_id": f"re_{refund_id}",
        }
        times = ("requested_at", "run_at", "sent_at", "settled_at", "updated_at")
        self.buffers.add(self._refunds, refund | dict.fromkeys(times, at))
        self._post(facts, f"refund:{refund_id}:sent:0", -cents, refund_id)
        self._mail(MessageKind.REFUNDED, facts | {"version": 0}, occurrence=str(refund_id))

    def _post(self, facts: Facts, movement: str, cents: int, refund_id: UUID | str) -> None:
        entry = {
            "group_id": self._id(),
            "movement": movement,
            "payment_id": facts["payment_id"],
            "refund_id": refund_id,
            "booking_id": facts["id"],
            "occurred_at": facts["paid_at"],
        }
        for account, amount in ((Account.STRIPE, cents), (Account.CUSTOMER, -cents)):
            side = {"account": account.value, "amount_cents": amount}
            self.buffers.add(self._ledger, entry | side)

    def _mail(self, kind: MessageKind, facts: Facts, *, occurrence: str = "") -> None:
        to = {"recipient": facts["customer_email"], "occurrence_id": occurrence}
        self.buffers.add(self._mails[kind], self._job(facts) | to)

    def _job(self, facts: Facts) -> Facts:
        done_at = facts["ended_at"]
        times = dict.fromkeys(("run_at", "give_up_at", "created_at", "finished_at"), done_at)
        return {
            "id": self._id(),
            "booking_id": facts["id"],
            "version": facts["version"],
            **times,
        }

    def _id(self) -> UUID:
        return new_id(self._dice)


def _moved(action: TimelineAction, source: BookingStatus, target: BookingStatus) -> Told:
    return action, f'{{"status": ["{source.value}", "{target.value}"]}}', "{}"
