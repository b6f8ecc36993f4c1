"""The visitor notices what a page must not do: without this, silence would prove nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Error

from tests.browser.site import Site
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser

INLINE_SCRIPT = """() => {
    const script = document.createElement('script');
    script.textContent = 'window.wasRun = true';
    document.head.append(script);
}"""


def test_every_kind_of_fault_is_noticed(browser: Browser, site: Site) -> None:
    person = Visitor(browser, site)
    page = person.page
    page.goto("/find/")
    page.evaluate(INLINE_SCRIPT)
    assert page.evaluate("window.wasRun") is None, "the policy stops inline scripts"
    page.evaluate("document.querySelector('h1').style.cssText = 'color: #fff; width: 1500px'")
    person.look("faulty")
    with pytest.raises(Error, match="ERR_"):
        page.goto("http://127.0.0.1:9/stranger")
    person.context.close()
    noted = "\n".join(person.faults)
    for fault in ("console: ", "color-contrast", "px too wide at 390 px", "asked a stranger"):
        assert fault in noted
