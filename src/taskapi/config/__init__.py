"""The settings. Nothing here reads any file but `.env` in the working directory, or invents a secret."""

from taskapi.config.reading import SHORTEST_SECRET, UNRELATED, SettingsInvalid, Variable, is_network, load, variables
from taskapi.config.settings import (
    PREFIX,
    AuthSettings,
    CacheSettings,
    DatabaseSettings,
    EmbeddedSettings,
    Level,
    LimitSettings,
    LogSettings,
    MetricSettings,
    RedisSettings,
    Secret,
    ServerSettings,
    Settings,
    TaskSettings,
)

__all__ = [
    "PREFIX",
    "SHORTEST_SECRET",
    "UNRELATED",
    "AuthSettings",
    "CacheSettings",
    "DatabaseSettings",
    "EmbeddedSettings",
    "Level",
    "LimitSettings",
    "LogSettings",
    "MetricSettings",
    "RedisSettings",
    "Secret",
    "ServerSettings",
    "Settings",
    "SettingsInvalid",
    "TaskSettings",
    "Variable",
    "is_network",
    "load",
    "variables",
]
