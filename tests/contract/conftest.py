"""What the attacks meet; a test with a world of its own has that."""

from tests.contract.attacks import world

__all__ = ["world"]
