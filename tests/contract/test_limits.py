"""What a partner may ask for, and how often anybody may."""

from __future__ import annotations

import pytest
from django.core.cache import caches
from django.test import Client
from pytest_django import Settings

from hmnp.accounts.models import Partner, Scope
from hmnp.accounts.tests.test_partner_keys import make_key
from services.tests.fixtures import Catalogue

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_counted_yet() -> None:
    caches["default"].clear()


def test_a_partner_sees_prices_and_times_of_its_services_only(
    client: Client, catalogue: Catalogue
) -> None:
    key = make_key(scopes=",".join(Scope.values))
    Partner.objects.update(allowed_services=["ron"])
    headers = {"Authorization": f"Api-Key {key}"}
    query = {"serviceId": "standard-notary", "date": "2027-03-02", "zip": "77573"}
    answer = client.get("/api/v2/availability", query, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_SERVICE")
    assert client.get("/api/v2/availability", query).status_code == 200
    query = {"serviceId": "ron", "date": "2027-03-02"}
    assert client.get("/api/v2/availability", query, headers=headers).status_code == 200


class TestLimitsOverTheApi:
    """The limit is the caller's, whatever its headers say."""

    QUERY = {"serviceId": "ron", "date": "2027-03-02"}

    @pytest.fixture(autouse=True)
    def _three_an_hour(self, settings: Settings, catalogue: Catalogue) -> None:
        settings.RATE_LIMIT_AVAILABILITY = "3/h"

    def _ask(self, client: Client, peer: str, **headers: str) -> tuple[int, str]:
        answer = client.get("/api/v2/availability", self.QUERY, headers=headers, REMOTE_ADDR=peer)
        return answer.status_code, answer.headers.get("RateLimit-Remaining", "")

    def test_the_fourth_is_refused_in_the_one_shape(self, client: Client) -> None:
        peer = "198.51.100.21"
        assert [self._ask(client, peer) for _ in range(3)] == [(200, "2"), (200, "1"), (200, "0")]
        answer = client.get("/api/v2/availability", self.QUERY, REMOTE_ADDR=peer)
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "RATE_LIMITED")
        assert int(answer.headers["Retry-After"]) == int(answer.headers["RateLimit-Reset"]) > 0
        assert self._ask(client, "198.51.100.22")[0] == 200, "another caller"

    def test_a_refused_query_counts(self, client: Client) -> None:
        for _ in range(3):
            assert (
                client.get("/api/v2/availability", REMOTE_ADDR="198.51.100.23").status_code == 400
            )
        assert self._ask(client, "198.51.100.23")[0] == 429

    def test_forged_headers_and_another_host_of_the_same_network_change_nothing(
        self, client: Client
    ) -> None:
        forged = [
            {"X-Forwarded-For": "1.2.3.4"},
            {"Forwarded": "for=1.2.3.5"},
            {"X-Real-IP": "1.2.3.6"},
            {"X-Client-IP": "1.2.3.7", "True-Client-IP": "1.2.3.8", "CF-Connecting-IP": "1.2.3.9"},
        ]
        statuses = [
            self._ask(client, f"2001:db8:5:6::{number}", **headers)[0]
            for number, headers in enumerate(forged)
        ]
        assert statuses == [200, 200, 200, 429]

    def test_a_partner_has_an_allowance_of_its_own_times_its_factor(self, client: Client) -> None:
        key = make_key(scopes="availability:read")
        Partner.objects.update(rate_factor=2)
        headers = {"Authorization": f"Api-Key {key}"}
        seen = [self._ask(client, "198.51.100.24", **headers)[0] for _ in range(7)]
        assert seen == [200] * 6 + [429]
        assert self._ask(client, "198.51.100.24")[0] == 200, "the address has its own"


def test_signing_in_and_booking_on_the_pages_are_limited_by_address(
    client: Client, settings: Settings, catalogue: Catalogue
) -> None:
    settings.RATE_LIMIT_LOGIN = settings.RATE_LIMIT_HOLD = "2/h"
    for address in ("/accounts/login/", "/book/ron/when/"):
        sent = [client.post(address, {}, REMOTE_ADDR="198.51.100.31") for _ in range(3)]
        assert 429 not in (sent[0].status_code, sent[1].status_code)
        assert sent[2].status_code == 429
        assert int(sent[2].headers["Retry-After"]) > 0
        assert b"Too many" in sent[2].content
        assert client.get(address, REMOTE_ADDR="198.51.100.31").status_code == 200
