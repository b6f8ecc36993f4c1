"""The one page whose policy differs: the card field is Stripe's own frame."""


def payment_page_csp(*, js_url: str, api_base: str) -> dict[str, list[str]]:
    """Give the directives the payment page adds; everything else stays as on every page."""
    origin = "/".join(js_url.split("/", 3)[:3])
    frames = [origin]
    if origin == "https://js.stripe.com":
        frames += ["https://*.js.stripe.com", "https://hooks.stripe.com"]
    return {
        "script-src": ["'self'", origin],
        "frame-src": frames,
        "connect-src": ["'self'", api_base.rstrip("/")],
    }
