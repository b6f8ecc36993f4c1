"""Debian's Chromium for the browser tests: find it, or install it where we may."""

import os
import shutil
import subprocess

NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium_path() -> str | None:
    """Find the browser: CHROMIUM from the environment first, then the PATH."""
    if given := os.environ.get("CHROMIUM"):
        return given if os.access(given, os.X_OK) else None
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def install() -> bool:
    """Install Debian's package; True when the browser is there afterwards."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    print("installing Debian's Chromium for the browser tests", flush=True)
    for arguments in (["update", "-q"], ["install", "-y", "-q", "chromium"]):
        done = subprocess.run(
            ["apt-get", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            print("\n".join(done.stderr.splitlines()[-5:]), flush=True)
    return chromium_path() is not None


def main() -> None:
    """See to it that there is a browser, or say that its tests will be skipped."""
    if chromium_path() is None and not install():
        print("NO CHROMIUM: the browser tests will be skipped (apt-get install chromium)")


if __name__ == "__main__":
    main()
