"""`/twilio/2010-04-01/Accounts/{sid}/Messages`: create, read and list, strict about their forms."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hmac import compare_digest
from urllib.parse import parse_qsl, urlencode

from sandbox.config import Config, is_loopback_url
from sandbox.store import Store
from sandbox.twilio.errors import Refused, not_found
from sandbox.twilio.segments import count_segments
from sandbox.wire import Json, Request, Response, Route, as_json

VERSION = "2010-04-01"
PREFIX = "/twilio"
KIND = "sms"
MAX_BODY = 1600
MAX_PAGE = 1000
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_NORTH_AMERICAN = re.compile(r"\+1[2-9]\d{9}")
_REFERENCE = re.compile(r"HM-[2-9A-Z]{6}")
_PLAYED = {"To", "From", "MessagingServiceSid", "Body", "StatusCallback", "ValidityPeriod"}
_FILTERS = {"To", "From", "DateSent", "DateSent<", "DateSent>", "PageSize", "Page", "PageToken"}
# Numbers that Twilio itself keeps for testing refusals.
_MAGIC_TO = {
    "+15005550001": (21211, "The 'To' number {to} is not a valid phone number."),
    "+15005550002": (21612, "The 'To' phone number: {to}, is not currently reachable via SMS."),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (21614, "'To' number is not a valid mobile number"),
}


def routes(*, store: Store, config: Config) -> tuple[Route, ...]:
    """Return the API's routes."""

    def route(method: str, pattern: str, work: Callable[[Store, Config, Request], Json]) -> Route:
        def handler(request: Request) -> Response:
            try:
                _check_account(config, request)
                if request.fail_with == "error_429":
                    raise Refused(20429, "Too Many Requests", status=429)
                if request.fail_with == "error_500":
                    raise Refused(20500, "Internal Server Error", status=500)
                request.begin()
                with store.transaction():
                    answer = work(store, config, request)
                if request.fail_with == "error_500_after_commit":
                    raise Refused(20500, "Internal Server Error", status=500)
                return as_json(answer, status=201 if method == "POST" else 200)
            except Refused as error:
                return error.answer()

        return Route(method=method, pattern=pattern, handler=handler, is_api=True)

    base = f"{PREFIX}/{VERSION}/Accounts/{{account}}"
    return (
        route("POST", f"{base}/Messages.json", _create),
        route("GET", f"{base}/Messages.json", _list),
        route("GET", f"{base}/Messages/{{sid}}.json", _fetch),
        *(
            Route(method=method, pattern=f"{PREFIX}(/.*)?", handler=_nothing_here)
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        ),
    )


def _nothing_here(request: Request) -> Response:
    return not_found(request.path.removeprefix(PREFIX)).answer()


def _check_account(config: Config, request: Request) -> None:
    scheme, _, given = request.header("authorization").partition(" ")
    try:
        user, _, password = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        user = password = ""
    is_known = compare_digest(user.encode(), config.twilio_account_sid.encode())
    if (
        scheme.lower() != "basic"
        or not is_known
        or not compare_digest(password.encode(), config.twilio_auth_token.encode())
        or request.refs["account"] != user
    ):
        raise Refused(20003, "Authenticate", status=401)


def _create(store: Store, config: Config, request: Request) -> Json:
    form = _form(request)
    to, sender = form.get("To", ""), form.get("From", "")
    service, body = form.get("MessagingServiceSid", ""), form.get("Body", "")
    if not to:
        raise Refused(21604, "A 'To' phone number is required.")
    if not sender and not service:
        raise Refused(21603, "A 'From' phone number is required.")
    if not body:
        raise Refused(21602, "Message body is required.")
    if len(body) > MAX_BODY:
        raise Refused(21617, "The concatenated message body exceeds the 1600 character limit.")
    _check_numbers(store, config, to=to, sender=sender)
    if service and not re.fullmatch(r"MG[0-9a-f]{32}", service):
        raise Refused(21705, f"The Messaging Service Sid {service} is invalid.")
    callback = form.get("StatusCallback", "")
    if callback and not is_loopback_url(url=callback):
        raise Refused(21609, f"The StatusCallback URL {callback} is not a valid URL.")
    at = round(store.now(), 3)
    message: Json = {
        "id": "SM" + secrets.token_hex(16),
        "created": int(at),
        "at": at,
        "updated_at": at,
        "sent_at": None,
        "to": to,
        "from": sender or config.twilio_from,
        "service": service or None,
        "body": body,
        "status": "queued",
        "error_code": None,
        "error_message": None,
        "callback": callback,
        "reference": found[0] if (found := _REFERENCE.search(body)) else "",
        "segments": count_segments(body),
    }
    store.insert(kind=KIND, doc=message, owner=to)
    seconds = float(store.knob("sms.seconds", 0.2))
    store.set_timer(system="twilio", kind="sent", ref=message["id"], seconds=seconds)
    return shown(message, account=config.twilio_account_sid)


def _form(request: Request) -> dict[str, str]:
    kind = request.header("content-type").partition(";")[0].strip()
    if kind != "application/x-www-form-urlencoded":
        raise Refused(20001, f"Bad request: send a form, not {kind or 'nothing'}.")
    form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    if unknown := sorted(set(form) - _PLAYED):
        raise Refused(20001, f"sandbox_not_played: {', '.join(unknown)}")
    return form


def _check_numbers(store: Store, config: Config, *, to: str, sender: str) -> None:
    if to in _MAGIC_TO:
        code, text = _MAGIC_TO[to]
        raise Refused(code, text.format(to=to))
    if not _E164.fullmatch(to) or (to.startswith("+1") and not _NORTH_AMERICAN.fullmatch(to)):
        raise Refused(21211, f"The 'To' number {to} is not a valid phone number.")
    if sender and not _E164.fullmatch(sender):
        raise Refused(21212, f"The 'From' number {sender} is not a valid phone number.")
    if sender and sender != config.twilio_from:
        raise Refused(
            21606,
            f"The 'From' phone number provided ({sender}) is not a valid message-capable Twilio "
            "phone number for this destination.",
        )
    if to == sender:
        raise Refused(21266, "'To' and 'From' number cannot be the same.")
    if to in store.knob("sms.opted_out", []):
        raise Refused(21610, "Attempt to send to unsubscribed recipient")


def _fetch(store: Store, config: Config, request: Request) -> Json:
    message = store.get(kind=KIND, key=request.refs["sid"])
    if message is None:
        raise not_found(request.path.removeprefix(PREFIX))
    return shown(message, account=config.twilio_account_sid)


def _list(store: Store, config: Config, request: Request) -> Json:
    wish = request.query_values()
    if unknown := sorted(set(wish) - _FILTERS):
        raise Refused(20001, f"sandbox_not_played: {', '.join(unknown)}")
    size = _number(wish, "PageSize", 50)
    page = _number(wish, "Page", 0)
    if not 1 <= size <= MAX_PAGE:
        raise Refused(20006, f"PageSize must be between 1 and {MAX_PAGE}.")
    found = store.select(kind=KIND, tail="ORDER BY seq DESC")
    for name, key in (("To", "to"), ("From", "from")):
        if value := wish.get(name):
            found = [message for message in found if message[key] == value]
    found = [message for message in found if _was_sent_when(message, wish)]
    part = found[page * size : (page + 1) * size]
    path = f"/{VERSION}/Accounts/{config.twilio_account_sid}/Messages.json"

    def uri(number: int) -> str:
        query = urlencode({**wish, "PageSize": size, "Page": number})
        return f"{path}?{query}"

    return {
        "first_page_uri": uri(0),
        "end": max(page * size + len(part) - 1, 0),
        "messages": [shown(message, account=config.twilio_account_sid) for message in part],
        "next_page_uri": uri(page + 1) if len(found) > (page + 1) * size else None,
        "page": page,
        "page_size": size,
        "previous_page_uri": uri(page - 1) if page else None,
        "start": page * size,
        "uri": uri(page),
    }


def _number(wish: dict[str, str], name: str, default: int) -> int:
    text = wish.get(name, str(default))
    if not text.isdigit():
        raise Refused(20001, f"{name} must be a number.")
    return int(text)


def _was_sent_when(message: Json, wish: dict[str, str]) -> bool:
    """Judge the `DateSent` filters; a day names all of it. What is only queued was never sent."""
    for name in ("DateSent", "DateSent<", "DateSent>"):
        if name not in wish:
            continue
        if message["sent_at"] is None:
            return False
        first, last = _span(wish[name])
        at = datetime.fromtimestamp(message["sent_at"], UTC)
        fits = {"DateSent": first <= at < last, "DateSent<": at < last, "DateSent>": at >= first}
        if not fits[name]:
            return False
    return True


def _span(text: str) -> tuple[datetime, datetime]:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(20001, f"DateSent {text} is not a date.") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment, moment + (timedelta(days=1) if len(text) == 10 else timedelta(seconds=1))


def shown(message: Json, *, account: str) -> Json:
    """Return a message as Twilio's API shows it."""
    uri = f"/{VERSION}/Accounts/{account}/Messages/{message['id']}"
    return {
        "account_sid": account,
        "api_version": VERSION,
        "body": message["body"],
        "date_created": _date(message["at"]),
        "date_sent": _date(message["sent_at"]),
        "date_updated": _date(message["updated_at"]),
        "direction": "outbound-api",
        "error_code": message["error_code"],
        "error_message": message["error_message"],
        "from": message["from"],
        "messaging_service_sid": message["service"],
        "num_media": "0",
        "num_segments": str(message["segments"]),
        "price": None,
        "price_unit": "USD",
        "sid": message["id"],
        "status": message["status"],
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": message["to"],
        "uri": f"{uri}.json",
    }


def _date(at: float | None) -> str | None:
    return None if at is None else format_datetime(datetime.fromtimestamp(int(at), UTC))
