"""Django's settings, derived from `monitor.conf`. With asgi, celery and cli the composition root:
the only place of this package that names `dashboard`.
"""

import os
from pathlib import Path

from django.contrib.messages import constants as message_levels

from monitor.conf import load
from monitor.setup import database, secret_key

CONFIG = load()
# What is kept there (messages, keys, captures) is nobody else's to read, even in a folder made by hand.
os.umask(0o077)
CONFIG.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)

BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = CONFIG.secret_key or secret_key(CONFIG.state_dir)
DEBUG = CONFIG.debug
# This machine may always ask: health checks do.
ALLOWED_HOSTS = list(dict.fromkeys([*CONFIG.allowed_hosts, "127.0.0.1", "localhost", "[::1]"]))
CSRF_TRUSTED_ORIGINS = [CONFIG.public_url]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "django_htmx",
    "monitor",
    "dashboard",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "dashboard.middleware.content_security_policy",
    "dashboard.middleware.OtherTables",
    "dashboard.middleware.browser_time_zone",
]
ROOT_URLCONF = "monitor.urls"
APPEND_SLASH = False  # no address ends with one
ASGI_APPLICATION = "monitor.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard.context.frame",
            ],
        },
    },
]
DATABASES = {"default": database(CONFIG.database_url)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": CONFIG.bus_url}], "prefix": "offhook"},
    },
}
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "live"
LOGOUT_REDIRECT_URL = "login"
SESSION_COOKIE_NAME = "offhook_session"
CSRF_COOKIE_NAME = "offhook_csrf"
# Behind TLS (the public URL says so) cookies never travel without it.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = CONFIG.public_url.startswith("https://")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SESSION_COOKIE_SECURE else None
SECURE_HSTS_SECONDS = 24 * 3600 if SESSION_COOKIE_SECURE else 0
SILENCED_SYSTEM_CHECKS = [
    "security.W008",  # the proxy that ends TLS redirects to it: here, one that names no scheme would loop for ever
    "security.W005",  # other names of the domain are not ours to decide on
    "security.W021",  # nor is the browsers' preload list
]
X_FRAME_OPTIONS = "DENY"
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
SERVESTATIC_USE_FINDERS = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
# The classes of notices: the dashboard's tones.
MESSAGE_TAGS = {
    message_levels.INFO: "info",
    message_levels.SUCCESS: "good",
    message_levels.WARNING: "minor",
    message_levels.ERROR: "major",
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)-7s %(name)s: %(message)s"}},
    "filters": {"sockets": {"()": "monitor.logs.WithoutSockets"}},
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": [] if CONFIG.log_level == "DEBUG" else ["sockets"],
        }
    },
    "root": {"handlers": ["stderr"], "level": CONFIG.log_level},
    "loggers": {
        # Each scanner that makes up a host would be a trace in the log; the page says what to set.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        # Celery tells of each task four times, and the sweep runs each few seconds.
        **{
            name: {"level": "DEBUG" if CONFIG.log_level == "DEBUG" else "WARNING"}
            for name in ("celery.app.trace", "celery.beat", "celery.worker.strategy")
        },
    },
}
