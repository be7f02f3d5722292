"""Reads the settings from the environment and from a `.env` file; the environment wins.

A wrong value or an unknown `TASK_API_…` variable stops the start.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin
from uuid import UUID

import msgspec
from dotenv import dotenv_values
from msgspec import Struct

from taskapi.config.settings import PREFIX, AuthSettings, Settings

SHORTEST_SECRET = 32
"""Bytes; a shorter key is weaker than the signature it makes (RFC 7518 §3.2)."""

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@A-Z]+")
"""As browsers send it (RFC 6454): scheme, host in lower case and perhaps a port, nothing after them."""

UNRELATED = frozenset({"TASK_API_VERSION"})
"""Variables with our prefix that orchestration sets for its own use."""

SERVICE_LINKS = "TASK_API_SERVICE_"
"""Begins variables that Kubernetes adds to every pod beside a Service of the guide's name, `task-api-service`."""

Room = TypeVar("Room", bound=Struct)


class SettingsInvalid(Exception):
    """A setting is wrong; the message names the variable and the reason."""


class Variable(Struct, frozen=True):
    """One line of the settings' table."""

    room: str
    name: str
    default: str
    description: str


def load(environ: Mapping[str, str] | None = None, *, dotenv: Path = Path(".env")) -> Settings:
    """Read the settings; raises `SettingsInvalid` naming the variable at fault."""
    values = _filled(_read(dotenv)) | _filled(os.environ if environ is None else environ)
    _refuse_unknown(values)
    settings = Settings(**{room.name: _convert(values, room.type) for room in msgspec.structs.fields(Settings)})
    _refuse_short_secrets(settings.auth)
    server, exempt = settings.server, settings.limits.rate_limit_exempt
    _refuse_others("TRUSTED_PROXIES", server.trusted_proxies, is_network, "no network; write them as in 10.0.0.0/8,::1")
    _refuse_others(
        "CORS_ORIGINS", server.cors_origins, _is_origin, "no origin; write them as in https://tasks.example.org"
    )
    _refuse_others("RATE_LIMIT_EXEMPT", exempt, _is_exemption, "neither a user's id nor a network such as 10.0.0.0/8")
    return settings


def variables() -> Iterator[Variable]:
    """Yield every setting with what the documentation's table says of it."""
    for room in msgspec.structs.fields(Settings):
        info = msgspec.inspect.type_info(room.type)
        assert isinstance(info, msgspec.inspect.StructType)
        for item in info.fields:
            yield Variable(room.name, item.encode_name, _shown(item.default), _described(item.type))


def _read(dotenv: Path) -> Mapping[str, str | None]:
    try:
        return dotenv_values(dotenv, encoding="utf-8-sig", interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{dotenv}: cannot be read: {error}") from None


def _filled(values: Mapping[str, str | None]) -> dict[str, str]:
    """Leave out what is empty, which counts as unset."""
    return {name: value.strip() for name, value in values.items() if value and value.strip()}


def _refuse_unknown(values: Mapping[str, str]) -> None:
    known = {variable.name for variable in variables()} | UNRELATED
    for name in values:
        if name.startswith(PREFIX) and name not in known and not name.startswith(SERVICE_LINKS):
            raise SettingsInvalid(f"{name}: there is no such setting; docs/settings.md lists them all")


def _refuse_short_secrets(auth: AuthSettings) -> None:
    for name, secrets in (
        ("JWT_SECRET", (auth.jwt_secret,)),
        (PREFIX + "JWT_PREVIOUS_SECRETS", auth.jwt_previous_secrets),
    ):
        if any(secret is not None and len(secret.reveal().encode()) < SHORTEST_SECRET for secret in secrets):
            raise SettingsInvalid(
                f"{name}: a secret needs at least {SHORTEST_SECRET} bytes; try `openssl rand -base64 48`"
            )


def _refuse_others(name: str, entries: Sequence[str], is_right: Callable[[str], bool], complaint: str) -> None:
    for entry in entries:
        if not is_right(entry):
            raise SettingsInvalid(f"{PREFIX}{name}: {entry!r} is {complaint}")


def _is_exemption(entry: str) -> bool:
    return is_network(entry) or _is_read_by(UUID, entry)


def _is_origin(entry: str) -> bool:
    return entry == "*" or ORIGIN.fullmatch(entry) is not None


def is_network(text: str) -> bool:
    """Say whether `text` is one address or a network of them (CIDR)."""
    return _is_read_by(lambda network: ip_network(network, strict=False), text)


def _is_read_by(reader: Callable[[str], object], text: str) -> bool:
    try:
        reader(text)
    except ValueError:
        return False
    return True


def _convert(values: Mapping[str, str], room: type[Room]) -> Room:
    known = msgspec.structs.fields(room)
    given = {
        item.encode_name: _split(values[item.encode_name], item.type) for item in known if item.encode_name in values
    }
    try:
        return msgspec.convert(given, room, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$.")
        raise SettingsInvalid(f"{path.rstrip('`').split('[')[0]}: {reason}") from None


def _split(value: str, kind: Any) -> Any:
    """Split a comma-separated value if the setting is a list."""
    inner = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return [part.strip() for part in value.split(",") if part.strip()] if get_origin(inner) is tuple else value


def _decode(kind: type, value: Any) -> Any:
    return kind(value)  # Secret and Path, which are made from a text


def _described(kind: msgspec.inspect.Type) -> str:
    return (
        str((kind.extra_json_schema or {}).get("description", "")) if isinstance(kind, msgspec.inspect.Metadata) else ""
    )


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return "–" if default in (None, ()) else str(default)
