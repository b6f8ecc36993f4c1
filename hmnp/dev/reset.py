"""`make reset`: stop what runs in this checkout and delete its development data."""

import shutil

from hmnp.dev.embedded import LOCK_SECONDS, stop_servers
from hmnp.dev.filelocks import LockTimeoutError, locked
from hmnp.dev.state import EmbeddedServerError, state_dir
from hmnp.dev.supervisor_lock import stop_running_site

# Who waits for one of these waits for this very file: a new one would be another lock.
LOCKS = {"lock", "in-use", "supervisor.lock", "guard.lock"}


def main() -> None:
    """Stop the site and the servers, then delete the data."""
    try:
        state = state_dir()
        if not stop_running_site(state=state):
            raise SystemExit("the running site does not stop; nothing was deleted")
        with (
            locked(path=state / "supervisor.lock", timeout_seconds=LOCK_SECONDS),
            locked(path=state / "lock", timeout_seconds=LOCK_SECONDS),
        ):
            stop_servers(state=state)
            for entry in state.iterdir():
                if entry.name in LOCKS:
                    continue
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
    except (EmbeddedServerError, LockTimeoutError) as problem:
        raise SystemExit(str(problem)) from problem
    print(f"deleted the data in {state}; the next `make run` starts from nothing")


if __name__ == "__main__":
    main()
