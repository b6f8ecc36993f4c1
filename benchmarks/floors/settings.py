"""A bare Django: no middleware, no apps but the tables of the least booking."""

import environ

env = environ.Env()
SECRET_KEY = "floor"  # noqa: S105 -- protects nothing
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "benchmarks.floors.urls"
INSTALLED_APPS = ["benchmarks.floors"]
MIDDLEWARE: list[str] = []
DATABASES = {"default": env.db("FLOOR_DATABASE_URL")}
DATABASES["default"]["CONN_MAX_AGE"] = 60
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
