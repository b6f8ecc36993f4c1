"""Fault knobs: which of the next requests go wrong, and how."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from sandbox.store import Store
from sandbox.wire import Json, Request

ACTIONS = {
    "delay": "answer only after `ms`",
    "timeout_before_commit": "do nothing, stay silent for `ms`, then close",
    "timeout_after_commit": "do it, stay silent for `ms`, then close",
    "error_500": "do nothing, answer 500 (Stripe stores it under the idempotency key)",
    "error_500_after_commit": "do it, answer 500 (Stripe stores it under the idempotency key)",
    "error_429": "do nothing, answer 429",
    "reset": "do nothing, reset the connection",
    "reset_after_commit": "do it, reset the connection",
    "garbage": "do it, answer 200 with bytes that are no JSON",
}
_DEFAULT_MS = {"timeout_before_commit": 30_000, "timeout_after_commit": 30_000, "delay": 1_000}


class BadFault(ValueError):
    """The fault asked for makes no sense."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One planned fault: what to do and for how long."""

    id: int
    action: str
    ms: int


def plan_fault(*, store: Store, wish: Any) -> Json:
    """Store a fault for the next matching requests; raise BadFault when it cannot be read."""
    if not isinstance(wish, dict):
        raise BadFault("send a JSON object")
    unknown = set(wish) - {"match", "action", "times", "ms", "skip"}
    if unknown:
        raise BadFault(f"unknown: {', '.join(sorted(unknown))}")
    action = wish.get("action")
    if action not in ACTIONS:
        raise BadFault(f"action must be one of {', '.join(ACTIONS)}")
    match = wish.get("match") or {}
    if not isinstance(match, dict) or set(match) - {"method", "path", "system", "body"}:
        raise BadFault("match takes method, path (prefix, or regex when it starts with ^), "
                       "system and body (a part of it)")  # fmt: skip
    try:
        re.compile(str(match.get("path", "")))
    except re.error as error:
        raise BadFault(f"match.path: {error}") from error
    numbers = {
        name: wish.get(name, default)
        for name, default in (("times", 1), ("skip", 0), ("ms", _DEFAULT_MS.get(action, 0)))
    }
    if any(not isinstance(value, int) or isinstance(value, bool) for value in numbers.values()):
        raise BadFault("times, skip and ms are whole numbers (times -1: until deleted)")
    doc = {"match": {k: str(v) for k, v in match.items()}, "action": action, "hits": 0, **numbers}
    with store.transaction():
        store.run("INSERT INTO faults (doc) VALUES (?)", (json.dumps(doc),))
        doc["id"] = store.rows("SELECT max(id) AS id FROM faults")[0]["id"]
    return doc


def list_faults(*, store: Store) -> list[Json]:
    """Return the faults still planned, oldest first."""
    rows = store.rows("SELECT id, doc FROM faults ORDER BY id")
    return [{**json.loads(row["doc"]), "id": row["id"]} for row in rows]


def clear_faults(*, store: Store, number: int | None = None) -> int:
    """Forget one fault or all, and return how many."""
    if number is None:
        return store.run("DELETE FROM faults")
    return store.run("DELETE FROM faults WHERE id = ?", (number,))


def take_fault(*, store: Store, request: Request, system: str) -> Fault | None:
    """Use up one turn of the first fault that matches this request."""
    if not store.rows("SELECT 1 FROM faults LIMIT 1"):
        return None
    with store.transaction():
        for fault in list_faults(store=store):
            if not _matches(fault["match"], request, system):
                continue
            if fault["skip"] > 0:
                fault["skip"] -= 1
                _save(store, fault)
                continue
            fault["hits"] += 1
            fault["times"] -= 1 if fault["times"] > 0 else 0
            if fault["times"] == 0:
                store.run("DELETE FROM faults WHERE id = ?", (fault["id"],))
            else:
                _save(store, fault)
            return Fault(id=fault["id"], action=fault["action"], ms=fault["ms"])
    return None


def _save(store: Store, fault: Json) -> None:
    doc = {key: value for key, value in fault.items() if key != "id"}
    store.run("UPDATE faults SET doc = ? WHERE id = ?", (json.dumps(doc), fault["id"]))


def _matches(match: dict[str, str], request: Request, system: str) -> bool:
    path = match.get("path", "")
    return (
        match.get("system", system) == system
        and match.get("method", request.method).upper() == request.method
        and match.get("body", "").encode() in request.body
        and (
            re.search(path, request.path) is not None
            if path.startswith("^")
            else request.path.startswith(path)
        )
    )
