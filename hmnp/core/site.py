"""What every page may name: the company, and nothing of the domain."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """Give templates the company's public details."""
    return {"company": settings.COMPANY, "public_base_url": settings.PUBLIC_BASE_URL}
