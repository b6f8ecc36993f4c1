"""Who may call what: each viewset states its table, and what is not in it is denied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from hmnp.accounts.principals import Kind, principal_of


@dataclass(frozen=True)
class Access:
    """Who may call one action: partners by `scope` (None: no scope needed); staff always may."""

    anonymous: bool = False
    customer: bool = False
    scope: str | None = None
    partner: bool = True


class DenyAll(BasePermission):
    """The default: a viewset without a table answers nobody."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Refuse."""
        return False


class ByTable(BasePermission):
    """Judge by the viewset's `access` table, a dict of action name to `Access`.

    This answers only whether this kind of caller may try; which rows it sees is the queryset's.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Allow what the table allows; an unknown method is left to answer 405."""
        if view.action in (None, "metadata"):
            return True
        access: Access | None = view.access.get(view.action)
        if access is None:
            return False
        principal = principal_of(request)
        match principal.kind:
            case Kind.STAFF:
                return True
            case Kind.PARTNER:
                return access.partner and (access.scope is None or access.scope in principal.scopes)
            case Kind.CUSTOMER:
                return access.customer or access.anonymous
            case _:
                return access.anonymous
