"""The test suite: real PostgreSQL and Redis, the sandbox where a test starts it."""

from hmnp.settings.local import *  # noqa: F403 -- settings modules are layered by import

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Nothing is collected: tests read no static file, and a missing folder would only be warned of.
STATIC_ROOT = None
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
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
METRICS_EVERY_SECONDS = 0.0
# Tests count the mails that customers get.
ALERT_EMAILS = []
CELERY_TASK_PUBLISH_RETRY = False
