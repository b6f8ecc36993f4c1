"""Before the catalogue is changed, what the change does to three quotes is shown; then it is saved.

The form is saved in a transaction, the examples are priced by what is then in the tables, and the
transaction is rolled back. The page that shows them sends the very same form again, under a
signature that holds for this form, this person and this version of the catalogue.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, cast
from uuid import UUID

from django.contrib.admin.models import LogEntry
from django.core import signing
from django.db import IntegrityError, models, transaction
from django.forms import BaseModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from hmnp.accounts.history import WithHistory
from services.catalogue import Catalogue, look
from services.catalogue_examples import Comparison, compare, examples
from services.catalogue_warnings import ServiceChange, warnings
from services.models import PromoCode
from services.promo_codes import promo_terms
from services.promos import PromoTerms
from services.quotes import QUOTE_LIFETIME

_SALT = "services.previewed_admin.1"
_LOOK_AT_MOST = timedelta(minutes=30)
_NOT_OF_THE_FORM = ("csrfmiddlewaretoken", "_confirmed", "_edit")
# Named by the trigger that refuses what the law does not allow.
_WITHIN_THE_LAW = "services_within_the_law"


@dataclass
class _Attempt:
    """What one request is about, from before its form is saved."""

    catalogue: Catalogue
    promo: PromoTerms | None = None
    is_confirmed: bool = False
    is_outdated: bool = False
    changed: str = ""


class _Unsaved:
    """Refuses a form that is to be changed once more, so that it is shown again as it was sent."""

    def clean(self) -> Any:
        """Refuse."""
        cleaned = super().clean()  # type: ignore[misc]  # a mixin
        self.add_error(None, "Nothing is saved yet.")  # type: ignore[attr-defined]  # a mixin
        return cleaned


class PreviewedAdmin(WithHistory):
    """Mixin: no change of a catalogue row is saved before its effect was shown."""

    def priced_services(self, row: Any) -> Collection[UUID] | None:
        """Give the ids of the services whose price hangs on the row; None: of all of them."""
        raise NotImplementedError

    def priced_from(self, row: Any) -> date:
        """Give the first day on which the row counts."""
        return timezone.localdate()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: what is not sold any more is switched off or given an end, and stays known."""
        return False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the form; save it only when its effect was seen, else show that."""
        view = super().changeform_view  # type: ignore[misc]  # a mixin
        if request.method != "POST" or "_edit" in request.POST:
            page: HttpResponse = view(request, object_id, form_url, extra_context)
            return page
        attempt = self._attempt(request, object_id)
        request.attempt = attempt  # type: ignore[attr-defined]  # read below, within the same view
        try:
            with transaction.atomic():
                response: HttpResponse = view(request, object_id, form_url, extra_context)
                if isinstance(response, _Preview):
                    transaction.set_rollback(True)
        except IntegrityError as error:
            broken = getattr(error.__cause__, "diag", None)
            if broken is None or broken.constraint_name != _WITHIN_THE_LAW:
                raise
            refusal = str(error).splitlines()[0]
            return self._page(request, comparisons=[], refusal=f"{refusal}.")
        return response

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[BaseModelForm[Any]]:
        """Give the form; one that is changed once more is not taken."""
        form: type[BaseModelForm[Any]] = super().get_form(  # type: ignore[misc]  # a mixin
            request, obj, change, **kwargs
        )
        if "_edit" in request.POST:
            return cast("type[BaseModelForm[Any]]", type(form.__name__, (_Unsaved, form), {}))
        return form

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        """Remember what was changed, in words."""
        message = super().construct_change_message(  # type: ignore[misc]  # a mixin
            request, form, formsets, add
        )
        if hasattr(request, "attempt"):
            entry = LogEntry(change_message=json.dumps(message))
            request.attempt.changed = entry.get_change_message() if message else ""
        return message

    def response_add(self, request: HttpRequest, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Show what the new row does, or go on where it was seen already."""
        return self._preview(request, obj) or super().response_add(  # type: ignore[misc]  # a mixin
            request, obj, *args, **kwargs
        )

    def response_change(self, request: HttpRequest, obj: Any) -> Any:
        """Show what the change does, or go on where it was seen already or there is none."""
        return self._preview(request, obj) or super().response_change(  # type: ignore[misc]  # a mixin
            request, obj
        )

    def _attempt(self, request: HttpRequest, object_id: str | None) -> _Attempt:
        attempt = _Attempt(catalogue=look().catalogue)
        if object_id is not None and self.model is PromoCode:  # type: ignore[attr-defined]  # a mixin
            promo = PromoCode.objects.filter(pk=object_id).first()
            attempt.promo = promo_terms(promo=promo) if promo else None
        if "_confirmed" in request.POST:
            seen = _read(request.POST["_confirmed"])
            attempt.is_confirmed = seen == {
                "form": _digest(request),
                "version": attempt.catalogue.version,
            }
            attempt.is_outdated = not attempt.is_confirmed
        return attempt

    def _preview(self, request: HttpRequest, row: models.Model) -> HttpResponse | None:
        """Compare, within the transaction that has saved; None when there is nothing to show."""
        attempt: _Attempt = request.attempt  # type: ignore[attr-defined]  # set by the view
        if attempt.is_confirmed or not attempt.changed:
            return None
        before, after = attempt.catalogue, look().catalogue
        ids = self.priced_services(row)
        concerned = [one for one in after.services if ids is None or one.id in ids]
        promo = promo_terms(promo=row) if isinstance(row, PromoCode) else None
        day = max(self.priced_from(row), timezone.localdate())
        comparisons = [
            compare(
                example=example,
                before=before.find(example.service.id),
                after=after.find(example.service.id),
                promo_before=attempt.promo,
                promo_after=promo,
            )
            for example in examples(services=concerned, day=day)
        ]
        now = timezone.now()
        notes = warnings(
            changes=[ServiceChange(before.find(one.id), one) for one in concerned], now=now
        )
        if any(comparison.differs for comparison in comparisons):
            until = timezone.localtime(now + QUOTE_LIFETIME)
            notes.insert(
                0, f"Quotes given up to now are honoured for half an hour, until {until:%-I:%M %p}."
            )
        return self._page(request, comparisons=comparisons, notes=notes)

    def _page(
        self,
        request: HttpRequest,
        *,
        comparisons: list[Comparison],
        notes: Collection[str] = (),
        refusal: str = "",
    ) -> HttpResponse:
        attempt: _Attempt = request.attempt  # type: ignore[attr-defined]  # set by the view
        sent = [
            (name, value)
            for name, values in request.POST.lists()
            if name not in _NOT_OF_THE_FORM
            for value in values
        ]
        confirmed = signing.dumps(
            {"form": _digest(request), "version": attempt.catalogue.version}, salt=_SALT
        )
        return _Preview(
            request,
            "admin/services/preview.html",
            {
                **self.admin_site.each_context(request),  # type: ignore[attr-defined]  # a mixin
                # Without `opts`, of which the theme would make the heading.
                "title": f"Before it is saved: {self.model._meta.verbose_name}",  # type: ignore[attr-defined]  # a mixin
                "changed": attempt.changed,
                "comparisons": comparisons,
                "notes": notes,
                "refusal": refusal,
                "is_outdated": attempt.is_outdated,
                "sent": sent,
                "confirmed": confirmed,
                "is_popup": "_popup" in request.POST,
            },
        )


class _Preview(TemplateResponse):
    """The page that comes instead of a save."""


def _digest(request: HttpRequest) -> str:
    """Give what stands for a form as it was sent, by this person, to this address."""
    sent = sorted(
        (name, values) for name, values in request.POST.lists() if name not in _NOT_OF_THE_FORM
    )
    text = json.dumps([request.user.pk, request.path, sent])
    return hashlib.sha256(text.encode()).hexdigest()


def _read(signed: str) -> dict[str, Any] | None:
    try:
        seen: dict[str, Any] = signing.loads(signed, salt=_SALT, max_age=_LOOK_AT_MOST)
    except signing.BadSignature:
        return None
    return seen
