"""Search finds whole words, whatever their case and accents, in titles and descriptions, of one's own live tasks."""

import pytest

from tests.people import Client


def found(person: Client, q: str) -> list[str]:
    answer = person.get("/api/tasks", params={"q": q, "sort": "created"})
    assert answer.status_code == 200, answer.text
    return [task["title"] for task in answer.json()["items"]]


@pytest.mark.parametrize(
    ("title", "queries"),
    [
        ("Café crème", ["cafe", "café", "CAFÉ", "Cafe\u0301", "creme CAFE", "crème"]),
        ("cafe", ["café", "Cafe"]),
        ("Straße kehren", ["strasse", "Straße", "STRASSE kehren"]),
        ("Smörgåsbord", ["smorgasbord", "SMÖRGÅSBORD"]),
        ("Přílíš žluťoučký kůň", ["prilis", "zlutoucky kun"]),
        ("Купить молоко", ["молоко", "КУПИТЬ"]),
        ("買い物 リスト", ["買い物", "リスト"]),
        ("semi-final (2nd)", ["final", "semi-final", "2nd", "'semi'", "final!"]),
        ("mail ada@example.org", ["ada@example.org"]),
        ("a:b & c | !d <-> 'e'", ["a:b", "& c", "!d", "'e'"]),
    ],
)
def test_a_word_is_found(ada: Client, title: str, queries: list[str]) -> None:
    ada.task(title)
    ada.task("decoy", description="something else")
    for query in queries:
        assert found(ada, query) == [title], query


def test_all_words_have_to_be_there_and_whole(ada: Client) -> None:
    ada.task("buy milk", description="and bread")
    ada.task("buy bread")
    assert found(ada, "buy bread") == ["buy milk", "buy bread"]
    assert found(ada, "milk bread") == ["buy milk"]
    assert found(ada, "milk beer") == []
    assert found(ada, "mil") == []
    assert found(ada, "-milk") == ["buy milk"]
    for nothing in ("!", "&|!()", "'", "\\", "…"):
        assert found(ada, nothing) == []


def test_search_follows_every_change(ada: Client, grace: Client) -> None:
    task = ada.task("first")
    path = f"/api/tasks/{task['id']}"
    assert found(grace, "first") == []
    ada.patch(path, json={"title": "second"})
    assert (found(ada, "first"), found(ada, "second")) == ([], ["second"])
    ada.patch(path, json={"description": "first of all"})
    assert found(ada, "first second") == ["second"]
    ada.delete(path)
    assert found(ada, "second") == []
    ada.put(f"{path}/restoration")
    assert found(ada, "second") == ["second"]


def test_a_long_word_is_no_trouble(ada: Client) -> None:
    ada.task("x" * 200, description="é" * 20_000)
    assert found(ada, "x" * 200) == ["x" * 200]
    assert found(ada, "é" * 200) == []
