"""`make audit`: look the locked dependencies up for known vulnerabilities, and never claim more.

pip-audit by itself skips what it finds no data for and still reports success, so a machine that
reaches no vulnerability data would look clean. Here a dependency that was not looked up fails.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hmnp.dev.state import CHECKOUT

LOCK_FILES = ("requirements.txt", "requirements-dev.txt")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a report of pip-audit is worth."""

    is_clean: bool
    text: str


def judge(report: dict[str, Any]) -> Verdict:
    """Read pip-audit's JSON report: clean only if every dependency was looked up."""
    dependencies = report.get("dependencies", [])
    skipped = [found for found in dependencies if "skip_reason" in found]
    looked_up = [found for found in dependencies if "skip_reason" not in found]
    if not looked_up:
        return Verdict(is_clean=False, text="NOTHING WAS CHECKED: no vulnerability data reached")
    vulnerable = [
        f"{found['name']} {found['version']}: {flaw['id']} "
        f"(fixed in {', '.join(flaw.get('fix_versions', [])) or 'no version yet'})"
        for found in looked_up
        for flaw in found.get("vulns", [])
    ]
    lines = [*vulnerable, *(f"not checked: {found['name']}" for found in skipped)]
    lines.append(f"{len(looked_up)} checked, {len(skipped)} not, {len(vulnerable)} flaws known")
    return Verdict(is_clean=not vulnerable and not skipped, text="\n".join(lines))


def audit(*, lock_file: Path) -> Verdict:
    """Run pip-audit over one lock file."""
    command = [sys.executable, "-m", "pip_audit", "--progress-spinner=off", "--format=json"]
    command += ["--disable-pip", "--require-hashes", "--requirement", str(lock_file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        why = done.stderr.strip().splitlines()
        reason = why[-1] if why else f"pip-audit ended with code {done.returncode}"
        return Verdict(is_clean=False, text=f"NOTHING WAS CHECKED: {reason}")
    return judge(report)


def main(lock_files: Sequence[str]) -> int:
    """Audit every lock file; 0 only when all of it was looked up and nothing was found."""
    verdicts = {name: audit(lock_file=CHECKOUT / name) for name in lock_files}
    for name, verdict in verdicts.items():
        print(f"{name}: {verdict.text}")
    return 0 if all(verdict.is_clean for verdict in verdicts.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or LOCK_FILES))
