"""Every answer is hardened, and no answer twice."""

from taskapi.http.hardening import HARDENING, harden, hardened


def test_what_an_answer_brings_itself_is_left_alone() -> None:
    found = hardened([(b"Cache-Control", b"private"), (b"etag", b'"1"')])
    assert found[:2] == [(b"Cache-Control", b"private"), (b"etag", b'"1"')]
    assert dict(found[2:]) == {name: value for name, value in HARDENING.items() if name != b"cache-control"}


def test_hardened_headers_stay_the_very_same() -> None:
    found = hardened([(b"etag", b'"1"')])
    assert hardened(found) is found
    message = {"type": "http.response.start", "status": 200, "headers": found}
    assert harden(message) is found  # type: ignore[arg-type]
