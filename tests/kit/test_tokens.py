"""A token says what we signed, for as long as we said, or nothing."""

import base64
import json
import string
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskapi.config import AuthSettings, Secret
from taskapi.kit.tokens import LONGEST_TOKEN, Claims, TokenInvalid, Tokens, key_id

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "a secret of thirty-two characters"
OLDER = "an older secret of thirty-two chars"
ADA = Claims(UUID(int=1), UUID(int=2), "user", NOW, NOW + timedelta(days=1))
HEADER = {"alg": "HS256", "typ": "at+jwt", "kid": key_id(SECRET)}
PAYLOAD = {
    "sub": str(ADA.user_id),
    "sid": str(ADA.session_id),
    "role": "user",
    "iat": int(NOW.timestamp()),
    "exp": int(NOW.timestamp()) + 86400,
}
ALPHABET = string.ascii_letters + string.digits + "-_"


def tokens(secret: str = SECRET, *previous: str, now: datetime = NOW) -> Tokens:
    settings = AuthSettings(jwt_secret=Secret(secret), jwt_previous_secrets=tuple(map(Secret, previous)))
    return Tokens(settings, lambda: now)


TOKENS = tokens()
TOKEN = TOKENS.sign(ADA)


def forged(header: Any = HEADER, payload: Any = PAYLOAD, secret: str = SECRET) -> str:
    """Sign anything at all the way HS256 does."""
    signed = b".".join(encoded(json.dumps(part).encode()) for part in (header, payload))
    mark = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signed, secret.encode())
    return b".".join([signed, encoded(mark)]).decode()


def encoded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def refused(token: str) -> bool:
    try:
        TOKENS.verify(token)
    except TokenInvalid:
        return True
    return False


def test_a_token_says_what_was_signed() -> None:
    assert TOKENS.verify(TOKEN) == ADA
    assert TOKENS.verify(forged()) == ADA
    assert len(TOKEN) < LONGEST_TOKEN / 2


def test_no_changed_character_makes_it_say_anything_else() -> None:
    for place, letter in enumerate(TOKEN):
        neighbours = ALPHABET[(ALPHABET.find(letter) ^ 1)], ALPHABET[(ALPHABET.find(letter) ^ 32)]
        for other in {*neighbours, ".", "é"} - {letter}:
            changed = TOKEN[:place] + other + TOKEN[place + 1 :]
            assert refused(changed) or TOKENS.verify(changed) == ADA


@given(st.text(max_size=100))
def test_whatever_else_arrives_is_refused_and_no_crash(text: str) -> None:
    assert refused(text)
    assert refused(f"{text}.{text}.{text}")
    assert refused(TOKEN + text) or TOKENS.verify(TOKEN + text) == ADA


def test_it_is_over_at_the_very_second() -> None:
    assert tokens(now=ADA.expires_at - timedelta(milliseconds=1)).verify(TOKEN) == ADA
    with pytest.raises(TokenInvalid):
        tokens(now=ADA.expires_at).verify(TOKEN)


def test_previous_secrets_still_verify_and_never_sign() -> None:
    old = tokens(OLDER).sign(ADA)
    rotated = tokens(SECRET, OLDER)
    assert rotated.verify(old) == ADA
    assert rotated.sign(ADA) == TOKEN
    assert refused(old)


def test_a_key_name_gives_no_hint_of_its_secret_and_does_not_collide_with_todays() -> None:
    assert key_id(SECRET) not in SECRET
    assert len(key_id(SECRET)) == 12
    assert tokens(SECRET, SECRET).verify(TOKEN) == ADA


@pytest.mark.parametrize(
    "header",
    [
        HEADER | {"alg": "none"},
        HEADER | {"alg": "None"},
        HEADER | {"alg": "HS512"},
        HEADER | {"alg": "RS256"},
        HEADER | {"alg": None},
        HEADER | {"typ": "JWT"},
        HEADER | {"typ": None},
        HEADER | {"kid": key_id(OLDER)},
        HEADER | {"kid": None},
        HEADER | {"kid": 7},
        HEADER | {"kid": ["x"]},
        HEADER | {"kid": "../../etc/passwd"},
        HEADER | {"crit": ["exp"]},
        HEADER | {"b64": False, "crit": ["b64"]},
        {"alg": "HS256"},
        {},
        [],
        "HS256",
        None,
        7,
    ],
    ids=repr,
)
def test_another_header_is_refused_even_if_the_signature_is_right(header: Any) -> None:
    assert refused(forged(header))


@pytest.mark.parametrize("signature", ["", "x", "e30"])
def test_a_token_without_its_signature_is_refused(signature: str) -> None:
    unsigned = encoded(json.dumps(HEADER | {"alg": "none"}).encode()).decode()
    body = TOKEN.split(".")[1]
    assert refused(f"{unsigned}.{body}.{signature}")
    assert refused(f"{TOKEN.rpartition('.')[0]}.{signature}")


def test_keys_in_the_header_are_not_listened_to() -> None:
    key = {"kty": "oct", "k": encoded(b"x" * 32).decode()}
    for header in (HEADER | {"jwk": key}, HEADER | {"jku": "http://127.0.0.1/keys"}):
        assert refused(forged(header, secret="x" * 32))


@pytest.mark.parametrize("claim", list(PAYLOAD))
@pytest.mark.parametrize("value", [..., None, "", "x", -1, 1e400, 10**30, True, [], {}], ids=repr)
def test_a_claim_that_is_missing_or_of_another_kind_never_crashes(claim: str, value: Any) -> None:
    payload = {name: kept for name, kept in PAYLOAD.items() if name != claim}
    payload |= {} if value is ... else {claim: value}
    token = forged(payload=payload)
    assert value not in (..., None) or refused(token)
    assert refused(token) or TOKENS.verify(token).user_id == ADA.user_id


@pytest.mark.parametrize("payload", [[], "x", 7, None, {"aud": "x", **PAYLOAD}], ids=repr)
def test_another_payload_is_refused(payload: Any) -> None:
    assert refused(forged(payload=payload))


def test_a_huge_token_is_refused_unread() -> None:
    assert refused(forged(payload=PAYLOAD | {"role": "r" * LONGEST_TOKEN}))
    assert refused("a" * 10_000_000)


@pytest.mark.parametrize("opening", ["[", '{"a":', "[[", "\\"])
def test_a_token_that_is_deeply_nested_is_refused(opening: str) -> None:
    header = encoded((opening * 1000)[:700].encode()).decode()
    assert refused(f"{header}.{header}.x")


@pytest.mark.parametrize("token", ["\ud800.x.y", "é.é.é", "\0", "..", "...", "a.b", " ", f" {TOKEN}", f"{TOKEN}\n"])
def test_odd_tokens_are_refused(token: str) -> None:
    assert refused(token)


def test_without_a_secret_there_are_no_tokens() -> None:
    with pytest.raises(ValueError, match="JWT_SECRET"):
        Tokens(AuthSettings(), lambda: NOW)
