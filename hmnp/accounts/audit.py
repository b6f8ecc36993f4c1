"""Who changed what: django-auditlog's rows, with everybody named who can change something.

auditlog itself knows the staff session only, of the request it began with, and believes any
X-Forwarded-For; here the caller is asked for when a row is written. Rows hold no name, e-mail or
phone number, and of a secret only that it changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from auditlog.diff import model_instance_diff
from auditlog.models import LogEntry
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Model
from django.http import HttpRequest, HttpResponse

from hmnp.accounts.principals import Principal, anonymous
from hmnp.core.acting import Acting, acting, who_is_acting
from hmnp.core.context import Actor, ActorType
from hmnp.core.request_id import current_request_id

_MASK = "•••"
_WEBHOOKS = "/api/v2/webhooks/"


class AuditMiddleware:
    """Say of each request who is acting in it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request in its caller's name."""
        with acting(lambda: _caller(request)):
            return self.get_response(request)


def mask(value: str) -> str:
    """Hide a personal or secret value altogether; that there was none is not personal."""
    return value if value in ("", "None") else _MASK


def stamp(*, instance: LogEntry, **_: Any) -> None:
    """Put who is acting on a row of the audit log that is about to be written."""
    now = who_is_acting()
    instance.actor = instance.actor or now.user
    instance.cid = current_request_id() or None
    instance.remote_addr = now.actor.ip
    instance.additional_data = {
        name: value
        for name, value in (
            ("actorType", now.actor.type.value),
            ("actorId", now.actor.id),
            ("program", now.program),
        )
        if value
    }
    instance.changes = _own(instance)
    if instance.content_type.model in settings.AUDIT_NAMELESS_MODELS:
        instance.object_repr = f"{instance.content_type.name} {instance.object_pk}"


def record_change(*, instance: Model, changes: Mapping[str, tuple[Any, Any]]) -> None:
    """Record what a compare-and-swap changed, which auditlog does not see by itself.

    `changes` are before and after by field name, without personal data.
    """
    LogEntry.objects.log_create(
        instance,
        action=LogEntry.Action.UPDATE,
        changes={
            name: [str(before), str(after)]
            for name, (before, after) in changes.items()
            if before != after
        },
    )


def record_creation(*, instance: Model) -> None:
    """Record a new row that was written past the model, as auditlog records any other."""
    LogEntry.objects.log_create(
        instance,
        action=LogEntry.Action.CREATE,
        changes=model_instance_diff(None, instance),
    )


def _own(entry: LogEntry) -> Any:
    """Give the changes of its own columns: auditlog tells of each new row's empty relations too."""
    model = entry.content_type.model_class()
    is_new = entry.action == LogEntry.Action.CREATE
    if model is None or not is_new or not isinstance(entry.changes, dict):
        return entry.changes
    own = {field.name for field in (*model._meta.concrete_fields, *model._meta.many_to_many)}
    return {name: change for name, change in entry.changes.items() if name in own}


def _caller(request: HttpRequest) -> Acting:
    principal = getattr(request, "auth", None)
    if not isinstance(principal, Principal):
        principal = anonymous(request)
        user = getattr(request, "user", None)
        if isinstance(user, AbstractBaseUser) and user.is_authenticated:
            actor = Actor(ActorType.ADMIN, id=str(user.pk), ip=principal.ip)
            return Acting(actor=actor, user=user)
        if request.path_info.startswith(_WEBHOOKS):
            name = request.path_info.removeprefix(_WEBHOOKS).partition("/")[0]
            return Acting(actor=Actor(ActorType.PROVIDER, id=name, ip=principal.ip))
    return Acting(actor=principal.actor, user=principal.user)
