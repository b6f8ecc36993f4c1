"""Which changes of the API's description break a partner's program, and which do not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from hmnp.dev.openapi_diff import breaking_changes

_JSON = "application/json"
OLD: dict[str, Any] = {
    "paths": {
        "/things": {
            "get": {
                "parameters": [
                    {"in": "query", "name": "limit", "schema": {"type": "integer", "maximum": 9}}
                ],
                "security": [{"key": ["read"]}, {"session": []}],
                "responses": {
                    "200": {
                        "content": {_JSON: {"schema": {"$ref": "#/components/schemas/Thing"}}},
                        "headers": {"ETag": {}},
                    },
                    "404": {"content": {_JSON: {"schema": {"type": "object"}}}},
                },
            },
            "post": {
                "requestBody": {
                    "content": {_JSON: {"schema": {"$ref": "#/components/schemas/New"}}}
                },
                "responses": {"201": {}},
            },
        }
    },
    "components": {
        "schemas": {
            "Thing": {
                "type": "object",
                "required": ["id", "state"],
                "properties": {
                    "id": {"type": "string", "format": "uuid"},
                    "state": {"type": "string", "enum": ["NEW", "OLD"]},
                    "parts": {
                        "type": "array",
                        "items": {"type": "object", "properties": {"n": {"type": "integer"}}},
                    },
                },
            },
            "New": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "maxLength": 20},
                    "size": {"type": "number"},
                    "kind": {"type": "string", "enum": ["A", "B"]},
                },
            },
        }
    },
}
Change = Callable[[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]], Any]

# Each is given the two operations and the two schemas: read, make, Thing, New.
BREAKING: dict[str, Change] = {
    "no longer answers 200": lambda read, make, thing, new: read["responses"].pop("200"),
    "header ETag removed": lambda read, make, thing, new: read["responses"]["200"].pop("headers"),
    "no longer application/json": lambda read, make, thing, new: read["responses"]["200"][
        "content"
    ].clear(),
    "limit is newly required": lambda read, make, thing, new: read["parameters"][0].update(
        required=True
    ),
    "limit is no longer taken": lambda read, make, thing, new: read["parameters"].clear(),
    "maximum is 5": lambda read, make, thing, new: read["parameters"][0]["schema"].update(
        maximum=5
    ),
    "no longer open to session": lambda read, make, thing, new: read["security"].pop(),
    "no longer open to key": lambda read, make, thing, new: read["security"][0].update(
        key=["write"]
    ),
    "a body is newly required": lambda read, make, thing, new: make["requestBody"].update(
        required=True
    ),
    "id: removed": lambda read, make, thing, new: thing["properties"].pop("id"),
    "id: may newly be missing": lambda read, make, thing, new: thing["required"].remove("id"),
    "id: may newly be null": lambda read, make, thing, new: thing["properties"]["id"].update(
        type=["string", "null"]
    ),
    "id: format uuid became None": lambda read, make, thing, new: thing["properties"]["id"].pop(
        "format"
    ),
    "value OLD removed": lambda read, make, thing, new: thing["properties"]["state"].update(
        enum=["NEW"]
    ),
    "may newly be ODD": lambda read, make, thing, new: thing["properties"]["state"]["enum"].append(
        "ODD"
    ),
    "parts[].n: removed": lambda read, make, thing, new: thing["properties"]["parts"]["items"][
        "properties"
    ].clear(),
    "size: newly required": lambda read, make, thing, new: new["required"].append("size"),
    "size: takes only integer": lambda read, make, thing, new: new["properties"]["size"].update(
        type="integer"
    ),
    "size: removed": lambda read, make, thing, new: new["properties"].pop("size"),
    "name: maxLength is 10": lambda read, make, thing, new: new["properties"]["name"].update(
        maxLength=10
    ),
    "name: newly has to match": lambda read, make, thing, new: new["properties"]["name"].update(
        pattern="^a"
    ),
    "kind: value B removed": lambda read, make, thing, new: new["properties"]["kind"].update(
        enum=["A"]
    ),
    "takes no other fields": lambda read, make, thing, new: new.update(additionalProperties=False),
}
HARMLESS: dict[str, Change] = {
    "nothing": lambda read, make, thing, new: None,
    "another field in an answer": lambda read, make, thing, new: thing["properties"].update(
        more={"type": "string"}
    ),
    "another refusal": lambda read, make, thing, new: read["responses"].update({"409": {}}),
    "a refusal that never comes": lambda read, make, thing, new: read["responses"].pop("404"),
    "an optional parameter": lambda read, make, thing, new: read["parameters"].append(
        {"in": "query", "name": "q", "schema": {"type": "string"}}
    ),
    "an optional field to send": lambda read, make, thing, new: new["properties"].update(
        more={"type": "string"}
    ),
    "a duty less": lambda read, make, thing, new: new["required"].clear(),
    "a wider bound": lambda read, make, thing, new: new["properties"]["name"].update(maxLength=40),
    "another choice to send": lambda read, make, thing, new: new["properties"]["kind"][
        "enum"
    ].append("C"),
    "a narrower answer": lambda read, make, thing, new: thing["required"].append("parts"),
    "another way in": lambda read, make, thing, new: read["security"].append({"token": []}),
}


def _changed(change: Change) -> list[str]:
    new = copy.deepcopy(OLD)
    path, schemas = new["paths"]["/things"], new["components"]["schemas"]
    change(path["get"], path["post"], schemas["Thing"], schemas["New"])
    return breaking_changes(old=OLD, new=new)


@pytest.mark.parametrize("message", BREAKING)
def test_it_names_what_breaks(message: str) -> None:
    (found,) = _changed(BREAKING[message])
    assert message in found


@pytest.mark.parametrize("name", HARMLESS)
def test_it_leaves_alone_what_breaks_nobody(name: str) -> None:
    assert _changed(HARMLESS[name]) == []


def test_a_removed_path_and_a_removed_method_are_named() -> None:
    new = copy.deepcopy(OLD)
    del new["paths"]["/things"]["post"]
    assert breaking_changes(old=OLD, new=new) == ["POST /things: removed"]
    assert breaking_changes(old=OLD, new={**new, "paths": {}}) == [
        "GET /things: removed",
        "POST /things: removed",
    ]
