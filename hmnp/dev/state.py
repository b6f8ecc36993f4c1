"""Where the embedded servers keep their data, and the OS user PostgreSQL runs as."""

import hashlib
import os
import pwd
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

# The key of the sandbox's Google service account, which the sandbox makes at its first start.
GOOGLE_FILE = "google-service-account.json"

# PostgreSQL refuses to run as root. This user exists everywhere: nothing is added to the machine.
UNPRIVILEGED_USER = "nobody"


class EmbeddedServerError(RuntimeError):
    """An embedded server cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class OsUser:
    """The account that PostgreSQL's processes and files belong to."""

    uid: int
    gid: int


def postgres_user() -> OsUser:
    """Choose who PostgreSQL runs as: ourselves, or an unprivileged user when we are root."""
    if os.geteuid() != 0:
        return OsUser(uid=os.geteuid(), gid=os.getegid())
    entry = pwd.getpwnam(UNPRIVILEGED_USER)
    return OsUser(uid=entry.pw_uid, gid=entry.pw_gid)


def can_enter(*, folder: Path, user: OsUser) -> bool:
    """Try for real whether the user can enter the folder (modes, ACLs and mounts all count)."""
    if os.geteuid() != 0:
        return os.access(folder, os.X_OK)
    probe = subprocess.run(
        ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)],
        user=user.uid,
        group=user.gid,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        check=False,
    )
    return probe.returncode == 0


def _keeps_private_modes(folder: Path) -> bool:
    """PostgreSQL insists on a 0700 data directory; some mounts ignore chmod."""
    with tempfile.TemporaryDirectory(dir=folder) as probe:
        Path(probe).chmod(0o700)
        return stat.S_IMODE(Path(probe).stat().st_mode) == 0o700


def _owned_folder(path: Path) -> Path:
    """Make the folder, refusing one that another user put there before us."""
    path.mkdir(parents=True, exist_ok=True, mode=0o711)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        owner = found.st_uid
        raise EmbeddedServerError(
            f"{path} belongs to user id {owner}, not to you; remove it or run as that user"
        )
    path.chmod(0o711)
    return path


def state_dir(*, checkout: Path = CHECKOUT) -> Path:
    """Find or make the folder of this checkout's development servers.

    It is `.run/` inside the checkout where PostgreSQL's user can reach that, else a folder under
    /var/tmp named after the checkout's path. Raises EmbeddedServerError when it is another user's.
    """
    user = postgres_user()
    inside = checkout / ".run"
    reachable = can_enter(folder=checkout, user=user) and os.access(checkout, os.W_OK)
    if reachable:
        folder = _owned_folder(inside)
        if _keeps_private_modes(folder):
            return folder
    digest = hashlib.sha256(str(checkout).encode()).hexdigest()[:10]
    return _owned_folder(Path("/var/tmp") / f"hmnp-{os.geteuid()}-{digest}")  # noqa: S108 - owner checked above, and only root's or an odd mount's fallback


def temporary_state_dir(*, prefix: str) -> Path:
    """Make a fresh folder for throw-away servers, reachable by PostgreSQL's user."""
    user = postgres_user()
    for parent in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):  # noqa: S108 - mkdtemp makes the name
        if parent.is_dir() and os.access(parent, os.W_OK) and can_enter(folder=parent, user=user):
            folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
            folder.chmod(0o711)
            return folder
    raise EmbeddedServerError("no temporary folder that PostgreSQL's user can enter")
