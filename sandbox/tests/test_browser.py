"""The Payment Element in a real browser, inside a page of another origin with a strict policy."""

from __future__ import annotations

import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FrameLocator, Page, expect, sync_playwright

from sandbox.tests.driving import Running, make_intent

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Debian's Chromium is not installed"),
]
SHOTS = os.environ.get("SANDBOX_SCREENSHOTS", "")
HOST_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/page.css"></head><body><main><h1>Pay $42.50</h1>
<form id="pay"><div id="card"></div><p id="message" role="alert"></p>
<button type="submit" id="submit">Pay $42.50</button></form></main>
<script src="{sandbox}/js/v3/"></script><script src="/page.js"></script></body></html>"""
HOST_CSS = """:root { color-scheme: light dark; } body { margin: 0; font: 16px/1.5 system-ui; }
main { max-width: 620px; margin: 0 auto; padding: 16px; } button { min-height: 44px; width: 100%; }
#card { margin-bottom: 16px; }"""
HOST_JS = """
const query = new URLSearchParams(location.search);
const secret = query.get('secret');
const stripe = Stripe('pk_test_sandbox');
const options = { clientSecret: secret };
if (query.get('theme')) { options.appearance = {
  theme: query.get('theme'), variables: { colorPrimary: '#0e5563', borderRadius: '6px' },
  rules: { '.Label': { fontWeight: '600' } } }; }
if (query.get('locale')) { options.locale = query.get('locale'); }
const elements = stripe.elements(options);
const card = elements.create('payment', { layout: 'tabs' });
window.seen = [];
for (const name of ['ready', 'change', 'loaderror']) {
  card.on(name, (event) => { window.seen.push([name, event]); });
}
card.mount('#card');
const message = document.querySelector('#message');
document.querySelector('#pay').addEventListener('submit', async (event) => {
  event.preventDefault();
  message.textContent = '';
  const checked = await elements.submit();
  if (checked.error) { message.textContent = checked.error.message; return; }
  const result = await stripe.confirmPayment({
    elements, redirect: query.get('redirect') || 'if_required',
    confirmParams: { return_url: location.origin + '/done?x=1',
      payment_method_data: { billing_details: { name: 'Ann Lee', email: 'ann@example.com' } } } });
  window.result = result;
  message.textContent = result.error ? result.error.message
    : 'Status: ' + result.paymentIntent.status;
});
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def shop(sandbox: Running) -> Iterator[str]:
    """A page of another origin that allows just what the real site allows."""
    policy = (
        f"default-src 'none'; script-src 'self' {sandbox.url}; frame-src {sandbox.url}; "
        f"connect-src 'self' {sandbox.url}; style-src 'self'; form-action 'self'; base-uri 'none'"
    )
    files = {
        "/": ("text/html", HOST_PAGE.replace("{sandbox}", sandbox.url)),
        "/page.css": ("text/css", HOST_CSS),
        "/page.js": ("text/javascript", HOST_JS),
        "/done": ("text/html", "<title>Done</title><h1>Thank you</h1>"),
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, text = files.get(self.path.partition("?")[0], ("text/plain", ""))
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


class Desk:
    """A page with the Payment Element open, that fails the test on any console error."""

    def __init__(self, browser: Browser, shop: str, intent: stripe.PaymentIntent,
                 *, query: str = "", **context: Any) -> None:  # fmt: skip
        self.context = browser.new_context(**{"viewport": {"width": 390, "height": 844}, **context})
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.page.on("console", lambda line: self._note(line.type, line.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(f"{shop}?secret={intent.client_secret}{query}")
        self.frame: FrameLocator = self.page.frame_locator("#card iframe")
        expect(self.frame.get_by_label("Card number")).to_be_visible()
        self.page.wait_for_function("window.seen.some(([name]) => name === 'ready')")

    def _note(self, kind: str, text: str) -> None:
        # Chromium reports every 402 answer as a failed load.
        if kind == "error" and "402 (Payment Required)" not in text:
            self.errors.append(text)

    def fill(
        self, number: str, expiry: str = "1240", cvc: str = "123", postal: str = "77002"
    ) -> None:
        for label, text in (("Card number", number), ("Expiration", expiry), ("CVC", cvc),
                            ("ZIP", postal)):  # fmt: skip
            self.frame.get_by_label(label).fill("")
            self.frame.get_by_label(label).press_sequentially(text)

    def pay(self) -> None:
        self.page.get_by_role("button", name="Pay $42.50").click()

    def message(self, text: str) -> None:
        expect(self.page.locator("#message")).to_contain_text(text)

    def shoot(self, name: str) -> None:
        if SHOTS:
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=f"{SHOTS}/{name}.png")

    def close(self) -> None:
        self.context.close()
        assert self.errors == []


def test_a_good_card_pays_and_the_page_never_sees_its_number(
    browser: Browser, shop: str, api: stripe.StripeClient
) -> None:
    intent = make_intent(api)
    desk = Desk(browser, shop, intent)
    desk.fill("4242424242424242")
    expect(desk.frame.get_by_label("Card number")).to_have_value("4242 4242 4242 4242")
    expect(desk.frame.get_by_label("Expiration")).to_have_value("12 / 40")
    complete = "window.seen.some(([name, event]) => name === 'change' && event.complete)"
    assert desk.page.evaluate(complete)
    desk.shoot("element-390")
    desk.pay()
    desk.message("Status: succeeded")
    assert "4242" not in str(desk.page.evaluate("JSON.stringify([window.seen, window.result])"))
    assert "metadata" not in desk.page.evaluate("window.result.paymentIntent")
    desk.close()
    paid = api.v1.payment_intents.retrieve(
        intent.id, {"expand": ["payment_method", "latest_charge"]}
    )
    assert paid.status == "succeeded"
    assert isinstance(paid.payment_method, stripe.PaymentMethod)
    assert paid.payment_method.billing_details.name == "Ann Lee"
    assert paid.payment_method.billing_details.address is not None
    assert paid.payment_method.billing_details.address.postal_code == "77002"


def test_a_declined_card_says_why_and_another_one_pays(
    browser: Browser, shop: str, api: stripe.StripeClient
) -> None:
    intent = make_intent(api)
    desk = Desk(browser, shop, intent)
    desk.fill("4000000000009995")
    desk.pay()
    desk.message("Your card has insufficient funds.")
    error = desk.page.evaluate("window.result.error")
    assert (error["type"], error["code"]) == ("card_error", "card_declined")
    assert error["decline_code"] == "insufficient_funds"
    assert error["payment_intent"]["id"] == intent.id
    desk.fill("5555555555554444")
    desk.pay()
    desk.message("Status: succeeded")
    desk.close()
    charges = api.v1.charges.list({"payment_intent": intent.id}).data
    assert [charge.status for charge in charges] == ["succeeded", "failed"]


@pytest.mark.night
def test_incomplete_fields_are_named_beside_them_and_nothing_is_sent(
    browser: Browser, shop: str, api: stripe.StripeClient
) -> None:
    intent = make_intent(api)
    desk = Desk(browser, shop, intent)
    desk.fill("4242424242424241", expiry="0120", cvc="1", postal="77")
    desk.pay()
    desk.message("Your card number is invalid.")
    number = desk.frame.get_by_label("Card number")
    expect(number).to_have_attribute("aria-invalid", "true")
    expect(number).to_be_focused()
    expect(number).to_have_accessible_description("Your card number is invalid.")
    for text in ("expiration date is in the past", "security code is incomplete", "ZIP"):
        expect(desk.frame.get_by_role("alert").filter(has_text=text)).to_be_visible()
    desk.shoot("errors-390")
    desk.close()
    assert api.v1.charges.list({"payment_intent": intent.id}).data == []


def test_3d_secure_is_asked_in_a_dialog_and_then_pays(
    browser: Browser, shop: str, api: stripe.StripeClient
) -> None:
    intent = make_intent(api, description="Mobile notary visit")
    desk = Desk(browser, shop, intent)
    desk.fill("4000002500003155")
    desk.pay()
    dialog = desk.page.get_by_role("dialog", name="Card authentication")
    expect(dialog).to_be_visible()
    bank = dialog.locator("iframe").content_frame
    expect(bank.get_by_text("Mobile notary visit asks for 42.50 USD")).to_be_visible()
    desk.shoot("challenge-390")
    assert api.v1.payment_intents.retrieve(intent.id).status == "requires_action"
    bank.get_by_role("button", name="Complete authentication").click()
    desk.message("Status: succeeded")
    expect(dialog).to_have_count(0)
    desk.close()


@pytest.mark.night
@pytest.mark.parametrize("by_key", [False, True])
def test_a_failed_3d_secure_asks_for_another_card(
    browser: Browser, shop: str, api: stripe.StripeClient, by_key: bool
) -> None:
    intent = make_intent(api)
    desk = Desk(browser, shop, intent)
    desk.fill("4000002760003184")
    desk.pay()
    bank = desk.page.get_by_role("dialog").locator("iframe").content_frame
    refuse = bank.get_by_role("button", name="Fail authentication")
    if by_key:
        expect(refuse).to_be_visible()
        refuse.press("Escape")
    else:
        refuse.click()
    desk.message("failed authentication")
    error = desk.page.evaluate("window.result.error")
    assert error["code"] == "payment_intent_authentication_failure"
    desk.fill("4242424242424242")
    desk.pay()
    desk.message("Status: succeeded")
    desk.close()


@pytest.mark.night
def test_it_works_by_keyboard_alone(browser: Browser, shop: str, api: stripe.StripeClient) -> None:
    desk = Desk(browser, shop, make_intent(api))
    desk.page.keyboard.press("Tab")
    for text in ("4242424242424242", "1240", "123", "77002"):
        desk.page.keyboard.type(text)
        desk.page.keyboard.press("Tab")
    expect(desk.page.get_by_role("button", name="Pay $42.50")).to_be_focused()
    desk.page.keyboard.press("Shift+Tab")
    expect(desk.frame.get_by_label("ZIP")).to_be_focused()
    desk.page.keyboard.press("Enter")
    desk.message("Status: succeeded")
    desk.close()


@pytest.mark.night
def test_it_goes_to_the_return_url_when_it_always_redirects(
    browser: Browser, shop: str, api: stripe.StripeClient
) -> None:
    intent = make_intent(api)
    desk = Desk(browser, shop, intent, query="&redirect=always")
    desk.fill("4242424242424242")
    desk.pay()
    desk.page.wait_for_url("**/done?**")
    assert f"payment_intent={intent.id}" in desk.page.url
    assert "x=1" in desk.page.url
    assert "redirect_status=succeeded" in desk.page.url
    desk.close()


@pytest.mark.night
def test_a_processing_payment_is_told_as_such(
    browser: Browser, shop: str, api: stripe.StripeClient
) -> None:
    desk = Desk(browser, shop, make_intent(api))
    desk.fill("4000050000000007")
    desk.pay()
    desk.message("Status: processing")
    seen = desk.page.evaluate(
        "stripe.retrievePaymentIntent(secret).then((r) => r.paymentIntent.status)"
    )
    assert seen in {"processing", "succeeded"}
    desk.close()


@pytest.mark.night
def test_a_dead_sandbox_is_an_error_not_a_hang(
    browser: Browser, shop: str, api: stripe.StripeClient, sandbox: Running
) -> None:
    desk = Desk(browser, shop, make_intent(api))
    desk.fill("4242424242424242")
    sandbox.post("/_sandbox/faults", {"action": "reset", "match": {"method": "POST"}, "times": 3})
    desk.pay()
    desk.message("experiencing issues connecting")
    desk.context.close()


@pytest.mark.night
@pytest.mark.parametrize(
    ("scheme", "theme", "width"),
    [("light", "", 1280), ("dark", "", 1280), ("dark", "night", 390), ("light", "stripe", 320)],
)
def test_it_fits_every_width_and_scheme(
    browser: Browser, shop: str, api: stripe.StripeClient, scheme: Any, theme: str, width: int
) -> None:
    desk = Desk(
        browser, shop, make_intent(api), query=f"&theme={theme}" if theme else "",
        color_scheme=scheme, viewport={"width": width, "height": 844},
    )  # fmt: skip
    desk.fill("4242424242424242")
    assert desk.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # All of the form shows: the frame is as high as what is in it.
    overflow = "document.documentElement.scrollHeight - innerHeight"
    assert desk.frame.locator("html").evaluate(f"() => {overflow}") <= 0
    expect(desk.frame.locator("html")).to_have_attribute(
        "data-theme", theme or ("night" if scheme == "dark" else "stripe")
    )
    desk.shoot(f"element-{width}-{scheme}-{theme or 'auto'}")
    desk.close()


@pytest.mark.night
def test_it_speaks_spanish(browser: Browser, shop: str, api: stripe.StripeClient) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{shop}?secret={make_intent(api).client_secret}&locale=es")
    frame = page.frame_locator("#card iframe")
    expect(frame.get_by_label("Número de tarjeta")).to_be_visible()
    expect(frame.locator("html")).to_have_attribute("lang", "es")
    context.close()


@pytest.mark.night
def test_misuse_is_an_integration_error(
    browser: Browser, shop: str, api: stripe.StripeClient
) -> None:
    desk = Desk(browser, shop, make_intent(api))
    for code in ("Stripe('sk_test_sandbox')", "stripe.elements({mode: 'payment'})",
                 "stripe.elements({clientSecret: 'x'})", "elements.create('card')",
                 "elements.create('payment')", "card.mount('#nowhere')"):  # fmt: skip
        name = desk.page.evaluate(f"(() => {{ try {{ {code} }} catch (e) {{ return e.name }} }})()")
        assert name == "IntegrationError", code
    late = "stripe.confirmPayment({ elements, confirmParams: {} }).catch((e) => e.name)"
    assert desk.page.evaluate(late) == "IntegrationError"
    desk.close()


@pytest.mark.night
def test_an_unknown_intent_is_a_load_error(browser: Browser, shop: str, sandbox: Running) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{shop}?secret=pi_none_secret_none")
    page.wait_for_function("window.seen.some(([name]) => name === 'loaderror')")
    context.close()


@pytest.mark.night
def test_the_frames_may_be_embedded(sandbox: Running) -> None:
    with sandbox.http() as client:
        for path in ("/stripe/element", "/stripe/authenticate/none"):
            answer = client.get(path)
            assert "X-Frame-Options" not in answer.headers
            assert "frame-ancestors *" in answer.headers["Content-Security-Policy"]
        assert client.get("/js/v3").content == client.get("/v3/").content


@pytest.mark.night
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_ledger_page_fits(
    browser: Browser, sandbox: Running, api: stripe.StripeClient, width: int, scheme: Any
) -> None:
    paid = make_intent(api, confirm=True, payment_method="pm_card_visa")
    api.v1.refunds.create({"payment_intent": paid.id, "amount": 1000})
    make_intent(api, metadata={"payment_id": "p-2"})
    sandbox.post("/_sandbox/faults", {"action": "delay", "match": {"path": "/v1/refunds"}})
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(sandbox.url + "/")
    expect(page.get_by_role("heading", name="HMNP-1 · booking b-1")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/ledger-{width}-{scheme}.png")
    context.close()


@pytest.mark.night
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    browser: Browser, sandbox: Running, api: stripe.StripeClient, scheme: Any
) -> None:
    intent = make_intent(
        api, confirm=True, payment_method="pm_card_threeDSecure2Required",
        return_url="http://127.0.0.1:9/",
    )  # fmt: skip
    sandbox.post("/_sandbox/faults", {"action": "delay", "match": {"path": "/v1/refunds"}})
    assert intent.next_action is not None
    assert intent.next_action.redirect_to_url is not None
    challenge = str(intent.next_action.redirect_to_url.url)
    context = browser.new_context(bypass_csp=True, color_scheme=scheme)
    page = context.new_page()
    for url in (f"{sandbox.url}/", f"{sandbox.url}/stripe/element", challenge):
        page.goto(url)
        found = Axe().run(page)
        serious = [
            each["id"] for each in found.response["violations"]
            if each["impact"] in {"serious", "critical"}
        ]  # fmt: skip
        assert serious == [], url
    context.close()
