"""What was sealed opens unchanged, for the same purpose and the same bound parts, or not at all."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskapi.config import AuthSettings, Secret
from taskapi.kit.seals import SealBroken, Seals

OLD, NEW = Secret("o" * 32), Secret("n" * 32)
CURSORS = Seals(AuthSettings(jwt_secret=NEW), "cursor")
ALPHABET = string.ascii_letters + string.digits + "-_"
parts = st.lists(st.binary(max_size=20), max_size=4)


def opens(seals: Seals, text: str, *bound: bytes) -> bool:
    try:
        seals.open(text, *bound)
    except SealBroken:
        return False
    return True


@given(st.binary(max_size=200), parts)
def test_what_was_sealed_opens(content: bytes, bound: list[bytes]) -> None:
    text = CURSORS.seal(content, *bound)
    assert CURSORS.open(text, *bound) == content
    assert set(text) <= set(ALPHABET)


@given(st.binary(max_size=40), parts, parts)
def test_it_opens_only_with_the_same_bound_parts(content: bytes, bound: list[bytes], other: list[bytes]) -> None:
    assert opens(CURSORS, CURSORS.seal(content, *bound), *other) == (bound == other)


@pytest.mark.parametrize("content", [b"", b"a", b"ab", b"abc", b"a longer text that is sealed"])
def test_every_changed_character_breaks_it(content: bytes) -> None:
    text = CURSORS.seal(content, b"ada")
    for place, letter in enumerate(text):
        for other in {*ALPHABET[::5], *ALPHABET[-3:], "+", "/", "=", "é", " ", "\0"} - {letter}:
            assert not opens(CURSORS, text[:place] + other + text[place + 1 :], b"ada")


def test_every_shorter_and_every_longer_text_is_broken() -> None:
    text = CURSORS.seal(b"content")
    changed = [text[:length] for length in range(len(text))]
    changed += [text + more for more in ("A", "AA", "AAAA", "=", "==", "\n", " ")]
    assert not any(opens(CURSORS, other) for other in changed)


@given(st.text(max_size=200))
def test_whatever_else_arrives_is_broken_and_no_crash(text: str) -> None:
    assert not opens(CURSORS, text)


def test_content_cannot_move_into_a_bound_part() -> None:
    text = CURSORS.seal(b"ab", b"c")
    assert not opens(CURSORS, text, b"bc")
    assert not opens(CURSORS, text, b"c", b"")
    assert CURSORS.digest(b"ab", b"c") != CURSORS.digest(b"a", b"bc")


def test_a_seal_for_one_purpose_is_worth_nothing_for_another() -> None:
    other = Seals(AuthSettings(jwt_secret=NEW), "fingerprint")
    assert not opens(other, CURSORS.seal(b"x"))
    assert other.digest(b"x") != CURSORS.digest(b"x")


def test_seals_of_previous_secrets_still_open_and_new_ones_are_made_with_todays() -> None:
    before = Seals(AuthSettings(jwt_secret=OLD), "cursor")
    after = Seals(AuthSettings(jwt_secret=NEW, jwt_previous_secrets=(OLD,)), "cursor")
    assert after.open(before.seal(b"x")) == b"x"
    assert not opens(before, after.seal(b"x"))
    assert CURSORS.open(after.seal(b"x")) == b"x"
    assert after.digest(b"x") == CURSORS.digest(b"x")


def test_digests_of_previous_secrets_are_still_recognized() -> None:
    before = Seals(AuthSettings(jwt_secret=OLD), "fingerprint")
    after = Seals(AuthSettings(jwt_secret=NEW, jwt_previous_secrets=(OLD,)), "fingerprint")
    assert after.recognizes(before.digest(b"a", b"b"), b"a", b"b")
    assert after.recognizes(after.digest(b"a", b"b"), b"a", b"b")
    assert not after.recognizes(before.digest(b"a", b"b"), b"ab", b"")
    assert not before.recognizes(after.digest(b"a"), b"a")


def test_without_a_secret_there_are_no_seals() -> None:
    with pytest.raises(ValueError, match="JWT_SECRET"):
        Seals(AuthSettings(), "cursor")
