"""`python -m sandbox`: run the sandbox until it is told to stop."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading

from sandbox.config import Config
from sandbox.server import Server


def parse(*, argv: list[str]) -> Config:
    """Read the configuration from flags, and from `SANDBOX_…` variables where none is given."""
    base = Config()

    def env(name: str, default: str) -> str:
        return os.environ.get(f"SANDBOX_{name}", default)

    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default=base.host, help="loopback only")
    parser.add_argument("--port", type=int, default=int(env("PORT", str(base.port))))
    parser.add_argument("--data", default=env("DATA", base.data), help="the ledger's SQLite file")
    parser.add_argument("--webhook-url", default=env("WEBHOOK_URL", base.webhook_url))
    parser.add_argument("--webhook-secret", default=env("WEBHOOK_SECRET", base.webhook_secret))
    parser.add_argument("--secret-key", default=env("SECRET_KEY", base.secret_key))
    parser.add_argument("--publishable-key", default=env("PUBLISHABLE_KEY", base.publishable_key))
    parser.add_argument("--postmark-token", default=env("POSTMARK_TOKEN", base.postmark_token))
    for name in ("mail_webhook_secret", "twilio_account_sid", "twilio_auth_token", "twilio_from"):
        parser.add_argument(
            f"--{name.replace('_', '-')}", default=env(name.upper(), str(getattr(base, name)))
        )
    parser.add_argument(
        "--google-service-account",
        default=env("GOOGLE_SERVICE_ACCOUNT", base.google_service_account),
        metavar="FILE",
        help="write the Google service account's key to this file",
    )
    parser.add_argument(
        "--processing-seconds",
        type=int,
        default=base.processing_seconds,
        help="how long a payment stays in `processing`",
    )
    parser.add_argument("--quiet", action="store_true", help="no line for each request")
    return Config(**vars(parser.parse_args(argv)))


def main() -> int:
    """Serve until SIGINT or SIGTERM."""
    config = parse(argv=sys.argv[1:])
    try:
        server = Server(config=config)
    except (OSError, ValueError) as error:
        print(f"sandbox: cannot listen on {config.host}:{config.port}: {error}", file=sys.stderr)
        return 1
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(
            name, lambda *_: threading.Thread(target=server.shutdown, daemon=True).start()
        )
    address = f"http://{config.host}:{server.server_address[1]}"
    print(f"sandbox: {address} (ledger {config.data})", file=sys.stderr, flush=True)
    server.serve_forever(poll_interval=0.1)
    server.close()
    sys.stderr.flush()
    # Nobody waits for a webhook under way: what was not taken is sent again after the next start.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
