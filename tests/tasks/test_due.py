"""Due dates: any zone in, UTC out, nothing rounded, and the ends of the calendar."""

from datetime import datetime
from typing import Any

from tests.people import Client

KEPT = {
    "2026-12-24T18:00:00Z": "2026-12-24T18:00:00Z",
    "2026-12-24T18:00:00+02:00": "2026-12-24T16:00:00Z",
    "2026-12-31T23:30:00-01:00": "2027-01-01T00:30:00Z",
    "2026-12-24t18:00:00z": "2026-12-24T18:00:00Z",
    "2026-12-24T18:00:00.123Z": "2026-12-24T18:00:00.123000Z",
    "2026-12-24T18:00:00.123456Z": "2026-12-24T18:00:00.123456Z",
    "2024-02-29T12:00:00Z": "2024-02-29T12:00:00Z",
    "1970-01-01T00:00:00Z": "1970-01-01T00:00:00Z",
    "1969-12-31T23:00:00-01:00": "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999Z": "9999-12-31T23:59:59.999000Z",
}
REFUSED: list[Any] = [
    "2026-12-24T18:00:00",
    "2026-12-24",
    "2026-02-29T12:00:00Z",
    "2026-12-24T24:00:00Z",
    "2026-12-24T18:00:60Z",
    "2026-12-24T18:00:00+24:00",
    "1969-12-31T23:59:59Z",
    "1970-01-01T00:00:00+00:01",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-14:00",
    "10000-01-01T00:00:00Z",
    "infinity",
    "tomorrow",
    "",
    0,
    1767225600,
    True,
]


def test_a_due_date_is_kept(ada: Client) -> None:
    for given, kept in KEPT.items():
        task = ada.task(dueAt=given)
        path = f"/api/tasks/{task['id']}"
        assert task["dueAt"] == kept
        assert ada.get(path).json() == task
        assert ada.patch(path, json={"dueAt": kept}).json() == task
    dates = [datetime.fromisoformat(task["dueAt"]) for task in ada.get("/api/tasks?sort=due").json()["items"]]
    assert dates == sorted(dates)
    assert len(dates) == len(KEPT)


def test_what_is_no_such_time_is_refused(ada: Client) -> None:
    path = f"/api/tasks/{ada.task()['id']}"
    for given in REFUSED:
        bodies = (ada.post("/api/tasks", json={"title": "x", "dueAt": given}), ada.patch(path, json={"dueAt": given}))
        for answer in bodies:
            assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/dueAt"), given
        for name in ("dueBefore", "dueAfter", "updatedSince"):
            answer = ada.get("/api/tasks", params={name: given})
            assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, name), given


def test_ranges_hold_their_beginning_and_not_their_end(ada: Client) -> None:
    tasks = [ada.task(dueAt=f"2026-12-24T18:00:0{second}Z") for second in range(3)]
    ada.task("undated")
    ends = {"dueAfter": "2026-12-24T18:00:00Z", "dueBefore": "2026-12-24T18:00:02Z", "sort": "due"}
    assert ada.get("/api/tasks", params=ends).json()["items"] == tasks[:2]
    assert ada.get("/api/tasks", params={"dueAfter": "2026-12-24T20:00:01+02:00"}).json()["items"] == tasks[:0:-1]
    assert ada.get("/api/tasks", params={"dueBefore": "1970-01-01T00:00:00Z"}).json()["items"] == []
    since = {"updatedSince": tasks[2]["updatedAt"], "sort": "created"}
    assert [task["title"] for task in ada.get("/api/tasks", params=since).json()["items"]][-1] == "undated"
