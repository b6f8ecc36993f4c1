"""The project's own checks can fail, and say what they did not check."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hmnp.dev import audit, chromium
from hmnp.dev.chromium import chromium_path
from hmnp.dev.deploy_check import production_environment
from hmnp.dev.module_lengths import too_long
from hmnp.dev.state import CHECKOUT

FLAW = {"id": "CVE-1", "fix_versions": ["2.0"]}


def test_an_audit_that_looked_nothing_up_fails_and_says_so() -> None:
    verdict = audit.judge(
        {"dependencies": [{"name": "django", "skip_reason": "not found and not audited"}]}
    )
    assert not verdict.is_clean
    assert "NOTHING WAS CHECKED" in verdict.text


def test_an_audit_that_looked_only_some_up_fails_and_names_the_rest() -> None:
    verdict = audit.judge(
        {
            "dependencies": [
                {"name": "django", "version": "5.2", "vulns": []},
                {"name": "celery", "skip_reason": "not found"},
            ]
        }
    )
    assert not verdict.is_clean
    assert "not checked: celery" in verdict.text


def test_an_audit_names_the_flaw_and_the_version_that_fixes_it() -> None:
    verdict = audit.judge({"dependencies": [{"name": "x", "version": "1.0", "vulns": [FLAW]}]})
    assert not verdict.is_clean
    assert "x 1.0: CVE-1 (fixed in 2.0)" in verdict.text


def test_an_audit_is_clean_when_all_was_looked_up_and_nothing_found() -> None:
    assert audit.judge({"dependencies": [{"name": "x", "version": "1.0", "vulns": []}]}).is_clean


def test_an_empty_lock_file_was_not_checked(tmp_path: Path) -> None:
    broken = tmp_path / "requirements.txt"
    broken.write_text("not a requirement ===\n")
    verdict = audit.audit(lock_file=broken)
    assert not verdict.is_clean
    assert "NOTHING WAS CHECKED" in verdict.text


def test_a_long_doorway_is_found_and_a_long_action_is_not(tmp_path: Path) -> None:
    for name in ("bookings/api/views.py", "services/pages.py", "bookings/actions/create.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n" * 501)
    (tmp_path / "bookings/api/short.py").write_text("x = 1\n" * 500)
    assert too_long(root=tmp_path) == {"bookings/api/views.py": 501, "services/pages.py": 501}


def test_no_doorway_of_ours_is_too_long() -> None:
    assert too_long() == {}


def _measured() -> dict[str, str]:
    """Let a program started with a bare environment count for the coverage."""
    return {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}


# By day it is one of the static checks.
@pytest.mark.night
def test_the_deployment_check_passes_on_the_production_settings() -> None:
    passed = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        env=production_environment() | _measured(),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert passed.returncode == 0, passed.stderr


@pytest.mark.parametrize(
    ("variable", "insecure"),
    [
        ("SECRET_KEY", "insecure-local-only-secret"),
        ("STRIPE_WEBHOOK_SECRETS", ""),
        ("SANDBOX_URL", "http://127.0.0.1:8100"),
    ],
)
def test_the_deployment_check_would_notice_a_development_setting(
    variable: str, insecure: str
) -> None:
    refused = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy"],
        env=production_environment() | _measured() | {variable: insecure},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert variable in refused.stderr


def _run_a_browser_test(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = browser\n")
    (folder / "test_page.py").write_text(
        "import pytest\n\n@pytest.mark.browser\ndef test_page(chromium):\n    assert chromium\n\n"
        "def test_other():\n    pass\n"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "hmnp.dev.pytest_site"],
        env=kept
        | {"PYTHONPATH": str(CHECKOUT), "BROWSER_TESTS": ""}
        | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.night
def test_browser_tests_without_a_browser_are_skipped_loudly(tmp_path: Path) -> None:
    done = _run_a_browser_test(tmp_path, CHROMIUM="/nowhere/chromium")
    assert done.returncode == 0
    assert "1 BROWSER TESTS WERE SKIPPED" in done.stdout


def test_skipped_browser_tests_fail_where_they_are_required(tmp_path: Path) -> None:
    done = _run_a_browser_test(tmp_path, CHROMIUM="/nowhere/chromium", BROWSER_TESTS="required")
    assert done.returncode == 1
    assert "BROWSER TESTS REQUIRED: 0 passed, 1 skipped" in done.stdout


@pytest.mark.night
def test_required_browser_tests_that_ran_are_fine(tmp_path: Path) -> None:
    done = _run_a_browser_test(tmp_path, CHROMIUM=sys.executable, BROWSER_TESTS="required")
    assert done.returncode == 0, done.stdout


def test_a_named_browser_that_is_missing_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    assert chromium_path() is None


def _fake_apt(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put an apt-get of ours, and nothing but the shell's own tools, on the PATH."""
    (folder / "apt-get").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "apt-get").chmod(0o755)
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may install packages")
def test_a_missing_browser_is_installed_where_we_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "chromium"
    script = f'test "$1" = install || exit 0; echo > {target}; /bin/chmod 755 {target}'
    _fake_apt(tmp_path, monkeypatch, script)
    chromium.main()
    assert chromium_path() == str(target)


def test_a_browser_that_cannot_be_installed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _fake_apt(tmp_path, monkeypatch, "echo no such package >&2; exit 100")
    chromium.main()
    assert "NO CHROMIUM" in capsys.readouterr().out


def test_without_apt_nothing_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not chromium.install()


def test_every_lock_file_must_be_clean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "requirements.txt"
    broken.write_text("not a requirement ===\n")
    assert audit.main([str(broken)]) == 1
    assert "NOTHING WAS CHECKED" in capsys.readouterr().out
