"""How Stripe's objects are shown: lists, paging, expansion and the browser's reduced view."""

from __future__ import annotations

from typing import Any

from sandbox.store import Store
from sandbox.stripe.call import Call
from sandbox.stripe.errors import invalid, missing
from sandbox.wire import Json

# kind -> property -> kind of the object behind the id
_EXPANDABLE: dict[str, dict[str, str]] = {
    "payment_intent": {
        "latest_charge": "charge",
        "payment_method": "payment_method",
        "customer": "customer",
    },
    "charge": {"payment_intent": "payment_intent", "customer": "customer", "refunds": "refund"},
    "refund": {"payment_intent": "payment_intent", "charge": "charge"},
    "dispute": {"payment_intent": "payment_intent", "charge": "charge"},
    "payment_method": {"customer": "customer"},
    "event": {},
    "customer": {},
}
PUBLIC_INTENT_FIELDS = (
    "id", "object", "amount", "amount_details", "automatic_payment_methods", "canceled_at",
    "cancellation_reason", "capture_method", "client_secret", "confirmation_method", "created",
    "currency", "description", "last_payment_error", "livemode", "next_action", "payment_method",
    "payment_method_types", "processing", "receipt_email", "setup_future_usage", "shipping",
    "source", "status",
)  # fmt: skip


def shown(doc: Json) -> Json:
    """Return an object without the sandbox's own notes on it."""
    return {key: value for key, value in doc.items() if key != "_"}


def public_intent(doc: Json) -> Json:
    """Return what a browser may see of an intent."""
    return {key: doc[key] for key in PUBLIC_INTENT_FIELDS if key in doc}


def render(call: Call, doc: Json) -> Json:
    """Return an endpoint's result as the caller may see it, expanded as asked."""
    if doc.get("object") == "list":
        data = [render_one(call, item, prefix="data.") for item in doc["data"]]
        return {**doc, "data": data}
    return render_one(call, doc, prefix="")


def render_one(call: Call, doc: Json, *, prefix: str) -> Json:
    """Return one object, with the paths of `expand[]` that start with `prefix` expanded."""
    result = shown(doc)
    if call.publishable and doc.get("object") == "payment_intent":
        return public_intent(result)
    for path in call.params.get("expand") or []:
        if not path.startswith(prefix) or (not prefix and path.startswith("data.")):
            raise invalid(f"This property cannot be expanded ({path}).", param="expand")
        result = _expand(call.store, result, path.removeprefix(prefix).split("."), path)
    return result


def _expand(store: Store, doc: Json, steps: list[str], path: str) -> Json:
    step, rest = steps[0], steps[1:]
    kinds = _EXPANDABLE.get(str(doc.get("object")), {})
    if step == "data" and doc.get("object") == "list":
        return {**doc, "data": [_expand(store, item, rest, path) for item in doc["data"]]}
    if step not in kinds:
        raise invalid(f"This property cannot be expanded ({path}).", param="expand")
    value: Any = doc.get(step)
    if step == "refunds":
        refunds = store.select(
            kind="refund", where="parent = ? AND json_extract(doc, '$.charge') = ?",
            args=(doc["payment_intent"], doc["id"]), tail="ORDER BY seq DESC",
        )  # fmt: skip
        value = {
            "object": "list",
            "data": [shown(item) for item in refunds],
            "has_more": False,
            "url": f"/v1/charges/{doc['id']}/refunds",
        }
    elif isinstance(value, str):
        found = store.get(kind=kinds[step], key=value)
        value = shown(found) if found else value
    if rest and isinstance(value, dict):
        value = _expand(store, value, rest, path)
    return {**doc, step: value}


def list_objects(
    call: Call, *, kind: str, url: str, where: str = "1", args: tuple[Any, ...] = ()
) -> Json:
    """Return a page of objects, newest first, as `limit`, cursors and `created` ask."""
    limit = call.params.get("limit") or 10
    if limit > 100:
        raise invalid("This value must be less than or equal to 100.", param="limit",
                      code="parameter_invalid_integer")  # fmt: skip
    after, before = call.params.get("starting_after"), call.params.get("ending_before")
    if after and before:
        raise invalid("You may only specify one of these parameters: ending_before, "
                      "starting_after.")  # fmt: skip
    clauses, values = [where], list(args)
    for name, sign in (("gt", ">"), ("gte", ">="), ("lt", "<"), ("lte", "<=")):
        bound = (call.params.get("created") or {}).get(name)
        if bound is not None:
            clauses.append(f"created {sign} ?")
            values.append(bound)
    for name, cursor, sign in (("starting_after", after, "<"), ("ending_before", before, ">")):
        if cursor:
            clauses.append(f"seq {sign} ?")
            values.append(_seq(call.store, kind, cursor, name))
    order = "ASC" if before else "DESC"
    found = call.store.select(
        kind=kind, where=" AND ".join(clauses), args=values,
        tail=f"ORDER BY seq {order} LIMIT {limit + 1}",
    )  # fmt: skip
    page = found[:limit]
    return {
        "object": "list",
        "data": page[::-1] if before else page,
        "has_more": len(found) > limit,
        "url": url,
    }


def _seq(store: Store, kind: str, cursor: str, param: str) -> int:
    found = store.rows("SELECT seq FROM objects WHERE kind = ? AND id = ?", (kind, cursor))
    if not found:
        raise missing(kind, cursor, param=param, status=400)
    return int(found[0]["seq"])
