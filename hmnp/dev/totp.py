"""`make totp`: the code that the demo staff's authenticator app would show now."""

import base64
import hashlib
import hmac
import re
import struct
import sys
import time
from pathlib import Path

from hmnp.dev.state import EmbeddedServerError, state_dir

PERIOD_SECONDS = 30
_SECRET = re.compile(r"^TOTP secret:\s+([A-Z2-7]+)", re.MULTILINE)


def secret_in(logins: Path) -> str:
    """Give the secret that the demo's logins name. Raises ValueError."""
    found = _SECRET.search(logins.read_text("utf-8"))
    if found is None:
        raise ValueError(f"{logins} names no TOTP secret")
    return found[1]


def code_of(secret: str, *, at: float, steps: int = 0) -> str:
    """Give the secret's code at `at` (seconds since 1970), so many half minutes later."""
    counter = struct.pack(">Q", int(at) // PERIOD_SECONDS + steps)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    offset = digest[-1] & 0x0F
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**6:06}"


def main() -> int:
    """Print the code and how long it is good."""
    try:
        secret = secret_in(state_dir() / "demo-logins.txt")
    except (EmbeddedServerError, OSError, ValueError):
        print("There is no demo staff yet: start the site with `make run` first.", file=sys.stderr)
        return 1
    now = time.time()
    left = PERIOD_SECONDS - int(now) % PERIOD_SECONDS
    print(f"{code_of(secret, at=now)}   (good for {left} s, once)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
