"""A small process that ends our children when we are killed and cannot do it ourselves.

It blocks on a pipe from its parent. When the pipe closes without a goodbye, the parent was killed,
and every process group still on the list is ended: TERM first, KILL after a grace time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # At run time this file is started by itself, without the project on its path.
    from hmnp.dev.filelocks import FileLock

GRACE_SECONDS = 8.0


class Guard:
    """The parent's end: says which process groups to end if we die."""

    def __init__(self, *, lock: FileLock | None = None) -> None:
        """Start the watching process in a session of its own, out of reach of Ctrl-C.

        The lock, if given, is held for as long as the guard lives: whoever can take it knows that
        nothing is left of us.
        """
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            pass_fds=() if lock is None else (lock.descriptor,),
        )
        if lock is not None:
            lock.release()  # the guard has its own hold of it

    def watch(self, group: int) -> None:
        """End this process group when we die."""
        self._say(f"+{group}")

    def forget(self, group: int) -> None:
        """Take the group off the list: it has ended."""
        self._say(f"-{group}")

    def close(self) -> None:
        """Let the guard go home; call it when every child has ended."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait(GRACE_SECONDS * 3)

    def _say(self, line: str) -> None:
        pipe = self._process.stdin
        if pipe is not None and not pipe.closed:
            with contextlib.suppress(BrokenPipeError):
                pipe.write(f"{line}\n".encode("ascii"))
                pipe.flush()


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def end_groups(groups: set[int], *, grace_seconds: float = GRACE_SECONDS) -> None:
    """Ask the process groups to end, and kill those that have not after the grace time."""
    for stop_signal in (signal.SIGTERM, signal.SIGKILL):
        for group in groups:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, stop_signal)
        deadline = time.monotonic() + grace_seconds
        while any(_is_alive(group) for group in groups):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)


def main() -> None:
    """Keep the list until the pipe closes, then end what is left on it."""
    # Ctrl-C and a hang-up are the parent's business.
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            groups.add(group)
        else:
            groups.discard(group)
    end_groups(groups)


if __name__ == "__main__":
    main()
