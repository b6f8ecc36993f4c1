"""Tokens: derived, recognised, revoked, and refused when anything about them was changed."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from hmnp.core import tokens

SUBJECT = UUID("00000000-0000-4000-8000-000000000001")


@pytest.fixture(autouse=True)
def _keys(settings: Settings) -> None:
    settings.TOKEN_KEYS = "new:secret-one,old:secret-two"


def test_a_token_is_derived_the_same_again_and_read_back() -> None:
    token = tokens.derive(purpose=tokens.HOLD, subject_id=SUBJECT, generation=3)
    assert token == tokens.derive(purpose=tokens.HOLD, subject_id=SUBJECT, generation=3)
    assert tokens.read(token.text, purpose=tokens.HOLD) == token
    assert token.key_id == "new"
    assert token.hash != token.text
    assert len(token.hash) == 64


def test_it_is_good_for_its_own_purpose_only() -> None:
    token = tokens.derive(purpose=tokens.HOLD, subject_id=SUBJECT)
    assert tokens.read(token.text, purpose=tokens.ACCESS) is None
    renamed = token.text.replace(".hold.", ".access.")
    assert tokens.read(renamed, purpose=tokens.ACCESS) is None


def test_a_previous_key_still_reads_what_it_made(settings: Settings) -> None:
    token = tokens.derive(purpose=tokens.ACCESS, subject_id=SUBJECT, key_id="old")
    assert tokens.read(token.text, purpose=tokens.ACCESS) == token
    settings.TOKEN_KEYS = "new:secret-one"
    assert tokens.read(token.text, purpose=tokens.ACCESS) is None
    with pytest.raises(KeyError):
        tokens.derive(purpose=tokens.ACCESS, subject_id=SUBJECT, key_id="old")


def test_changing_any_part_spoils_it() -> None:
    text = tokens.derive(purpose=tokens.HOLD, subject_id=SUBJECT, generation=1).text
    parts = text.split(".")
    for index, other in enumerate(["old", "manage", uuid4().hex, "2", "A" * len(parts[4])]):
        changed = [*parts[:index], other, *parts[index + 1 :]]
        assert tokens.read(".".join(changed), purpose=changed[1]) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "....",
        "a.hold.b.c.d",
        f"new.hold.{SUBJECT.hex}.x.mac",
        "é.hold.x.1.mac",
        "x" * 9999,
    ],
)
def test_rubbish_is_no_token(text: str) -> None:
    assert tokens.read(text, purpose=tokens.HOLD) is None


def test_another_spelling_of_the_same_facts_is_not_accepted() -> None:
    text = tokens.derive(purpose=tokens.HOLD, subject_id=SUBJECT).text
    key_id, purpose, subject, generation, mac = text.split(".")
    dashed = ".".join([key_id, purpose, str(SUBJECT), generation, mac])
    padded = ".".join([key_id, purpose, subject, f"0{generation}", mac])
    assert tokens.read(dashed, purpose=tokens.HOLD) is None
    assert tokens.read(padded, purpose=tokens.HOLD) is None


def test_without_a_key_nothing_is_derived(settings: Settings) -> None:
    settings.TOKEN_KEYS = ""
    with pytest.raises(ImproperlyConfigured):
        tokens.derive(purpose=tokens.HOLD, subject_id=SUBJECT)
