"""The sending side: `/postmark/email` and `/postmark/email/batch` with Postmark's own refusals."""

from __future__ import annotations

import base64
import binascii
import uuid
from datetime import UTC, datetime
from email.utils import getaddresses
from typing import Any

from sandbox.config import Config
from sandbox.postmark import bounces
from sandbox.store import Store
from sandbox.wire import Json, MalformedBody, Request, Response, Route, as_json

MAX_RECIPIENTS = 50
MAX_BATCH = 500
MAX_BYTES = 10 * 1024 * 1024
MAX_BODY_BYTES = 5 * 1024 * 1024
_FORBIDDEN = ("exe", "bat", "cmd", "com", "js", "vbs", "scr", "msi", "ps1", "jar", "hta", "pif")


class Refused(Exception):
    """Postmark says no, with its own error code."""

    def __init__(self, code: int, message: str, *, status: int = 422) -> None:
        super().__init__(message)
        self.code = code
        self.status = status

    @property
    def body(self) -> Json:
        """The error as Postmark writes it."""
        return {"ErrorCode": self.code, "Message": str(self)}


def routes(*, store: Store, config: Config) -> tuple[Route, ...]:
    """Return the sending routes."""

    def guarded(request: Request) -> Response:
        try:
            return _send(store, config, request)
        except Refused as error:
            return as_json(error.body, status=error.status)

    return (
        Route(method="POST", pattern="/postmark/email", handler=guarded, is_api=True),
        Route(method="POST", pattern="/postmark/email/batch", handler=guarded, is_api=True),
    )


def check_token(config: Config, request: Request) -> None:
    """Raise Refused when the server token is missing or wrong."""
    given = request.header("x-postmark-server-token")
    if not given:
        raise Refused(
            10,
            "No Account or Server API tokens were supplied in the HTTP headers. Please add a "
            "header for either X-Postmark-Server-Token or X-Postmark-Account-Token.",
            status=401,
        )
    if given != config.postmark_token:
        raise Refused(
            10,
            "The Server Token you provided in the X-Postmark-Server-Token request header was "
            "invalid. Please verify that you are using a valid token.",
            status=401,
        )


def _send(store: Store, config: Config, request: Request) -> Response:
    check_token(config, request)
    if request.fail_with == "error_429":
        raise Refused(429, "Too many requests. Please slow down.", status=429)
    if request.fail_with == "error_500":
        raise Refused(500, "Internal Server Error", status=500)
    request.begin()
    if request.header("content-type").partition(";")[0].strip() != "application/json":
        raise Refused(402, "Unsupported Request Content-Type. Set the header to application/json.")
    try:
        body = request.json()
    except MalformedBody as error:
        raise Refused(402, "Received invalid JSON input.") from error
    if request.path.endswith("/batch"):
        answer: Any = _batch(store, body)
    else:
        answer = _accept(store, body)
    if request.fail_with == "error_500_after_commit":
        raise Refused(500, "Internal Server Error", status=500)
    return as_json(answer)


def _batch(store: Store, body: Any) -> list[Json]:
    if not isinstance(body, list):
        raise Refused(402, "Received invalid JSON input: a batch is an array of messages.")
    if len(body) > MAX_BATCH:
        raise Refused(410, f"A batch may hold at most {MAX_BATCH} messages.")
    answers = []
    for message in body:
        try:
            answers.append(_accept(store, message))
        except Refused as error:
            answers.append(error.body)
    return answers


def _accept(store: Store, message: Any) -> Json:
    """Check one message as Postmark does and keep it."""
    if not isinstance(message, dict):
        raise Refused(402, "Received invalid JSON input: a message is an object.")
    sender = _addresses(message, "From")
    if not sender:
        raise Refused(300, "Invalid 'From' address: ''.")
    people = {name: _addresses(message, name) for name in ("To", "Cc", "Bcc")}
    everyone = [address for group in people.values() for address in group]
    if not everyone:
        raise Refused(300, "Zero recipients specified")
    if len(everyone) > MAX_RECIPIENTS:
        raise Refused(300, f"Too many recipients: at most {MAX_RECIPIENTS} are allowed.")
    inactive = set(store.knob("mail.inactive", []))
    dead = [address for address in everyone if address.lower() in inactive]
    if dead and len(dead) == len(everyone):
        raise Refused(
            406,
            "You tried to send to recipient(s) that have been marked as inactive.\nFound inactive "
            f"addresses: {', '.join(dead)}.\nInactive recipients are ones that have generated a "
            "hard bounce, a spam complaint, or a manual suppression. ",
        )
    text, html = message.get("TextBody") or "", message.get("HtmlBody") or ""
    if not text and not html:
        raise Refused(300, "Provide either email TextBody or HtmlBody or both.")
    if max(len(text), len(html)) > MAX_BODY_BYTES:
        raise Refused(300, "The body is larger than 5 MB.")
    at = round(store.now(), 3)
    mail: Json = {
        "id": str(uuid.uuid4()),
        "created": int(at),
        "at": at,
        "from": message["From"],
        "to": people["To"],
        "cc": people["Cc"],
        "bcc": people["Bcc"],
        "reply_to": message.get("ReplyTo") or "",
        "subject": message.get("Subject") or "",
        "text": text,
        "html": html,
        "headers": _headers(message),
        "metadata": _metadata(message),
        "tag": message.get("Tag") or "",
        "stream": message.get("MessageStream") or "outbound",
        "attachments": _attachments(message),
    }
    with store.transaction():
        store.insert(kind="mail", doc=mail)
        bounces.plan(store=store, mail=mail)
    answer: Json = {
        "To": message.get("To", ""),
        "SubmittedAt": datetime.fromtimestamp(at, UTC).isoformat(),
        "MessageID": mail["id"],
        "ErrorCode": 0,
        "Message": "OK",
    }
    if dead:
        answer["Message"] = (
            "Message OK, but will not deliver to these inactive addresses: "
            f"{', '.join(dead)}. Inactive recipients are ones that have generated a hard bounce, "
            "a spam complaint, or a manual suppression."
        )
    return {key: value for key, value in answer.items() if value != ""}


def _addresses(message: Json, name: str) -> list[str]:
    value = message.get(name) or ""
    if not isinstance(value, str):
        raise Refused(402, f"Received invalid JSON input: '{name}' is a string.")
    result = []
    for _, address in getaddresses([value]):
        local, _, domain = address.rpartition("@")
        if not local or ("." not in domain and domain != "localhost") or " " in address:
            raise Refused(300, f"Invalid '{name}' address: '{address or value}'.")
        result.append(address)
    return result


def _headers(message: Json) -> dict[str, str]:
    headers = message.get("Headers") or []
    if not isinstance(headers, list) or not all(
        isinstance(item, dict) and {"Name", "Value"} <= set(item) for item in headers
    ):
        raise Refused(300, "Invalid 'Headers': each has a Name and a Value.")
    return {str(item["Name"]): str(item["Value"]) for item in headers}


def _metadata(message: Json) -> dict[str, str]:
    metadata = message.get("Metadata") or {}
    if not isinstance(metadata, dict):
        raise Refused(300, "Invalid metadata content. It must be an object.")
    for key, value in metadata.items():
        if not isinstance(value, str):
            raise Refused(300, f"Invalid metadata content. '{key}' is not a string.")
        if len(key) > 20:
            raise Refused(300, f"Invalid metadata content. Field name '{key}' is longer than 20.")
        if len(value) > 80:
            raise Refused(300, f"Invalid metadata content. The value of '{key}' is longer than 80.")
    if len(metadata) > 10:
        raise Refused(300, "Invalid metadata content. There are more than 10 fields.")
    return dict(metadata)


def _attachments(message: Json) -> list[Json]:
    result, total = [], 0
    for item in message.get("Attachments") or []:
        if not isinstance(item, dict) or not {"Name", "Content", "ContentType"} <= set(item):
            raise Refused(300, "Invalid attachment: Name, Content and ContentType are needed.")
        name = str(item["Name"])
        if name.rpartition(".")[2].lower() in _FORBIDDEN:
            raise Refused(300, f"Invalid attachment: the file type of '{name}' is forbidden.")
        try:
            total += len(base64.b64decode(item["Content"], validate=True))
        except (binascii.Error, TypeError, ValueError) as error:
            raise Refused(300, f"Invalid attachment: '{name}' is not base64.") from error
        result.append(
            {
                "name": name,
                "content_type": str(item["ContentType"]),
                "content": item["Content"],
                "content_id": item.get("ContentID"),
            }
        )
    if total > MAX_BYTES:
        raise Refused(300, "The message is larger than 10 MB.")
    return result
