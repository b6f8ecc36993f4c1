"""The way from a row in the admin to what the audit log says of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse


class WithHistory:
    """Mixin: a row's History is the audit log's, for whoever may read it."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Go to the audit log's rows about this one."""
        if not request.user.has_perm("auditlog.view_logentry"):
            shown: HttpResponse = super().history_view(  # type: ignore[misc]  # a mixin
                request, object_id, extra_context
            )
            return shown
        kind = ContentType.objects.get_for_model(self.model)  # type: ignore[attr-defined]  # a mixin
        about = urlencode({"content_type__id__exact": kind.pk, "object_pk__exact": object_id})
        return redirect(f"{reverse('admin:auditlog_logentry_changelist')}?{about}")
