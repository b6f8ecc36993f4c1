"""No `api` or `pages` module over 500 lines: a doorway that long hides rules of the house."""

import sys
from pathlib import Path

from hmnp.dev.state import CHECKOUT

LIMIT = 500
DOORS = {"api", "pages"}
PACKAGES = ("hmnp", "services", "bookings", "payments", "integrations")


def too_long(*, root: Path = CHECKOUT, limit: int = LIMIT) -> dict[str, int]:
    """Find the modules of `api` and `pages` with more lines than the limit."""
    found: dict[str, int] = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            inside = path.relative_to(root)
            if "tests" in inside.parts or not DOORS & {*inside.parts[:-1], inside.stem}:
                continue
            lines = len(path.read_text("utf-8").splitlines())
            if lines > limit:
                found[str(inside)] = lines
    return found


def main() -> int:
    """Name the modules that are too long; 0 when there are none."""
    found = too_long()
    for name, lines in found.items():
        print(f"{name}: {lines} lines, more than {LIMIT}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
