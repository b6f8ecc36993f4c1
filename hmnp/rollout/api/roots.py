"""The one old address that both made and listed bookings."""

from __future__ import annotations

from hmnp.rollout.api.bookings import V1BookingViewSet
from hmnp.rollout.api.creation import V1CreationViewSet


class V1RootViewSet(V1CreationViewSet, V1BookingViewSet):
    """GET and POST /api/bookings."""

    access = {**V1BookingViewSet.access, **V1CreationViewSet.access}
    capabilities = {**V1BookingViewSet.capabilities, **V1CreationViewSet.capabilities}
