"""Named places at which a fault test may kill the process, to see what survives.

`CRASHPOINT` names a folder: a file in it, called like a point, arms that point for one death.
Without the variable a point costs one comparison and does nothing; production settings refuse it.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

_FOLDER = os.environ.get("CRASHPOINT", "")


def crashpoint(name: str) -> None:
    """Die here, as by kill -9, if this name is armed; the file then tells that it was so."""
    if _FOLDER:
        _die_if_armed(Path(_FOLDER, name))


def _die_if_armed(armed: Path) -> None:
    try:
        # Of all the processes that come by at the same time, renaming lets one through.
        armed.rename(armed.with_name(f"{armed.name}.died-{os.getpid()}"))
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
