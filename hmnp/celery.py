"""The Celery application: a doorbell for rows in PostgreSQL, which are the real jobs."""

import logging.config
import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, setup_logging
from django.conf import settings
from django_structlog.celery.steps import DjangoStructLogInitStep

# Closed by default: whoever wants the development settings says so, as manage.py does.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hmnp.settings.production")

app = Celery("hmnp", task_cls="hmnp.core.acting:ActingTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# The request that rang the bell is named on the job's lines too.
app.steps["worker"].add(DjangoStructLogInitStep)


@setup_logging.connect
def _log_like_the_site(**_: Any) -> None:
    """Keep Celery from replacing the site's log format."""
    logging.config.dictConfig(settings.LOGGING)


@beat_init.connect
def _say_that_beat_runs(**_: Any) -> None:
    """Log it under our own name: whoever waits for beat reads this line."""
    logging.getLogger(__name__).info("beat started")
