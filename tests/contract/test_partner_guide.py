"""The partner guide is true: its commands run, and its answers have the names the site gives."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from bookings.tests.factories import a_notary
from hmnp.accounts.models import Partner, Scope, Terms
from hmnp.accounts.tests.test_partner_keys import make_key
from services.tests.fixtures import Catalogue

pytestmark = [pytest.mark.runtime, pytest.mark.slow]

GUIDE = Path(settings.BASE_DIR) / "docs" / "partners.md"
# A command, and the answer shown under it, if any.
BLOCKS = re.compile(r"```sh\n(.*?)```\n(?:\n```json\n(.*?)```\n)?", re.DOTALL)
MARK = "=== end of block ==="


def shape(value: Any) -> Any:
    """Give the names in an answer, at every depth; of a list, its first entry's."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return None


def last_json(text: str) -> Any:
    """Give the last of the JSON documents in a block's output."""
    decoder, found, rest = json.JSONDecoder(), None, text.strip()
    while rest:
        found, end = decoder.raw_decode(rest)
        rest = rest[end:].strip()
    return found


def test_the_guide_runs_from_top_to_bottom_and_shows_what_comes(
    live_site: str, sandbox_url: str, catalogue: Catalogue, tmp_path: Path
) -> None:
    if not (shutil.which("curl") and shutil.which("jq")):
        pytest.skip("the guide's commands need curl and jq")
    blocks = BLOCKS.findall(GUIDE.read_text(encoding="utf-8"))
    assert len(blocks) == GUIDE.read_text(encoding="utf-8").count("```sh")
    a_notary()
    a_notary()
    every = ",".join(Scope.values)
    key, statement_key = make_key(scopes=every), make_key(scopes=every, partner="Bay Law")
    Partner.objects.filter(name="Bay Law").update(terms=Terms.STATEMENT)
    script = "".join(f"{command}\necho '{MARK}'\n" for command, _ in blocks)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "SITE": live_site,
            "SANDBOX": sandbox_url,
            "KEY": key,
            "STATEMENT_KEY": statement_key,
            "no_proxy": "127.0.0.1",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
    outputs = done.stdout.split(f"{MARK}\n")[:-1]
    assert len(outputs) == len(blocks)
    for (command, shown), output in zip(blocks, outputs, strict=True):
        if shown:
            assert shape(json.loads(shown)) == shape(last_json(output)), command
    listed = [line.split()[-1] for line in outputs[-2].splitlines()]
    assert listed == ["CANCELLED"]
