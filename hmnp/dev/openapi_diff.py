"""What of a new OpenAPI document would break a program written against an old one."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

_METHODS = ("get", "post", "put", "patch", "delete")
_LOWER_BOUNDS = ("minimum", "minLength", "minItems")
_UPPER_BOUNDS = ("maximum", "maxLength", "maxItems")
Document = Mapping[str, Any]


def breaking_changes(*, old: Document, new: Document) -> list[str]:
    """List what a partner's program may rely on in `old` and no longer finds in `new`.

    A request must stay acceptable, an answer readable: what is added to answers, or may newly be
    left out of requests, breaks nobody.
    """
    return list(_Comparison(old, new).changes())


class _Comparison:
    """Two documents, walked together."""

    def __init__(self, old: Document, new: Document) -> None:
        self.old, self.new = old, new
        self._seen: set[tuple[str, str, bool]] = set()

    def changes(self) -> Iterator[str]:
        for path, methods in self.old["paths"].items():
            for method in (name for name in _METHODS if name in methods):
                where = f"{method.upper()} {path}"
                now = self.new["paths"].get(path, {}).get(method)
                if now is None:
                    yield f"{where}: removed"
                    continue
                yield from self._parameters(where, methods[method], now)
                yield from self._body(where, methods[method], now)
                yield from self._responses(where, methods[method], now)
                yield from self._security(where, methods[method], now)

    def _parameters(self, where: str, was: Document, now: Document) -> Iterator[str]:
        before, after = _named(was), _named(now)
        for key, parameter in after.items():
            is_new_duty = key not in before or not before[key].get("required")
            if parameter.get("required") and is_new_duty:
                yield f"{where}: {key[1]} is newly required"
        for key, parameter in before.items():
            if key not in after:
                yield f"{where}: {key[1]} is no longer taken"
            else:
                at = f"{where} {key[1]}"
                yield from self._schema(
                    at, parameter["schema"], after[key]["schema"], is_answer=False
                )

    def _body(self, where: str, was: Document, now: Document) -> Iterator[str]:
        before, after = (one.get("requestBody", {}) for one in (was, now))
        if after.get("required") and not before.get("required"):
            yield f"{where}: a body is newly required"
        for media_type, content in before.get("content", {}).items():
            if media_type not in after.get("content", {}):
                yield f"{where}: no longer takes {media_type}"
                continue
            taken = after["content"][media_type]["schema"]
            yield from self._schema(f"{where} body", content["schema"], taken, is_answer=False)

    def _responses(self, where: str, was: Document, now: Document) -> Iterator[str]:
        for status, response in was["responses"].items():
            after = now["responses"].get(status)
            if after is None:
                if status.startswith("2"):
                    yield f"{where}: no longer answers {status}"
                continue
            for media_type, content in response.get("content", {}).items():
                if media_type not in after.get("content", {}):
                    yield f"{where} {status}: no longer {media_type}"
                    continue
                given = after["content"][media_type]["schema"]
                yield from self._schema(
                    f"{where} {status}", content["schema"], given, is_answer=True
                )
            for name in response.get("headers", {}):
                if name not in after.get("headers", {}):
                    yield f"{where} {status}: header {name} removed"

    def _security(self, where: str, was: Document, now: Document) -> Iterator[str]:
        for credentials in was.get("security", [{}]):
            # Asking for less than before shuts nobody out.
            if not any(_asks_no_more(one, credentials) for one in now.get("security", [{}])):
                names = " + ".join(credentials) or "nobody in particular"
                yield f"{where}: no longer open to {names}"

    def _schema(self, where: str, was: Any, now: Any, *, is_answer: bool) -> Iterator[str]:
        step = (str(was.get("$ref", id(was))), str(now.get("$ref", id(now))), is_answer)
        if step in self._seen:
            return
        self._seen.add(step)
        was, now = _resolved(self.old, was), _resolved(self.new, now)
        yield from _types(where, was, now, is_answer=is_answer)
        yield from _values(where, was, now, is_answer=is_answer)
        yield from _bounds(where, was, now, is_answer=is_answer)
        yield from self._fields(where, was, now, is_answer=is_answer)
        if "items" in was and "items" in now:
            yield from self._schema(f"{where}[]", was["items"], now["items"], is_answer=is_answer)

    def _fields(
        self, where: str, was: Document, now: Document, *, is_answer: bool
    ) -> Iterator[str]:
        before, after = was.get("properties", {}), now.get("properties", {})
        duties, new_duties = set(was.get("required", [])), set(now.get("required", []))
        for name, field in before.items():
            at = f"{where}.{name}"
            if name not in after:
                yield f"{at}: removed"
                continue
            if is_answer and name in duties and name not in new_duties:
                yield f"{at}: may newly be missing"
            yield from self._schema(at, field, after[name], is_answer=is_answer)
        if not is_answer:
            for name in sorted(new_duties - duties):
                yield f"{where}.{name}: newly required"


def _named(operation: Document) -> dict[tuple[str, str], Document]:
    return {(one["in"], one["name"]): one for one in operation.get("parameters", [])}


def _asks_no_more(now: Document, was: Document) -> bool:
    return all(name in was and set(scopes) <= set(was[name]) for name, scopes in now.items())


def _resolved(document: Document, schema: Any) -> dict[str, Any]:
    """Give a schema with its references followed, and `oneOf` with null taken as nullable."""
    if "$ref" in schema:
        target: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return _resolved(document, target)
    for word in ("allOf", "oneOf", "anyOf"):
        if word in schema:
            parts = [_resolved(document, one) for one in schema[word]]
            merged: dict[str, Any] = {}
            for part in parts:
                merged |= part
            types = {kind for part in parts for kind in _kinds(part)}
            return {**merged, "type": sorted(types)}
    return dict(schema)


def _kinds(schema: Document) -> set[str]:
    kinds = schema.get("type", [])
    return {kinds} if isinstance(kinds, str) else set(kinds)


def _types(where: str, was: Document, now: Document, *, is_answer: bool) -> Iterator[str]:
    before, after = _kinds(was), _kinds(now)
    lost, gained = before - after, after - before
    if "number" in after:
        lost = lost - {"integer"}
    if "number" in before:
        gained = gained - {"integer"}
    if is_answer and gained and before:
        yield f"{where}: may newly be {', '.join(sorted(gained))}"
    if not is_answer and after and (lost or not before):
        yield f"{where}: takes only {', '.join(sorted(after))} now"
    if was.get("format") != now.get("format") and (is_answer or now.get("format")):
        yield f"{where}: format {was.get('format')} became {now.get('format')}"
    pattern = now.get("pattern")
    if not is_answer and pattern and pattern != was.get("pattern"):
        yield f"{where}: newly has to match {pattern}"


def _values(where: str, was: Document, now: Document, *, is_answer: bool) -> Iterator[str]:
    before, after = was.get("enum"), now.get("enum")
    if before and after:
        for value in before:
            if value not in after:
                yield f"{where}: value {value} removed"
        if is_answer:
            for value in after:
                if value not in before:
                    yield f"{where}: may newly be {value}"
    elif after and not is_answer:
        yield f"{where}: takes only {', '.join(map(str, after))} now"


def _bounds(where: str, was: Document, now: Document, *, is_answer: bool) -> Iterator[str]:
    if is_answer:
        return
    for name in (*_LOWER_BOUNDS, *_UPPER_BOUNDS):
        before, after = was.get(name), now.get(name)
        if after is None or after == before:
            continue
        is_tighter = before is None or (after > before) == (name in _LOWER_BOUNDS)
        if is_tighter:
            yield f"{where}: {name} is {after} now"
    if now.get("additionalProperties") is False and was.get("additionalProperties") is not False:
        yield f"{where}: takes no other fields now"


def main() -> int:
    """Print the breaking changes between two files; 1 if there are any."""
    old, new = (yaml.safe_load(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:3])
    changes = breaking_changes(old=old, new=new)
    print("\n".join(changes) or "nothing breaks")
    return 1 if changes else 0


if __name__ == "__main__":
    sys.exit(main())
