"""Documents for a remote session: a PDF, kept outside the web root, gone in time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from pytest_django import Settings

from bookings.actions import store_document as module
from bookings.actions.purge_documents import purge_documents
from bookings.actions.store_document import store_document
from bookings.errors import InvalidStatusTransition
from bookings.events import DocumentsChanged
from bookings.invariants import INVARIANTS
from bookings.models import Booking, BookingDocument
from bookings.session_readiness import missing
from bookings.tasks import expire_holds
from bookings.tasks import purge_documents as purge_task
from bookings.tests.callers import (
    API,
    Caller,
    anyone,
    customer_of,
    faults,
    partner_caller,
    refusal,
    ron_body,
)
from bookings.tests.factories import CUSTOMER, NOW, a_notary, book
from bookings.tests.hearing import heard
from hmnp.core.invariants import find_breaches
from services.tests.fixtures import Catalogue

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"


@pytest.fixture(autouse=True)
def _world(catalogue: Catalogue, settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.MEDIA_ROOT = str(tmp_path)
    a_notary(skills=["ron", "standard-notary"])
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def booking() -> Booking:
    return book(slug="ron", zip_code=None)


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def upload(
    booking: Booking, content: bytes = PDF, *, name: str = "deed.pdf", caller: Caller | None = None
) -> Any:
    """Send a file the way a browser does."""
    who = caller or customer_of(booking)
    return who.client.post(
        f"{API}/bookings/{booking.pk}/documents",
        {"file": SimpleUploadedFile(name, content, content_type="application/pdf")},
        headers={"Authorization": who.authorization},
    )


def listed(booking: Booking) -> Any:
    return customer_of(booking).get(f"/bookings/{booking.pk}/documents").json()


class TestUpload:
    """Adding one."""

    def test_it_is_kept_and_told_of(self, booking: Booking, tmp_path: Path) -> None:
        answer = upload(booking)
        assert answer.status_code == 201
        assert answer["Cache-Control"] == "no-store"
        row = BookingDocument.objects.get()
        assert answer.json() == {
            "documentId": str(row.pk),
            "filename": "deed.pdf",
            "size": len(PDF),
            "status": "STORED",
        }
        assert listed(booking) == {"data": [answer.json()], "nextCursor": None}
        (path,) = files(tmp_path)
        assert path.read_bytes() == PDF
        event = booking.timeline.last()
        assert event is not None
        assert (event.action, event.metadata) == ("updated", {"documentAdded": str(row.pk)})

    @pytest.mark.parametrize(
        "content",
        [b"", b"MZ not a pdf", PDF[1:], b"%PDF-1.7 without an end", b"<html>%PDF-1.7 %%EOF"],
    )
    def test_what_is_no_pdf_is_refused(
        self, booking: Booking, content: bytes, tmp_path: Path
    ) -> None:
        assert faults(upload(booking, content)) == {"file": "not_a_pdf"}
        assert not BookingDocument.objects.exists()
        assert files(tmp_path) == []

    def test_a_file_over_the_limit_is_413(
        self, booking: Booking, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        assert module.LARGEST == 30 * 1024 * 1024
        monkeypatch.setattr(module, "LARGEST", len(PDF) - 1)
        refusal(upload(booking), 413, "PAYLOAD_TOO_LARGE")
        assert not BookingDocument.objects.exists()
        assert files(tmp_path) == []

    def test_a_body_far_over_it_is_not_even_read(self, booking: Booking) -> None:
        answer = customer_of(booking).client.post(
            f"{API}/bookings/{booking.pk}/documents",
            b"x",
            content_type="multipart/form-data; boundary=b",
            CONTENT_LENGTH=str(40 * 1024 * 1024),
            headers={"Authorization": customer_of(booking).authorization},
        )
        refusal(answer, 413, "PAYLOAD_TOO_LARGE")

    def test_mobile_work_takes_none(self, tmp_path: Path) -> None:
        mobile = book()
        assert faults(upload(mobile)) == {"file": "not_accepted"}
        assert files(tmp_path) == []

    @pytest.mark.parametrize("status", ["IN_PROGRESS", "COMPLETED", "CANCELLED", "EXPIRED"])
    def test_nor_does_what_has_begun_or_ended(
        self, booking: Booking, status: str, tmp_path: Path
    ) -> None:
        Booking.objects.update(status=status)
        refusal(upload(booking), 409, "INVALID_STATUS_TRANSITION")
        assert files(tmp_path) == []

    def test_there_is_an_end_to_them(
        self, booking: Booking, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "MOST_DOCUMENTS", 2)
        assert [upload(booking).status_code for _ in range(2)] == [201, 201]
        assert faults(upload(booking)) == {"file": "too_many"}

    @pytest.mark.parametrize(
        ("sent", "shown"),
        [
            ("../../etc/passwd", "passwd.pdf"),
            ("C:\\temp\\Deed of Trust.PDF", "Deed of Trust.PDF"),
            ("escritura ñ.pdf", "escritura ñ.pdf"),
        ],
    )
    def test_a_name_is_only_a_name(
        self, booking: Booking, sent: str, shown: str, tmp_path: Path
    ) -> None:
        file = SimpleUploadedFile("x.pdf", PDF)
        file._name = sent  # type: ignore[attr-defined]  # Django's own setter cleans it already
        row = store_document(booking_id=booking.pk, upload=file, actor=CUSTOMER, now=NOW)
        assert row.filename == shown
        (path,) = files(tmp_path)
        assert path.name == f"{row.pk}.pdf"

    def test_without_a_file_it_is_asked_for(self, booking: Booking) -> None:
        caller = customer_of(booking)
        path = f"{API}/bookings/{booking.pk}/documents"
        headers = {"Authorization": caller.authorization}
        assert faults(caller.client.post(path, {"note": "x"}, headers=headers)) == {
            "file": "required"
        }
        two = {"file": SimpleUploadedFile("a.pdf", PDF), "more": SimpleUploadedFile("b.pdf", PDF)}
        assert faults(caller.client.post(path, two, headers=headers)) == {"file": "required"}
        refusal(caller.post(f"/bookings/{booking.pk}/documents", {}), 415, "UNSUPPORTED_MEDIA_TYPE")

    def test_a_failed_row_leaves_no_file(
        self, booking: Booking, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        def fail(**kwargs: Any) -> None:
            raise InvalidStatusTransition

        monkeypatch.setattr("bookings.actions.store_document.timeline.apply", fail)
        refusal(upload(booking), 409, "INVALID_STATUS_TRANSITION")
        assert not BookingDocument.objects.exists()
        assert files(tmp_path) == []

    def test_strangers_may_not(self, booking: Booking, tmp_path: Path) -> None:
        refusal(upload(booking, caller=Caller("")), 401, "UNAUTHENTICATED")
        refusal(upload(booking, caller=partner_caller()), 404, "NOT_FOUND")
        assert files(tmp_path) == []


class TestDelete:
    """Taking one back."""

    def test_the_file_is_gone_and_the_row_says_so(self, booking: Booking, tmp_path: Path) -> None:
        document_id = upload(booking).json()["documentId"]
        path = f"/bookings/{booking.pk}/documents/{document_id}"
        assert customer_of(booking).delete(path).status_code == 204
        assert files(tmp_path) == []
        assert listed(booking)["data"] == []
        assert BookingDocument.objects.get().status == "DELETED"
        refusal(customer_of(booking).delete(path), 404, "NOT_FOUND")

    def test_another_bookings_document_reads_like_none(
        self, booking: Booking, tmp_path: Path
    ) -> None:
        other = book(slug="ron", zip_code=None, starts_at=NOW + timedelta(days=2))
        document_id = upload(other).json()["documentId"]
        for some_id in (document_id, uuid4(), "nonsense"):
            path = f"/bookings/{booking.pk}/documents/{some_id}"
            refusal(customer_of(booking).delete(path), 404, "NOT_FOUND")
        assert len(files(tmp_path)) == 1

    def test_once_it_has_begun_it_stays(self, booking: Booking, tmp_path: Path) -> None:
        document_id = upload(booking).json()["documentId"]
        Booking.objects.update(status="IN_PROGRESS")
        path = f"/bookings/{booking.pk}/documents/{document_id}"
        refusal(customer_of(booking).delete(path), 409, "INVALID_STATUS_TRANSITION")
        assert len(files(tmp_path)) == 1


class TestPurge:
    """Thirty days after the end."""

    @pytest.mark.parametrize("status", ["COMPLETED", "CANCELLED", "NO_SHOW", "EXPIRED"])
    def test_the_file_goes_and_the_row_stays(
        self, booking: Booking, status: str, tmp_path: Path
    ) -> None:
        upload(booking)
        Booking.objects.update(status=status)
        edge = booking.ends_at + timedelta(days=30)
        assert purge_documents(now=edge) == 0
        assert len(files(tmp_path)) == 1
        assert purge_documents(now=edge + timedelta(seconds=1)) == 1
        assert files(tmp_path) == []
        row = BookingDocument.objects.get()
        assert (row.status, row.storage_name) == ("DELETED", "")
        assert purge_documents(now=edge + timedelta(days=1)) == 0

    def test_what_is_still_to_come_stays(self, booking: Booking, tmp_path: Path) -> None:
        upload(booking)
        assert purge_documents(now=NOW + timedelta(days=365)) == 0
        assert len(files(tmp_path)) == 1

    def test_a_file_left_by_a_crash_is_removed(self, booking: Booking, tmp_path: Path) -> None:
        upload(booking)
        BookingDocument.objects.update(status="DELETED")
        assert purge_task() == 1
        assert files(tmp_path) == []
        assert expire_holds() == 0


def test_the_contracts_way_to_a_remote_booking() -> None:
    answer = anyone().post("/bookings", ron_body())
    booking = Booking.objects.get(pk=answer.json()["booking"]["id"])
    caller = Caller(f"Bearer {answer.json()['accessToken']}")
    assert upload(booking, caller=caller).status_code == 201


class TestWhatFollows:
    """Whoever lives above hears of it, and the customer is told what is still missing."""

    def test_each_change_is_a_fact_at_a_version_of_its_own(self, booking: Booking) -> None:
        with heard(DocumentsChanged) as facts:
            document_id = upload(booking).json()["documentId"]
            upload(booking, b"no pdf")
            customer_of(booking).delete(f"/bookings/{booking.pk}/documents/{document_id}")
        assert find_breaches(cursor=connection.cursor(), invariants=INVARIANTS) == []
        versions = [fact.version for fact in facts if isinstance(fact, DocumentsChanged)]
        assert versions == [booking.version + 1, booking.version + 2]

    @pytest.mark.parametrize(
        ("people", "codes"),
        [
            ([], ["signers"]),
            ([{"name": "Ada", "email": "a@example.com"}], ["signers"]),
            ([{"name": "A", "email": "a@x.com"}, {"name": "B", "email": ""}], ["signers"]),
            ([{"name": "A", "email": "a@x.com"}, {"name": "B", "email": "A@x.com"}],
             ["signer_emails"]),
            ([{"name": "A", "email": "a@x.com"}, {"name": "B", "email": "b@x.com"}], []),
        ],
    )  # fmt: skip
    def test_a_session_needs_documents_and_everybodys_own_address(
        self, people: list[dict[str, str]], codes: list[str]
    ) -> None:
        booking = book(slug="ron", zip_code=None, signers=2)
        booking.signer_details = people
        assert missing(booking=booking) == ["documents", *codes]
        upload(booking)
        assert missing(booking=booking) == codes

    def test_an_appointment_in_person_needs_nothing(self) -> None:
        assert missing(booking=book()) == []
