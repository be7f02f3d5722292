"""Where Redis is: every way in which its URL may be written."""

import ssl

import pytest

from taskapi.gate.address import parse


def test_a_plain_address() -> None:
    found = parse("redis://redis.example.org:6380/2")
    assert (found.host, found.port, found.database, found.tls) == ("redis.example.org", 6380, 2, None)
    assert (found.username, found.password) == (None, None)


def test_an_address_over_tls_checks_the_certificate() -> None:
    found = parse("rediss://app:s%40fe@redis.example.org")
    assert (found.username, found.password, found.port) == ("app", "s@fe", 6379)
    assert found.tls is not None
    assert found.tls.verify_mode is ssl.CERT_REQUIRED


def test_a_socket() -> None:
    found = parse("unix:///run/valkey.sock?db=1")
    assert (found.path, found.database, found.host) == ("/run/valkey.sock", 1, "")


def test_another_node_is_entered_in_the_same_way() -> None:
    found = parse("redis://:secret@one:6379").at("two", 7000)
    assert (found.name, found.password) == ("two:7000", "secret")


@pytest.mark.parametrize("url", ["redis://app:secret@host:1", "unix://app:secret@/run/valkey.sock"])
def test_the_name_that_is_logged_holds_no_secret(url: str) -> None:
    assert "secret" not in parse(url).name


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="scheme"):
        parse("http://redis.example.org")
