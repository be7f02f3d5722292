"""Tokens: only ours, only unchanged, only in time, under this secret or a previous one."""

import base64
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jwt
import msgspec
import pytest

from taskapi.config import Secret, Settings
from tests.house import serving
from tests.people import Client

Forge = Callable[..., str]
ALG_NONE = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()


def status(client: Client, token: str) -> int:
    """Return what a token opens."""
    return client.get("/api/auth/me", headers={"Authorization": f"Bearer {token}"}).status_code


@pytest.fixture
def forge(ada: Client, settings: Settings) -> Forge:
    """Makes tokens with our own secret that are like ada's but for what a test says."""
    assert settings.auth.jwt_secret is not None
    own = settings.auth.jwt_secret.reveal()
    header = jwt.get_unverified_header(ada.token)
    claims = jwt.decode(ada.token, options={"verify_signature": False})

    def make(head: dict[str, Any] | None = None, key: str = own, algorithm: str = "HS256", **changed: Any) -> str:
        payload = {name: value for name, value in (claims | changed).items() if value is not None}
        headers = header | {"alg": algorithm} | (head or {})
        return jwt.encode(payload, key, algorithm, {name: value for name, value in headers.items() if value})

    return make


def test_a_token_says_who_which_session_which_role_and_until_when(ada: Client) -> None:
    claims = jwt.decode(ada.token, options={"verify_signature": False})
    assert claims.keys() == {"sub", "sid", "role", "iat", "exp"}
    assert claims["sub"] == ada.id
    assert claims["sid"] == ada.get("/api/auth/sessions").json()["items"][0]["id"]
    assert claims["exp"] - claims["iat"] == 30 * 24 * 3600
    assert jwt.get_unverified_header(ada.token)["alg"] == "HS256"


def test_the_forge_works(ada: Client, forge: Forge) -> None:
    assert status(ada, forge()) == 200


def test_a_token_that_was_not_made_here_opens_nothing(ada: Client, grace: Client, forge: Forge) -> None:
    graces = jwt.decode(grace.token, options={"verify_signature": False})
    head, payload, signature = ada.token.split(".")
    forged = {
        "no algorithm": f"{ALG_NONE}.{payload}.",
        "no algorithm, old signature": f"{ALG_NONE}.{payload}.{signature}",
        "another algorithm": forge(algorithm="HS512"),
        "another secret": forge(key=secrets.token_urlsafe(32)),
        "another key id": forge(head={"kid": "0" * 12}),
        "no key id": forge(head={"kid": None}),
        "another type": forge(head={"typ": "JWT"}),
        "expired": forge(exp=int(time.time()) - 1),
        "no end": forge(exp=None),
        "an end beyond all calendars": forge(exp=10**12),
        "an end that is no time": forge(exp="tomorrow"),
        "no session": forge(sid=None),
        "a subject that is no id": forge(sub="ada"),
        "a session that is no id": forge(sid=["x"]),
        "no role": forge(role=None),
        "somebody else's session": forge(sid=graces["sid"]),
        "somebody else": forge(sub=graces["sub"]),
        "swapped": forge(sub=graces["sid"], sid=graces["sub"]),
        "session of nobody": forge(sid="00000000-0000-0000-0000-000000000000"),
        "changed payload": f"{head}.{payload[:-2]}AA.{signature}",
        "cut signature": f"{head}.{payload}.{signature[:-2]}",
        "no signature": f"{head}.{payload}.",
        "two parts": f"{head}.{payload}",
        "too long": ada.token + "A" * 1024,
        "not a token": "x",
    }
    assert {name: status(ada, token) for name, token in forged.items()} == dict.fromkeys(forged, 401)


def test_a_token_that_is_not_even_ascii_opens_nothing(anonymous: Client) -> None:
    answer = anonymous.get("/api/auth/me", headers=[(b"Authorization", "Bearer é.é.é".encode("latin-1"))])
    assert answer.status_code == 401


def test_the_role_in_a_token_gives_no_rights(ada: Client, forge: Forge) -> None:
    answer = ada.get("/api/users", headers={"Authorization": f"Bearer {forge(role='admin')}"})
    assert answer.status_code == 403


@pytest.mark.parametrize("value", ["", "Bearer", "Basic YTpi", "bearer", "Bearer a b", "Token x", "Bearer null"])
def test_whatever_is_no_bearer_token_is_refused(anonymous: Client, value: str) -> None:
    answer = anonymous.get("/api/auth/me", headers={"Authorization": value})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="task-api"'


def test_two_tokens_in_one_request_are_refused(ada: Client) -> None:
    pair = [("Authorization", f"Bearer {ada.token}"), ("Authorization", f"Bearer {ada.token}")]
    with Client(str(ada.base_url)) as client:
        assert client.get("/api/auth/me", headers=pair).status_code == 401


@contextmanager
def rotated(settings: Settings, *, previous: tuple[Secret, ...]) -> Iterator[Client]:
    """Serve under a new secret."""
    auth = msgspec.structs.replace(
        settings.auth, jwt_secret=Secret(secrets.token_urlsafe(32)), jwt_previous_secrets=previous
    )
    with serving(msgspec.structs.replace(settings, auth=auth)) as house, Client(house.url) as client:
        yield client


def test_a_token_outlives_the_rotation_of_the_secret_as_long_as_that_is_named(settings: Settings, ada: Client) -> None:
    assert settings.auth.jwt_secret is not None
    with rotated(settings, previous=(settings.auth.jwt_secret,)) as client:
        assert status(client, ada.token) == 200
        client.email, client.password = ada.email, ada.password
        fresh = client.log_in().token
        assert status(client, fresh) == 200
    kids = [jwt.get_unverified_header(token)["kid"] for token in (ada.token, fresh)]
    assert kids[0] != kids[1]
    assert status(ada, fresh) == 401, "a process that does not know the new secret yet"
    with rotated(settings, previous=()) as client:
        assert status(client, ada.token) == 401
