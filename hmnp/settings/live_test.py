"""The test database served by real processes: granian, Celery and the sandbox, as on a desk."""

from hmnp.settings.local import *  # noqa: F403 -- settings modules are layered by import
from hmnp.settings.local import env

# Cheap on purpose: the tests' passwords protect nothing.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Served from where they lie, so that parallel test processes share no collected folder.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STATIC_ROOT = None
WHITENOISE_USE_FINDERS = True
HOLDS_PER_ADDRESS = "off"
RATE_LIMIT_BOOKING = "off"
RATE_LIMIT_PRICING = "off"
RATE_LIMIT_AVAILABILITY = "off"
RATE_LIMIT_HOLD = "off"
RATE_LIMIT_INTENT = "off"
RATE_LIMIT_CONFIRM = "off"
RATE_LIMIT_LOGIN = "off"
RATE_LIMIT_CODE = "off"
# A thread would write into tables that a test believes its own.
METRICS_EVERY_SECONDS = env.float("METRICS_EVERY_SECONDS", default=0.0)
# Tests count the mails that customers get.
ALERT_EMAILS = []
