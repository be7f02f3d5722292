"""A token is verified once and remembered as long as it is valid; a wrong one is never remembered as right."""

from datetime import timedelta
from uuid import UUID

import pytest

from taskapi.config import AuthSettings, Secret
from taskapi.gate import callers
from taskapi.gate.callers import Callers
from taskapi.kit.clock import system_clock
from taskapi.kit.tokens import Claims, Tokens
from tests.house import SettableClock

OLD, NEW = Secret("an old secret of thirty-two letters"), Secret("a new secret of thirty-two letters")
LIFE = timedelta(hours=1)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


def tokens(clock: SettableClock, secret: Secret = NEW, *previous: Secret) -> Tokens:
    return Tokens(AuthSettings(jwt_secret=secret, jwt_previous_secrets=previous), clock)


def header(signer: Tokens, number: int = 1) -> bytes:
    now = system_clock()
    claims = Claims(UUID(int=number), UUID(int=number), "user", now, now + LIFE)
    return b"Bearer " + signer.sign(claims).encode()


def test_the_same_token_is_the_same_caller(clock: SettableClock) -> None:
    signer = tokens(clock)
    known = Callers(signer, clock)
    sent = header(signer)
    first = known.find(sent)
    assert first is not None
    assert first.user_id == UUID(int=1)
    assert known.find(sent) is first
    assert known.find(header(signer, 2)) is not first


def test_a_remembered_token_expires_all_the_same(clock: SettableClock) -> None:
    signer = tokens(clock)
    known = Callers(signer, clock)
    sent = header(signer)
    assert known.find(sent) is not None
    clock.offset = LIFE
    assert known.find(sent) is None
    assert known.find(sent) is None


def test_whatever_was_not_signed_here_is_nobody_however_often_it_is_sent(clock: SettableClock) -> None:
    signer = tokens(clock)
    known = Callers(signer, clock)
    right = header(signer)
    wrong = [None, b"", b"Bearer", b"Bearer ", b"Basic x", right[:-2], right + b"x", b"Basic" + right[6:]]
    for _ in range(2):
        assert [known.find(sent) for sent in wrong] == [None] * len(wrong)
        assert known.find(right) is not None


def test_the_secret_before_is_good_until_it_is_withdrawn(clock: SettableClock) -> None:
    sent = header(tokens(clock, OLD))
    assert Callers(tokens(clock, NEW, OLD), clock).find(sent) is not None
    assert Callers(tokens(clock, NEW), clock).find(sent) is None


def test_only_so_many_are_remembered(clock: SettableClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers, "REMEMBERED", 2)
    signer = tokens(clock)
    known = Callers(signer, clock)
    sent = [header(signer, number) for number in range(3)]
    found = [known.find(one) for one in sent]
    assert known.find(sent[2]) is found[2]
    assert known.find(sent[1]) is found[1]
    again = known.find(sent[0])
    assert again is not None
    assert again is not found[0]
