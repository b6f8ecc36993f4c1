"""The site: settings, the shared core, who is asking, and the roof over the four apps."""

from hmnp.celery import app as celery_app

__all__ = ["celery_app"]
