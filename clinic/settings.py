"""Settings, read from the environment alone. docs/operations.md lists every variable."""

import sys
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF

from clinic import environment, localservices

BASE_DIR = Path(__file__).resolve().parent.parent
PLACE = localservices.find_place()
STATE_DIR = PLACE.state
env = environ.Env()

PRODUCTION = environment.is_production(env.str("CADENCE_ENV", default="development"))
TESTING = "clinic.pytest_services" in sys.modules  # the plugin of a test run; pytest itself others import too
DEBUG = env.bool("DEBUG", default=False)
DEVELOPMENT_KEY = "for-trying-out-on-one-machine-only-never-in-production"
SECRET_KEY = env.str("SECRET_KEY", default=DEVELOPMENT_KEY)
LOOPBACK = ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=[] if PRODUCTION else LOOPBACK)
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# Mail goes to files unless a server is named; production insists on one.
EMAIL_URL = env.str("EMAIL_URL", default=f"filemail:///{STATE_DIR / 'mail'}")
DEFAULT_FROM_EMAIL = env.str(
    "DEFAULT_FROM_EMAIL", default="" if PRODUCTION else "Appointments <appointments@localhost>"
)
# Text messages go to files, or to the account named; production without one sends none.
SMS_URL = env.str("SMS_URL", default="" if PRODUCTION else f"file://{STATE_DIR / 'sms'}")
# What links in messages begin with.
PUBLIC_URL = env.str("PUBLIC_URL", default="" if PRODUCTION else "http://localhost:8000").rstrip("/")

if PRODUCTION:
    environment.refuse_unsafe_production(
        secret_key=SECRET_KEY,
        default_key=DEVELOPMENT_KEY,
        debug=DEBUG,
        hosts=ALLOWED_HOSTS,
        mail_url=EMAIL_URL,
        sender=DEFAULT_FROM_EMAIL,
        database_url=env.str("DATABASE_URL", default=""),
        broker_url=env.str("REDIS_URL", default=""),
        public_url=PUBLIC_URL,
        sms_url=SMS_URL,
    )

# What comes to the address of our invites: looked for in a mailbox, or handed over with a signature, or neither.
INBOX_URL = environment.read_inbox(env.str("INBOX_URL", default=""), tls_only=PRODUCTION)
INBOUND_MAIL_SECRET = environment.read_inbound_secret(env.str("INBOUND_MAIL_SECRET", default=""))
environment.read_texting(SMS_URL)
_mail = environment.read_mail(EMAIL_URL)
EMAIL_BACKEND: str = _mail["EMAIL_BACKEND"]
EMAIL_FILE_PATH: str = _mail["EMAIL_FILE_PATH"]
EMAIL_HOST: str | None = _mail["EMAIL_HOST"]
EMAIL_PORT: int = _mail["EMAIL_PORT"] or 25
EMAIL_HOST_USER: str | None = _mail["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD: str | None = _mail["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS = bool(_mail.get("EMAIL_USE_TLS"))
EMAIL_USE_SSL = bool(_mail.get("EMAIL_USE_SSL"))
EMAIL_TIMEOUT = 10

INSTALLED_APPS = [
    "scheduling.desk.apps.DeskConfig",  # django.contrib.admin with our own site
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "pgtrigger",
    "pghistory",
    "csp",
    "clinic",
    "protocols",
    "scheduling",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "clinic.history_context.DiscreetHistoryMiddleware",
]
ROOT_URLCONF = "clinic.urls"
WSGI_APPLICATION = "clinic.wsgi.application"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # no patient's name in a cookie
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "scheduling" / part / "templates" for part in ("desk", "messages", "patient")],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["clinic.clock_filters"],
            # The desk's folders are no app of their own, where Django would look for it.
            "libraries": {"desk_undo": "scheduling.desk.undo_tag"},
        },
    },
]

if localservices.uses_embedded_database():
    DATABASES: dict[str, dict[str, Any]] = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": str(PLACE.sockets),
            "USER": "postgres",
            "NAME": "cadence",
        }
    }
else:
    DATABASES = {"default": environment.read_database(env.str("DATABASE_URL"))}
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
DATABASES["default"]["CONN_MAX_AGE"] = 60
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "clinic.User"
AUTHENTICATION_BACKENDS = ["clinic.roles.RoleBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
if TESTING:
    # A slow hash is worth nothing in tests and costs a tenth of a second a login.
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
# What patients read. The desk has no middleware that would choose a language: staff read English.
LANGUAGES = [("en", "English"), ("es", "Español")]
LOCALE_PATHS = [BASE_DIR / "scheduling" / "locale"]
FORMAT_MODULE_PATH = ["scheduling.formats"]
USE_I18N = True

STATIC_URL = "/static/"
# Only production collects files; elsewhere they are served from where they lie.
STATIC_ROOT = env.str("STATIC_ROOT", default=str(BASE_DIR / "static")) if PRODUCTION else None
STATICFILES_DIRS = [BASE_DIR / "scheduling" / part / "static" for part in ("desk", "patient")]
if PRODUCTION:
    # Names with a digest of the content, compressed by collectstatic: browsers may keep them for ever.
    STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_AUTOREFRESH = DEBUG

CSRF_FAILURE_VIEW = "scheduling.patient.admitting.refuse_forged"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = PRODUCTION
if PRODUCTION:
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=365 * 24 * 3600)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    # The probe inside the container speaks plain HTTP, and has nothing to hide.
    SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
    if env.bool("BEHIND_PROXY", default=True):
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}

PGHISTORY_APPEND_ONLY = True

REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "scheduling.api.problems.answer_exception",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Cadence",
    "VERSION": "1.0.0-preview",
    "DESCRIPTION": "Preview: within /api/v1/ only additions are made, but idempotency keys, ETags and rate limits "
    "are still to come. Errors are problem details (RFC 9457).",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "EXTENSIONS_INFO": {"x-preview": True},
    "ENUM_NAME_OVERRIDES": {
        "CourseStatusEnum": "scheduling.models.CourseStatus",
        "SessionStatusEnum": "scheduling.models.SessionStatus",
        "AnswerKindEnum": "scheduling.models.AnswerKind",
        "DriverKindEnum": "scheduling.models.DriverKind",
        "DriverStatusEnum": "scheduling.models.DriverStatus",
        "PlanStatusEnum": ["planned", "infeasible", "unknown"],
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "scheduling.api.schema.add_problems",
    ],
}

if localservices.uses_embedded_broker():
    REDIS_URL = f"unix://{PLACE.sockets / 'valkey.sock'}"
else:
    REDIS_URL = environment.read_broker(env.str("REDIS_URL"))
# Celery and redis-py name a Unix socket differently.
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 600
CELERY_TASK_SOFT_TIME_LIMIT = 540
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# visibility_timeout lies above the time limit, or a slow task would be given out twice; throttle 1 lets another
# worker take over a dead one's tasks within seconds of it; the rest bounds what a dead broker can cost a request.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 900,
    "unacked_restore_throttle": 1,
    "socket_timeout": 2,
    "socket_connect_timeout": 2,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.2,
    "interval_max": 0.5,
}
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 2, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5}
CELERY_REDIS_SOCKET_TIMEOUT = CELERY_REDIS_SOCKET_CONNECT_TIMEOUT = 2
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    name: {"task": task, "schedule": seconds, "options": {"expires": 2 * seconds}}
    for name, task, seconds in (
        ("heartbeat", "clinic.tasks.beat_heart", 30),
        ("notices", "scheduling.tasks.deliver_notices", 60),
        ("texts", "scheduling.tasks.deliver_texts", 60),
        ("replies", "scheduling.tasks.collect_replies", 60),
        ("left-courses", "scheduling.tasks.plan_left_courses", 60),
        ("unrecorded-sessions", "scheduling.tasks.mark_unrecorded_sessions", 600),
        ("open-courses", "scheduling.tasks.extend_open_courses", 3600),
    )
}

# No request bodies, no query strings, no texts of exceptions: what is logged may leave the clinic.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "clinic.log.DiscreetFormatter", "format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
    },
    "filters": {"tasks": {"()": "clinic.log.DiscreetTaskFilter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["tasks"]}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        # Django's own handlers of these would mail or print whole requests.
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        "django.db.backends": {"level": "WARNING"},
    },
}
