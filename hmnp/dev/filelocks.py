"""Locks that die with their holder, so that a kill -9 never leaves a stale one."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


class LockTimeoutError(RuntimeError):
    """Another process kept the lock for longer than we were ready to wait."""


@dataclass(frozen=True, slots=True)
class FileLock:
    """An flock on one open file; the kernel drops it when the holder dies."""

    path: Path
    descriptor: int

    def release(self) -> None:
        """Give the lock back."""
        os.close(self.descriptor)


def try_lock(*, path: Path, shared: bool = False) -> FileLock | None:
    """Take the lock at once, or answer None when somebody else has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return FileLock(path=path, descriptor=descriptor)


@contextmanager
def locked(*, path: Path, timeout_seconds: float) -> Iterator[None]:
    """Hold the lock for the block; raise LockTimeoutError after timeout_seconds."""
    deadline = time.monotonic() + timeout_seconds
    while (lock := try_lock(path=path)) is None:
        if time.monotonic() > deadline:
            raise LockTimeoutError(
                f"{path} has been held by another process for {timeout_seconds:.0f} s"
            )
        time.sleep(0.05)
    try:
        yield
    finally:
        lock.release()
