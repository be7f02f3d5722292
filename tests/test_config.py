"""Every setting is read from its variable within its bounds, a wrong one stops the start, and secrets stay secret."""

import json
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from msgspec import inspect

from taskapi.config import PREFIX, UNRELATED, Secret, Settings, SettingsInvalid, load, variables

SECRET = "a secret of thirty-two characters"
NOWHERE = Path("/nonexistent/.env")


class Field(NamedTuple):
    """One setting: where it is, what it is called, what it may be."""

    room: str
    name: str
    variable: str
    kind: Any
    default: Any


def fields() -> Iterator[Field]:
    for room in msgspec.structs.fields(Settings):
        info = inspect.type_info(room.type)
        assert isinstance(info, inspect.StructType)
        for item in info.fields:
            kind = item.type.type if isinstance(item.type, inspect.Metadata) else item.type
            yield Field(room.name, item.name, item.encode_name, kind, item.default)


FIELDS = list(fields())
NUMBERS = [field for field in FIELDS if isinstance(field.kind, inspect.IntType)]
CHOICES = [field for field in FIELDS if isinstance(field.kind, inspect.LiteralType)]
by_name = pytest.mark.parametrize("field", NUMBERS, ids=lambda field: field.variable)


def read(field: Field, value: str) -> Any:
    return getattr(getattr(load({field.variable: value}, dotenv=NOWHERE), field.room), field.name)


def refusal(values: dict[str, str], dotenv: Path = NOWHERE) -> str:
    with pytest.raises(SettingsInvalid) as caught:
        load(values, dotenv=dotenv)
    return str(caught.value)


def test_nothing_has_to_be_set() -> None:
    assert repr(load({}, dotenv=NOWHERE)) == repr(Settings())


def test_every_field_is_of_a_kind_that_these_tests_cover() -> None:
    texts = {"TASK_API_HOST", "TASK_API_METRICS_HOST", "TASK_API_EMBEDDED_USER"}
    secrets = {"DATABASE_URL", "DATABASE_DIRECT_URL", "REDIS_URL", "JWT_SECRET"}
    lists = {
        "TASK_API_CORS_ORIGINS",
        "TASK_API_TRUSTED_PROXIES",
        "TASK_API_JWT_PREVIOUS_SECRETS",
        "DATABASE_READ_URL",
        "TASK_API_RATE_LIMIT_EXEMPT",
    }
    others = {"TASK_API_DATA_DIR", "TASK_API_JOBS"}
    counted = {field.variable for field in (*NUMBERS, *CHOICES)}
    assert texts | secrets | lists | others | counted == {field.variable for field in FIELDS}


@by_name
def test_a_number_is_read_within_its_bounds(field: Field) -> None:
    assert read(field, str(field.kind.ge)) == field.kind.ge
    assert read(field, f" {field.kind.le} ") == field.kind.le


@by_name
@pytest.mark.parametrize("value", ["", "ten", "1.5", "0x10", "1_0", "--1", "nan", "9" * 5000])
def test_what_is_no_number_is_refused_by_name(field: Field, value: str) -> None:
    if value:
        assert refusal({field.variable: value}).startswith(f"{field.variable}: ")
    else:
        assert read(field, value) == field.default


@by_name
def test_a_number_out_of_bounds_is_refused_by_name_and_bound(field: Field) -> None:
    for value, bound in ((field.kind.ge - 1, field.kind.ge), (field.kind.le + 1, field.kind.le)):
        reason = refusal({field.variable: str(value)})
        assert reason.startswith(f"{field.variable}: ")
        assert str(bound) in reason


@pytest.mark.parametrize("field", CHOICES, ids=lambda field: field.variable)
def test_a_choice_is_one_of_few(field: Field) -> None:
    for value in field.kind.values:
        assert read(field, value) == value
    assert refusal({field.variable: "verbose"}).startswith(f"{field.variable}: ")


@pytest.mark.parametrize(("value", "read_as"), [("true", True), ("1", True), ("false", False), ("0", False)])
def test_a_switch_is_on_or_off(value: str, *, read_as: bool) -> None:
    assert load({"TASK_API_JOBS": value}, dotenv=NOWHERE).tasks.jobs is read_as
    assert refusal({"TASK_API_JOBS": "maybe"}).startswith("TASK_API_JOBS: ")


def test_texts_paths_and_addresses_are_taken_as_they_are() -> None:
    settings = load(
        {
            "TASK_API_HOST": "::",
            "TASK_API_EMBEDDED_USER": "postgres",
            "TASK_API_DATA_DIR": "/srv/task api",
            "DATABASE_URL": " postgresql://u:p@h/db ",
            "DATABASE_READ_URL": "postgresql://one/db, postgresql://two/db",
            "REDIS_URL": "redis://h",
        },
        dotenv=NOWHERE,
    )
    assert (settings.server.host, settings.embedded.embedded_user) == ("::", "postgres")
    assert settings.embedded.data_dir == Path("/srv/task api")
    urls = (settings.database.url, *settings.database.read_urls, settings.redis.url)
    assert [url and url.reveal() for url in urls] == [
        "postgresql://u:p@h/db",
        "postgresql://one/db",
        "postgresql://two/db",
        "redis://h",
    ]


def test_lists_are_separated_by_commas_and_forgive_blanks() -> None:
    settings = load(
        {
            "TASK_API_CORS_ORIGINS": " https://a.example , ,https://b.example,",
            "TASK_API_TRUSTED_PROXIES": "10.0.0.0/8,::1",
            "TASK_API_JWT_PREVIOUS_SECRETS": f"{SECRET}1, {SECRET}2",
        },
        dotenv=NOWHERE,
    )
    assert settings.server.cors_origins == ("https://a.example", "https://b.example")
    assert settings.server.trusted_proxies == ("10.0.0.0/8", "::1")
    assert [secret.reveal()[-1] for secret in settings.auth.jwt_previous_secrets] == ["1", "2"]


@pytest.mark.parametrize("network", ["example.org", "10.0.0.0/33", "10.0.0", "*"])
def test_a_network_that_is_none_is_refused_by_name(network: str) -> None:
    reason = refusal({"TASK_API_TRUSTED_PROXIES": f"::1,{network}"})
    assert reason.startswith(f"TASK_API_TRUSTED_PROXIES: '{network}'")


@pytest.mark.parametrize("origin", ["example.org", "https://a.example/", "https://A.example", "https://", "null"])
def test_an_origin_that_no_browser_sends_is_refused_by_name(origin: str) -> None:
    reason = refusal({"TASK_API_CORS_ORIGINS": f"https://a.example:8443,{origin}"})
    assert reason.startswith(f"TASK_API_CORS_ORIGINS: '{origin}'")


def test_who_is_exempt_is_named_by_id_or_network() -> None:
    exempt = "01A20CD6-27B5-7369-B3AE-0491205FE049, 10.0.0.0/8,::1,192.0.2.7"
    assert len(load({"TASK_API_RATE_LIMIT_EXEMPT": exempt}, dotenv=NOWHERE).limits.rate_limit_exempt) == 4


@pytest.mark.parametrize("entry", ["ada", "ada@example.org", "10.0.0.0/33", "01a20cd6"])
def test_who_is_exempt_is_never_guessed(entry: str) -> None:
    reason = refusal({"TASK_API_RATE_LIMIT_EXEMPT": f"::1,{entry}"})
    assert reason.startswith(f"TASK_API_RATE_LIMIT_EXEMPT: '{entry}'")


@pytest.mark.parametrize("name", ["JWT_SECRET", "TASK_API_JWT_PREVIOUS_SECRETS"])
@pytest.mark.parametrize("value", ["x", "hunter2" * 4, "é" * 15])
def test_a_short_secret_is_refused_by_name_and_not_quoted(name: str, value: str) -> None:
    reason = refusal({name: value})
    assert reason.startswith(f"{name}: ")
    assert value not in reason or value == "x"


def test_one_short_secret_among_long_ones_is_refused() -> None:
    assert refusal({"TASK_API_JWT_PREVIOUS_SECRETS": f"{SECRET},short"}).startswith("TASK_API_JWT_PREVIOUS_SECRETS")


def test_the_length_of_a_secret_is_counted_in_bytes() -> None:
    secret = load({"JWT_SECRET": "é" * 16}, dotenv=NOWHERE).auth.jwt_secret
    assert secret is not None
    assert secret.reveal() == "é" * 16


@pytest.mark.parametrize("name", ["TASK_API_PROT", "TASK_API_PORT", "TASK_API_", "TASK_API_host"])
def test_an_unknown_variable_of_ours_is_refused_by_name(name: str, tmp_path: Path) -> None:
    assert refusal({name: "1"}).startswith(f"{name}: ")
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"{name}=1\n")
    assert refusal({}, dotenv).startswith(f"{name}: ")


def test_what_belongs_to_others_is_left_alone() -> None:
    others = {
        "HOME": "/root",
        "PORTS": "1",
        "DATABASE_URL_OLD": "x",
        "task_api_x": "1",
        **dict.fromkeys(UNRELATED, "7"),
    }
    assert repr(load(others, dotenv=NOWHERE)) == repr(Settings())


def test_a_secret_in_the_file_is_taken_as_it_stands(tmp_path: Path) -> None:
    secret = "pa$HOME${HOME}" + "x" * 32
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"JWT_SECRET={secret}\n")
    found = load({}, dotenv=dotenv).auth.jwt_secret
    assert found is not None
    assert found.reveal() == secret


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("PORT=4000\nTASK_API_HOST='::1'\n# a comment\nexport LOG_LEVEL=debug\n")
    settings = load({"PORT": "5000"}, dotenv=dotenv)
    assert (settings.server.port, settings.server.host, settings.logs.level) == (5000, "::1", "debug")


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_value_counts_as_unset_wherever_it_stands(tmp_path: Path, empty: str) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"PORT=4000\nTASK_API_HOST={empty}\nLOG_LEVEL\n")
    settings = load({"PORT": empty}, dotenv=dotenv)
    assert (settings.server.port, settings.server.host, settings.logs.level) == (4000, "127.0.0.1", "info")


def test_a_file_that_an_editor_began_with_a_mark_is_read(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_bytes(b"\xef\xbb\xbfPORT=4000\r\n")
    assert load({}, dotenv=dotenv).server.port == 4000


def test_a_file_that_is_no_text_is_refused_by_name(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_bytes(b"JWT_SECRET=\xff\xfe\n")
    assert refusal({}, dotenv).startswith(str(dotenv))


def test_the_real_environment_is_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORT", "4001")
    (tmp_path / ".env").write_text("LOG_LEVEL=error")
    for name in ("LOG_LEVEL", "JWT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    settings = load()
    assert (settings.server.port, settings.logs.level) == (4001, "error")


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret(SECRET)
    settings = load({"JWT_SECRET": SECRET, "TASK_API_JWT_PREVIOUS_SECRETS": f"{SECRET}2"}, dotenv=NOWHERE)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>60}", repr([secret]), repr(settings)]
    assert SECRET not in "".join(shown)
    assert secret.reveal() == SECRET
    for encode in (json.dumps, msgspec.json.encode):
        with pytest.raises(TypeError):
            encode(secret)


def test_a_secret_in_a_traceback_stays_one() -> None:
    def fail(settings: Settings) -> None:
        raise ValueError(settings)

    try:
        fail(load({"JWT_SECRET": SECRET}, dotenv=NOWHERE))
    except ValueError as error:
        found = traceback.TracebackException.from_exception(error, capture_locals=True)
        assert SECRET not in "".join(found.format())


def test_a_complaint_never_quotes_a_secret_not_even_in_its_causes() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load({"JWT_SECRET": SECRET, "PORT": SECRET}, dotenv=NOWHERE)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_every_variable_is_described_for_the_documentation() -> None:
    table = list(variables())
    assert len({variable.name for variable in table}) == len(table)
    for variable in table:
        assert variable.description.endswith((".", "start.")), variable.name
        assert variable.name.startswith(PREFIX) or variable.name in {
            "PORT",
            "DATABASE_URL",
            "DATABASE_DIRECT_URL",
            "DATABASE_READ_URL",
            "REDIS_URL",
            "JWT_SECRET",
            "LOG_LEVEL",
        }
    defaults = {variable.name: variable.default for variable in table}
    assert (defaults["PORT"], defaults["TASK_API_JOBS"], defaults["JWT_SECRET"]) == ("3000", "true", "–")
    assert defaults["TASK_API_CORS_ORIGINS"] == "–"


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(AttributeError):
        Settings().server.port = 1  # type: ignore[misc]


def test_each_worker_of_each_instance_is_a_process() -> None:
    assert load({}, dotenv=NOWHERE).processes == 1
    assert load({"TASK_API_INSTANCES": "4", "TASK_API_WORKERS": "3"}, dotenv=NOWHERE).processes == 12


def test_variables_that_kubernetes_adds_for_a_service_are_left_alone() -> None:
    load({"TASK_API_SERVICE_PORT": "tcp://10.0.0.1:80", "TASK_API_SERVICE_SERVICE_HOST": "10.0.0.1"}, dotenv=NOWHERE)
    with pytest.raises(SettingsInvalid, match="TASK_API_SERVICES"):
        load({"TASK_API_SERVICES": "auth"}, dotenv=NOWHERE)
