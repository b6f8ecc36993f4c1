"""The security page names only tests and files that exist."""

from __future__ import annotations

import re

from hmnp.dev.state import CHECKOUT

PAGE = (CHECKOUT / "docs/security.md").read_text()


def test_every_test_and_file_it_names_exists() -> None:
    named = set(re.findall(r"`([\w./-]+\.(?:py|txt)|[\w/]+/)(?:::(\w+))?`", PAGE))
    assert len([test for _, test in named if test]) > 30
    missing = []
    for path, test in named:
        file = CHECKOUT / path
        if not file.exists() and path != "/admin/":
            missing.append(path)
        elif test and not re.search(rf"^\s*(?:def|class) {test}\b", file.read_text(), re.MULTILINE):
            missing.append(f"{path}::{test}")
    assert missing == []


def test_it_speaks_of_every_chapter() -> None:
    chapters = {int(number) for number in re.findall(r"^\| V(\d+)\b", PAGE, re.MULTILINE)}
    risks = {int(number) for number in re.findall(r"^\| API(\d+)\b", PAGE, re.MULTILINE)}
    assert (chapters, risks) == (set(range(1, 18)), set(range(1, 11)))
