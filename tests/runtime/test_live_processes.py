"""The processes that tests start over the test database are real and can be killed."""

import httpx
import pytest
from django.conf import settings
from django.contrib.auth.models import User

from hmnp.dev.live import LiveProcesses

pytestmark = [pytest.mark.runtime, pytest.mark.slow]


def test_the_site_serves_what_the_test_committed(live_site: str, sandbox_url: str) -> None:
    User.objects.create_superuser("staff", password="right-and-long")
    assert httpx.get(f"{sandbox_url}/healthz").status_code == 200
    assert sandbox_url == settings.SANDBOX_URL
    assert live_site == settings.PUBLIC_BASE_URL
    with httpx.Client(base_url=live_site) as browser:
        form = browser.get("/accounts/login/")
        assert form.status_code == 200
        answer = browser.post(
            "/accounts/login/",
            data={
                "login": "staff",
                "password": "right-and-long",
                "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            },
            headers={"Referer": f"{live_site}/accounts/login/"},
        )
    assert answer.status_code == 302


@pytest.mark.night
def test_a_killed_process_is_started_again(live: LiveProcesses) -> None:
    web = live.start_web(workers=1)
    worker = live.start_worker()
    assert httpx.get(f"{live.base_url}/readyz").status_code == 200
    web.kill()
    worker.kill()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{live.base_url}/readyz")
    live.start_web(workers=1)
    live.start_worker()
    assert httpx.get(f"{live.base_url}/readyz").status_code == 200
