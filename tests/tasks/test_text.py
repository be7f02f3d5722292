"""Text: what people write comes back as they wrote it, in one Unicode form; what does not fit is refused, never cut."""

import unicodedata
from typing import Any

import pytest

from tests.people import Client

KEPT = [
    "🎉",
    "👩‍👩‍👧‍👦 family",
    "e\u0301 is one letter",
    "x\u0302 has no letter of its own",
    "line\u2028separator",
    "\u202eright to left\u202c",
    "שלום עליכם",
    "مرحبا",
    "日本語",
    "\ufeffmark",
    "\ufffe",
    "zero\u200bwidth",
    "  spaces around  ",
    "null",
    "'; DROP TABLE tasks; --",
    '{"a": 1}\\',
    "%s %(a)s $1 {0}",
]
CONTROL = ["\0", "\x01", "\x07", "\x1b[31m", "\x7f", "\x85", "\x9f"]


def refused(person: Client, **fields: Any) -> str:
    answer = person.post("/api/tasks", json={"title": "x"} | fields)
    assert answer.status_code == 422, answer.text
    assert person.get("/api/tasks").json()["items"] == []
    pointer: str = answer.json()["errors"][0]["pointer"]
    return pointer


@pytest.mark.parametrize(
    "fields",
    [
        {"title": "a" + "\u0300" * 31},
        {"title": "a" + "\u0300" * 50_000 + "\u0316" * 50_000},
        {"description": "a" + "\u0300\u0316" * 9_000},
        {"labels": ["a" + "\u0316" * 31]},
    ],
    ids=["a little too many", "a title that would take minutes", "a description", "a label"],
)
def test_marks_that_pile_up_are_refused_before_they_cost_anything(ada: Client, fields: dict[str, Any]) -> None:
    (name,) = fields
    assert refused(ada, **fields).split("/")[1] == name


def test_marks_that_a_language_may_need_are_kept(ada: Client) -> None:
    title = "a" + "\u0327\u0302" * 15
    assert ada.task(title=title)["title"] == unicodedata.normalize("NFC", title)


def test_text_is_kept(ada: Client) -> None:
    for text in KEPT:
        task = ada.task(text, description=f"{text}\r\n\t{text}", labels=[text])
        composed = unicodedata.normalize("NFC", text)
        assert (task["title"], task["description"]) == (composed, f"{composed}\r\n\t{composed}")
        assert task["labels"] == [composed]
        assert ada.get(f"/api/tasks/{task['id']}").json() == task
        assert ada.get("/api/tasks", params={"label": text}).json()["items"] == [task]


def test_control_characters_are_refused(ada: Client) -> None:
    for character in CONTROL:
        assert refused(ada, title=f"a{character}b") == "/title"
        assert refused(ada, description=f"a{character}b") == "/description"
        assert refused(ada, labels=["fine", f"a{character}b"]) == "/labels/1"


def test_line_breaks_and_tabs_belong_into_the_description(ada: Client) -> None:
    for character in "\n\r\t":
        assert refused(ada, title=f"a{character}b") == "/title"
        assert refused(ada, labels=[f"a{character}b"]) == "/labels/0"
    assert ada.task(description="a\n\r\tb")["description"] == "a\n\r\tb"


def test_half_a_character_is_refused(ada: Client) -> None:
    for body in (b'{"title": "\\ud800"}', b'{"title": "\xff"}', b'{"title": "\xed\xa0\x80"}'):
        answer = ada.post("/api/tasks", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422


@pytest.mark.parametrize("letter", ["a", "é", "e\u0301", "🎉"])
def test_lengths_count_code_points_of_the_composed_form(ada: Client, letter: str) -> None:
    assert refused(ada, title=letter * 201) == "/title"
    assert refused(ada, title="") == "/title"
    assert refused(ada, description=letter * 20_001) == "/description"
    assert refused(ada, labels=[letter * 51]) == "/labels/0"
    assert refused(ada, labels=[""]) == "/labels/0"
    task = ada.task(letter * 200, description=letter * 20_000, labels=[letter * 50])
    assert (len(task["title"]), len(task["description"]), len(task["labels"][0])) == (200, 20_000, 50)
    patched = ada.patch(f"/api/tasks/{task['id']}", json={"title": letter * 201})
    assert patched.status_code == 422


def test_a_title_and_a_label_hold_something_to_read(ada: Client) -> None:
    for blank in (" ", "\u00a0\u2003", "\u2028"):
        assert refused(ada, title=blank) == "/title"
        assert refused(ada, labels=[blank]) == "/labels/0"


def test_labels_are_few_and_each_is_there_once(ada: Client) -> None:
    assert refused(ada, labels=[str(number) for number in range(21)]) == "/labels"
    assert refused(ada, labels=["a", "b", "a"]) == "/labels/2"
    assert refused(ada, labels=["é", "e\u0301"]) == "/labels/1"
    labels = [str(number) for number in range(20, 0, -1)]
    assert ada.task(labels=labels)["labels"] == labels
    assert ada.task(labels=["a", "A"])["labels"] == ["a", "A"]


def test_a_great_many_labels_are_refused_quickly(ada: Client) -> None:
    assert refused(ada, labels=["a"] * 200_000) == "/labels"
