"""What every environment shares; what differs comes from the environment or a file beside."""

import json
from pathlib import Path

import django_stubs_ext
import environ
from celery.schedules import crontab

from hmnp.settings import audit
from hmnp.settings.csp import payment_page_csp
from hmnp.settings.theme import theme

# Lets `admin.ModelAdmin[Booking]` name its model at run time too.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parents[2]

env = environ.Env()
env.read_env(BASE_DIR / ".env", overwrite=False)

DEBUG = False
SECRET_KEY = env.str("SECRET_KEY", default="")
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=[])
PUBLIC_BASE_URL = env.str("PUBLIC_BASE_URL", default="http://127.0.0.1:8000")
# The addresses or networks of our own proxies, whose X-Forwarded-For entries are believed.
TRUSTED_PROXIES: list[str] = env.list("TRUSTED_PROXIES", default=[])

INSTALLED_APPS = [
    # Its other configuration would put a site of its own in the place of ours.
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "hmnp.desk.site_config.DeskAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "rest_framework_api_key",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "django_structlog",
    "phonenumber_field",
    "auditlog",
    "anymail",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "waffle",
    "hmnp.core",
    "hmnp.accounts",
    "services",
    "bookings",
    "payments",
    "integrations",
    "hmnp.desk",
    "hmnp.rollout",
]

MIDDLEWARE = [
    "hmnp.core.request_metrics.RequestMetricsMiddleware",
    "hmnp.core.request_id.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # Outside of what may refuse a request, so that a refusal is a page like any other.
    "hmnp.core.csp.PolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # Inside of what every answer has, outside of what is there for people.
    "hmnp.accounts.public_reads.PublicReadsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "hmnp.desk.clock.DeskClockMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "hmnp.rollout.middleware.RolloutMiddleware",
    "hmnp.accounts.audit.AuditMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "hmnp.urls"
WSGI_APPLICATION = "hmnp.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "hmnp.core.site.site",
            ],
        },
    },
]

# --- Database --------------------------------------------------------------------------------

DATABASES = {"default": env.db("DATABASE_URL", default="postgres:///hmnp")}
DATABASES["default"].setdefault("OPTIONS", {})
DATABASES["default"]["OPTIONS"].setdefault(
    "options",
    "-c statement_timeout=10s -c lock_timeout=3s -c idle_in_transaction_session_timeout=15s",
)
# A request-wide transaction would span the calls to Stripe; actions own their transactions.
DATABASES["default"]["ATOMIC_REQUESTS"] = False
DATABASES["default"]["CONN_MAX_AGE"] = 60
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["ENGINE"] = "hmnp.core.postgres"
# The role that DATABASE_URL signs in as, where it is not the tables' owner; what it may only add
# to, and what the database itself writes: `manage.py grant_app_role`.
APP_DATABASE_ROLE = env.str("APP_DATABASE_ROLE", default="")
APPEND_ONLY_MODELS = ["auditlog.LogEntry", "bookings.TimelineEvent", "payments.LedgerEntry"]
READ_ONLY_MODELS = ["bookings.TimelineHead"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Cache and jobs --------------------------------------------------------------------------

REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")
_REDIS_SECONDS = env.float("REDIS_TIMEOUT_SECONDS", default=0.2)
_REDIS_CACHE = {
    "BACKEND": "django_redis.cache.RedisCache",
    "LOCATION": REDIS_URL,
    "KEY_PREFIX": "hmnp",
}
# A Redis that hangs costs a request this much, once in some seconds (`hmnp.core.cache`).
_REDIS_PATIENCE = {"SOCKET_CONNECT_TIMEOUT": _REDIS_SECONDS, "SOCKET_TIMEOUT": _REDIS_SECONDS}
CACHES = {
    "default": {**_REDIS_CACHE, "OPTIONS": _REDIS_PATIENCE},
    "limits": {
        **_REDIS_CACHE,
        "OPTIONS": {**_REDIS_PATIENCE, "CLIENT_CLASS": "hmnp.core.counting.CountingClient"},
    },
    # A switch must work at once, everywhere, and without Redis: it is read from the database.
    "switches": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
}
RATELIMIT_USE_CACHE = "limits"
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_AGE = 8 * 60 * 60

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default=REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_TASK_SOFT_TIME_LIMIT = 45
CELERY_TASK_TIME_LIMIT = 60
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    "socket_timeout": 10,
    "socket_connect_timeout": 1,
    "socket_keepalive": True,
    "health_check_interval": 20,
}
# The row in PostgreSQL is the job; ringing the bell must never stall a request.
CELERY_TASK_PUBLISH_RETRY = True
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1}
# A sweep that waited this long in the queue is pointless: later ones are behind it.
_STALE_SWEEP = {"expires": 30}
CELERY_BEAT_SCHEDULE: dict[str, dict[str, object]] = {
    "bookings.expire-holds": {
        "task": "bookings.expire_holds",
        "schedule": 15.0,
        "options": _STALE_SWEEP,
    },
    "payments.sweep": {
        "task": "payments.sweep",
        "schedule": 10.0,
        "options": _STALE_SWEEP,
    },
    "payments.take-undelivered": {
        "task": "payments.take_undelivered",
        "schedule": 600.0,
        "options": {"expires": 300},
    },
    # 08:40 UTC is night in Texas all year.
    "payments.reconcile": {
        "task": "payments.reconcile",
        "schedule": crontab(hour="8", minute="40"),
        "options": {"expires": 3600},
    },
    "integrations.sweep-outbox": {
        "task": "integrations.sweep_outbox",
        "schedule": 5.0,
        "options": _STALE_SWEEP,
    },
    "integrations.send-reminders": {
        "task": "integrations.send_reminders",
        "schedule": 60.0,
        "options": _STALE_SWEEP,
    },
    "integrations.sweep-inbox": {
        "task": "integrations.sweep_inbox",
        "schedule": 10.0,
        "options": _STALE_SWEEP,
    },
    **{
        f"integrations.poll-{name}": {
            "task": "integrations.poll",
            "args": [name],
            "schedule": 120.0,
            "options": {"expires": 60},
        }
        for name in ("ghl", "google_calendar", "caldav", "proof")
    },
    "integrations.reconcile": {
        "task": "integrations.reconcile",
        "schedule": crontab(hour="9", minute="10"),
        "options": {"expires": 3600},
    },
    "core.forget-idempotency-records": {
        "task": "core.forget_idempotency_records",
        "schedule": 3600.0,
    },
    "bookings.purge-documents": {"task": "bookings.purge_documents", "schedule": 3600.0},
    "desk.watch": {"task": "desk.watch", "schedule": 30.0, "options": _STALE_SWEEP},
    "desk.measure-minute": {
        "task": "desk.measure_minute",
        "schedule": 60.0,
        "options": _STALE_SWEEP,
    },
    "desk.derive-facts": {
        "task": "desk.derive_facts",
        "schedule": 300.0,
        "options": {"expires": 120},
    },
    "desk.check-invariants": {
        "task": "desk.check_invariants",
        "schedule": 900.0,
        "options": {"expires": 300},
    },
    "desk.forget-metrics": {"task": "desk.forget_metrics", "schedule": 3600.0},
}

# --- Time, language, files -------------------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
BUSINESS_TIME_ZONE = "America/Chicago"
LANGUAGE_CODE = "en-us"
USE_I18N = True
PHONENUMBER_DEFAULT_REGION = "US"
PHONENUMBER_DB_FORMAT = "E164"

STATIC_URL = "/static/"
STATIC_ROOT: Path | None = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# Customers' documents: outside STATIC_ROOT and served by no URL.
MEDIA_ROOT = env.path("DOCUMENTS_ROOT", default=str(BASE_DIR / "media"))
DATA_UPLOAD_MAX_MEMORY_SIZE = 262_144

# --- Doors -----------------------------------------------------------------------------------

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "admin:index"
LOGOUT_REDIRECT_URL = "account_login"
AUTHENTICATION_BACKENDS = ["hmnp.accounts.backends.StaffBackend"]
# Staff sign in with a name, a password and a second factor; nobody signs up, no mail is sent.
ACCOUNT_ADAPTER = "hmnp.accounts.adapters.StaffAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
# Our own limits stand before its pages and answer 429.
ACCOUNT_RATE_LIMITS = False
MFA_RATE_LIMITS = False
MFA_ADAPTER = "hmnp.accounts.adapters.StaffMfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "add_webauthn": "hmnp.accounts.door_forms.PasskeyForm",
    "authenticate": "hmnp.accounts.door_forms.CodeForm",
    "reauthenticate": "hmnp.accounts.door_forms.CodeAgainForm",
}
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "HMNP desk"
# A phone's clock may be half a minute off; a code used once is used up all the same.
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODES_SHOW_ONCE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "hmnp.core.error_views.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# Keys that holder, customer and manage tokens are derived from: `id:secret,id:secret`, the
# current one first; keep the previous one for 48 hours after a rotation.
TOKEN_KEYS = env.str("TOKEN_KEYS", default="")
# Live holds one client address may have at a time; `off` only outside production.
HOLDS_PER_ADDRESS = env.str("HOLDS_PER_ADDRESS", default="40")
# How often one caller may do each: `5/m`, or `off` outside production.
RATE_LIMIT_BOOKING = env.str("RATE_LIMIT_BOOKING", default="5/m")
RATE_LIMIT_PRICING = env.str("RATE_LIMIT_PRICING", default="20/m")
RATE_LIMIT_AVAILABILITY = env.str("RATE_LIMIT_AVAILABILITY", default="30/m")
RATE_LIMIT_HOLD = env.str("RATE_LIMIT_HOLD", default="10/m")
RATE_LIMIT_INTENT = env.str("RATE_LIMIT_INTENT", default="10/m")
RATE_LIMIT_CONFIRM = env.str("RATE_LIMIT_CONFIRM", default="20/m")
RATE_LIMIT_LOGIN = env.str("RATE_LIMIT_LOGIN", default="10/m")
# Second factors tried for one member of staff, over all sessions.
RATE_LIMIT_CODE = env.str("RATE_LIMIT_CODE", default="10/h")
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# How often a process sends on what it counted; 0: never.
METRICS_EVERY_SECONDS = env.float("METRICS_EVERY_SECONDS", default=10.0)
# Asked every minute whether the site is up; empty: PUBLIC_BASE_URL's own `/readyz`.
PROBE_URL = env.str("PROBE_URL", default="")
# Who is told of an alert, when it opens and when it is over.
ALERT_EMAILS: list[str] = env.list("ALERT_EMAILS", default=[])
ALERT_WEBHOOK_URL = env.str("ALERT_WEBHOOK_URL", default="")
# Signs the webhook's body; without it none is sent.
ALERT_WEBHOOK_SECRET = env.str("ALERT_WEBHOOK_SECRET", default="")

# Who changed what, but for bookings, which have a timeline of their own.
AUDITLOG_INCLUDE_TRACKING_MODELS = audit.MODELS
AUDITLOG_MASK_CALLABLE = audit.MASK
AUDIT_NAMELESS_MODELS = audit.NAMELESS

# --- API -------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "hmnp.accounts.authentication.BookingTokenAuthentication",
        "hmnp.accounts.authentication.PartnerKeyAuthentication",
        "hmnp.accounts.authentication.StaffSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["hmnp.accounts.permissions.DenyAll"],
    "DEFAULT_THROTTLE_CLASSES": ["hmnp.accounts.throttling.ByTable"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["hmnp.core.api.parsers.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "hmnp.core.api.negotiation.OfferAnyway",
    # The schema describes the API; OPTIONS answers 405 like any method that is not there.
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "hmnp.core.api.schema.ApiSchema",
    "EXCEPTION_HANDLER": "hmnp.core.api.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "HMNP booking API",
    "VERSION": "2.0.0",
    "DESCRIPTION": "Book a notary in Houston: services, prices, availability, holds, bookings, "
    "payments. Money is in US dollars; times carry an offset.",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v2",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "hmnp.core.api.schema.add_components",
    ],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "BookingStatusEnum": "bookings.states.BookingStatus",
        "DepositKindEnum": "services.definitions.DepositKind",
        "DocumentStatusEnum": "bookings.models.booking.DocumentStatus",
        "PaymentKindEnum": "payments.states.PaymentKind",
        "PaymentStatusEnum": "payments.states.PaymentStatus",
        "PriceLineTypeEnum": "services.pricing.LineType",
        "ServiceTypeEnum": "services.definitions.ServiceType",
    },
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
}

# --- Outside services ------------------------------------------------------------------------

# Servers whose address somebody typed, such as a notary's calendar: https, and on the internet.
TYPED_ADDRESSES_MUST_BE_PUBLIC = True

# The stand-in for outside services; empty where the real ones are used.
SANDBOX_URL = env.str("SANDBOX_URL", default="")

STRIPE_API_KEY = env.str("STRIPE_API_KEY", default="")
STRIPE_PUBLISHABLE_KEY = env.str("STRIPE_PUBLISHABLE_KEY", default="")
STRIPE_WEBHOOK_SECRETS: list[str] = env.list("STRIPE_WEBHOOK_SECRETS", default=[])
STRIPE_API_BASE = env.str("STRIPE_API_BASE", default="https://api.stripe.com")
# Off while another program charges on the same account: its charges are none of ours.
STRIPE_REFUND_UNKNOWN_CHARGES = env.bool("STRIPE_REFUND_UNKNOWN_CHARGES", default=True)
STRIPE_JS_URL = env.str("STRIPE_JS_URL", default="https://js.stripe.com/v3/")

# Outbox jobs that may go to one destination at a time, over all workers: fewer than there are
# worker processes, so that a system that hangs leaves room for the others.
OUTBOX_JOBS_AT_ONCE = env.int("OUTBOX_JOBS_AT_ONCE", default=2)
# Destinations that are not used, by name: no job is written for them.
INTEGRATIONS_OFF: list[str] = env.list("INTEGRATIONS_OFF", default=[])

GHL_API_BASE = env.str("GHL_API_BASE", default="https://services.leadconnectorhq.com")
GHL_API_TOKEN = env.str("GHL_API_TOKEN", default="")
# GoHighLevel wants another version of each module.
GHL_API_VERSION_CONTACTS = env.str("GHL_API_VERSION_CONTACTS", default="2021-07-28")
GHL_API_VERSION_CALENDARS = env.str("GHL_API_VERSION_CALENDARS", default="2021-04-15")
GHL_LOCATION_ID = env.str("GHL_LOCATION_ID", default="")
GHL_CALENDAR_ID = env.str("GHL_CALENDAR_ID", default="")
GHL_PIPELINE_NAME = env.str("GHL_PIPELINE_NAME", default="Lead to Service")
# The pipeline's stage for a booking in each status, by name.
GHL_STAGES: dict[str, str] = {
    "CONFIRMED": "Booking Confirmed",
    "IN_PROGRESS": "In Progress",
    "COMPLETED": "Service Completed",
    "NO_SHOW": "No Show",
    "CANCELLED": "Cancelled",
    **json.loads(env.str("GHL_STAGES", default="") or "{}"),
}
# Who in the CRM acts for us: their cancellations and moves are ours, everybody else's the
# customer's. By their user ids there, or by a tag put on the contact just before.
GHL_STAFF_USER_IDS: list[str] = env.list("GHL_STAFF_USER_IDS", default=[])
GHL_STAFF_TAG = env.str("GHL_STAFF_TAG", default="by:hmnp")
# GoHighLevel's published Ed25519 key for X-GHL-Signature; a PEM in one line, \n escaped.
GHL_WEBHOOK_PUBLIC_KEY = env.str("GHL_WEBHOOK_PUBLIC_KEY", default="", multiline=True)

PROOF_API_BASE = env.str("PROOF_API_BASE", default="https://api.proof.com")
PROOF_API_KEY = env.str("PROOF_API_KEY", default="")
PROOF_WEBHOOK_SIGNING_KEY = env.str("PROOF_WEBHOOK_SIGNING_KEY", default="")

GOOGLE_CALENDAR_API_BASE = env.str(
    "GOOGLE_CALENDAR_API_BASE", default="https://www.googleapis.com/calendar/v3"
)
GOOGLE_SERVICE_ACCOUNT_FILE = env.str("GOOGLE_SERVICE_ACCOUNT_FILE", default="")
# The company's calendar, for notaries who keep none of their own.
GOOGLE_CALENDAR_ID = env.str("GOOGLE_CALENDAR_ID", default="")

TWILIO_API_BASE = env.str("TWILIO_API_BASE", default="https://api.twilio.com")
TWILIO_ACCOUNT_SID = env.str("TWILIO_ACCOUNT_SID", default="")
TWILIO_AUTH_TOKEN = env.str("TWILIO_AUTH_TOKEN", default="")
TWILIO_FROM = env.str("TWILIO_FROM", default="")

EMAIL_BACKEND = env.str("EMAIL_BACKEND", default="anymail.backends.postmark.EmailBackend")
ANYMAIL = {
    "POSTMARK_SERVER_TOKEN": env.str("POSTMARK_SERVER_TOKEN", default=""),
    "POSTMARK_API_URL": env.str("POSTMARK_API_URL", default="https://api.postmarkapp.com/"),
    "REQUESTS_TIMEOUT": (3.05, 15),
    # `user:password` of the tracking webhook's address; "" believes nobody.
    "WEBHOOK_SECRET": env.str("MAIL_WEBHOOK_SECRET", default=""),
}
DEFAULT_FROM_EMAIL = env.str(
    "DEFAULT_FROM_EMAIL", default="Houston Mobile Notary Pros <bookings@example.com>"
)
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# What customers see of the company; the texts of pages and mails use these.
COMPANY = {
    "name": "Houston Mobile Notary Pros",
    "phone": env.str("COMPANY_PHONE", default=""),
    "email": env.str("COMPANY_EMAIL", default=""),
    # Where customers may write a review; "" asks them to answer the mail instead.
    "review_url": env.str("COMPANY_REVIEW_URL", default=""),
    "area": env.str("COMPANY_AREA", default="Greater Houston and Galveston County, and online"),
    "hours": env.str("COMPANY_HOURS", default="Every day, 7 am to 9 pm; online day and night"),
}

# The desk's theme; what stands in its sidebar is `hmnp/desk/navigation.py`.
UNFOLD = theme(name=COMPANY["name"])

# --- From V1 to V2 ---------------------------------------------------------------------------

WAFFLE_FLAG_MODEL = "rollout.Flag"
WAFFLE_CACHE_NAME = "switches"
# Where V1 is, while it is; without it there is only V2, and the switches say nothing.
V1_BASE_URL = env.str("V1_BASE_URL", default="")
# What V1 signs its reports with; without it none is believed.
V1_MIRROR_SECRET = env.str("V1_MIRROR_SECRET", default="")
# V1's shared key of its phone bookings (x-api-key); without it that address takes none.
V1_SYNC_API_KEY = env.str("V1_SYNC_API_KEY", default="")
# Said in the headers of V1's old addresses, which answer 410 once they are gone.
V1_DEPRECATED_ON = env.str("V1_DEPRECATED_ON", default="2026-12-01")
V1_SUNSET_ON = env.str("V1_SUNSET_ON", default="2027-06-30")
V1_ROUTES_GONE = env.bool("V1_ROUTES_GONE", default=False)

# --- Content security ------------------------------------------------------------------------

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
# Only the page with the card field may load Stripe's script and frames.
PAYMENT_PAGE_CSP = payment_page_csp(js_url=STRIPE_JS_URL, api_base=STRIPE_API_BASE)

# --- Logs ------------------------------------------------------------------------------------

# Our own middleware has judged the id before; a request's end is the line that says something.
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = 10
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
DJANGO_STRUCTLOG_CELERY_ENABLED = True
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "hmnp.core.logs.json_formatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        # Every due task is rung for and answered; the sweeps themselves say what they found.
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "django_structlog.celery": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "stripe": {"level": "WARNING"},
    },
}
