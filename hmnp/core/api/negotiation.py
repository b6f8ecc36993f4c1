"""Which renderer answers: an API with one representation has nothing to negotiate."""

from __future__ import annotations

from collections.abc import Iterable

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class OfferAnyway(DefaultContentNegotiation):
    """Answer in the view's own format even to a client that asked for another.

    A calendar asks for `text/calendar`, a browser for `text/html`; both can read what they get,
    and RFC 9110 prefers that to a 406.
    """

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        """Give the renderer asked for, else the view's first."""
        offered = list(renderers)
        try:
            renderer, media_type = super().select_renderer(request, offered, format_suffix)
        except NotAcceptable:
            renderer, media_type = offered[0], offered[0].media_type
        return renderer, str(media_type)
