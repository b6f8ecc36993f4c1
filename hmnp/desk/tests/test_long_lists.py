"""The lists whose tables grow without end: a page is read, whatever there is besides."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from hmnp.accounts.tests.desk_door import open_desk
from hmnp.core.long_list import LongList

pytestmark = pytest.mark.django_db

GROWING = {
    *("auditlog.logentry", "bookings.booking", "bookings.slotclaim", "bookings.busyblock"),
    *("payments.payment", "payments.refund", "payments.ledgerentry", "payments.mismatch"),
    *("integrations.outboxjob", "integrations.inboxevent", "integrations.externalref"),
    *("integrations.smsoptout", "rollout.v1row", "rollout.shadowcheck"),
}
COUNTS_ALL = re.compile(
    r"COUNT\(\*\)(?! FROM \(SELECT .* LIMIT \d+\) counted)(?! FROM newest)", re.IGNORECASE
)


def test_every_list_of_a_table_that_grows_asks_a_page_and_no_more(client: Client) -> None:
    owner = User.objects.create_superuser("owner")
    open_desk(client, owner)
    long_lists = {
        model._meta.label_lower: one
        for model, one in admin.site._registry.items()
        if isinstance(one, LongList)
    }
    assert set(long_lists) == GROWING
    for label, one in long_lists.items():
        page = reverse(f"admin:{label.replace('.', '_')}_changelist")
        for asked in ({}, {"q": "HM-7K3WQ9"}, {"o": "1"}, {"o": "-1"}):
            with CaptureQueriesContext(connection) as said:
                assert client.get(page, asked).status_code == 200, (label, asked)
            told = [query["sql"] for query in said]
            assert len(told) <= 6, (label, asked, told)
            for sql in told:
                assert not COUNTS_ALL.search(sql), sql
                assert "DISTINCT" not in sql, sql
                assert "UPPER(" not in sql, sql
        assert not one.date_hierarchy
