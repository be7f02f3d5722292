"""What happens at the same moment: no change is lost, no count drifts, nobody waits for ever.

ROUNDS can be raised by the environment: `TASK_RACE_ROUNDS=1000`.
"""

import os
import random
import threading
from collections import Counter
from functools import partial

from tests.conftest import Sql
from tests.people import Client
from tests.tasks.at_once import together

ROUNDS = int(os.environ.get("TASK_RACE_ROUNDS", "50"))
REAL = """
SELECT
    count(*) FILTER (WHERE status = 0) AS todo,
    count(*) FILTER (WHERE status = 1) AS in_progress,
    count(*) FILTER (WHERE status = 2) AS done
FROM tasks WHERE user_id = $1::text::uuid AND trashed_at IS NULL
"""
COUNTED = "SELECT todo, in_progress, done FROM task_counts WHERE user_id = $1::text::uuid"


def test_of_two_who_patch_the_same_version_exactly_one_wins(ada: Client) -> None:
    """Each appends its mark to what it read, so a lost update is a lost mark."""
    path = f"/api/tasks/{ada.task('x', description='')['id']}"
    clients = {"a": ada, "b": ada.elsewhere()}
    start = threading.Barrier(2)
    wins: Counter[str] = Counter()
    answers: Counter[int] = Counter()

    def play(mark: str) -> None:
        client = clients[mark]
        for _ in range(ROUNDS):
            read = client.get(path)
            start.wait(30)
            body = {"description": read.json()["description"] + mark}
            answer = client.patch(path, json=body, headers={"If-Match": read.headers["ETag"]})
            answers[answer.status_code] += 1
            wins[mark] += answer.status_code == 200
            start.wait(30)

    together(partial(play, "a"), partial(play, "b"))
    task = ada.get(path).json()
    assert answers == {200: ROUNDS, 412: ROUNDS}
    assert task["version"] == ROUNDS + 1
    assert Counter(task["description"]) == wins


def test_patches_of_different_fields_without_conditions_all_last(ada: Client) -> None:
    path = f"/api/tasks/{ada.task()['id']}"
    phone = ada.elsewhere()
    for number in range(20):
        due = f"2027-01-{number + 1:02}T00:00:00Z"
        answers = together(
            partial(ada.patch, path, json={"title": str(number)}), partial(phone.patch, path, json={"dueAt": due})
        )
        assert [answer.status_code for answer in answers] == [200, 200]
        task = ada.get(path).json()
        assert (task["title"], task["dueAt"], task["version"]) == (str(number), due, 3 + 2 * number)


def test_the_counts_stay_right_whatever_happens_at_once(ada: Client, sql: Sql) -> None:
    ids = [ada.task(str(number))["id"] for number in range(12)]

    def work(seed: int) -> None:
        chance = random.Random(seed)
        client = ada.elsewhere()
        for _ in range(25):
            task_id = chance.choice(ids)
            batch = [
                {"op": "create", "task": {"title": "x", "status": chance.choice(["todo", "done"])}},
                *({"op": "patch", "id": one, "patch": {"status": "in_progress"}} for one in chance.sample(ids, 3)),
            ]
            answer = chance.choice(
                [
                    partial(client.post, "/api/tasks", json={"title": "x"}),
                    partial(client.put, f"/api/tasks/{task_id}/completion"),
                    partial(client.delete, f"/api/tasks/{task_id}/completion"),
                    partial(client.delete, f"/api/tasks/{task_id}"),
                    partial(client.put, f"/api/tasks/{task_id}/restoration"),
                    partial(client.post, "/api/tasks/batch", json={"operations": batch}),
                ]
            )()
            assert answer.status_code in {200, 201, 204, 404}, answer.text

    together(*(partial(work, seed) for seed in range(4)))
    assert tuple(sql(COUNTED, ada.id)[0]) == tuple(sql(REAL, ada.id)[0])


def test_batches_that_name_the_same_tasks_in_opposite_order_both_succeed(ada: Client) -> None:
    ids = [ada.task(str(number))["id"] for number in range(20)]
    phone = ada.elsewhere()

    def patches(order: list[str], title: str) -> dict[str, object]:
        return {"operations": [{"op": "patch", "id": one, "patch": {"title": title}} for one in order]}

    for number in range(15):
        answers = together(
            partial(ada.post, "/api/tasks/batch", json=patches(ids, f"{number}a")),
            partial(phone.post, "/api/tasks/batch", json=patches(ids[::-1], f"{number}b")),
        )
        assert [answer.status_code for answer in answers] == [200, 200]


def test_deleting_and_restoring_at_once_leaves_the_task_in_one_place(ada: Client) -> None:
    path = f"/api/tasks/{ada.task()['id']}"
    phone = ada.elsewhere()
    for _ in range(20):
        deleted, restored = together(partial(ada.delete, path), partial(phone.put, f"{path}/restoration"))
        assert (deleted.status_code, restored.status_code) == (204, 200)
        lives, trashed = ada.get(path).status_code == 200, len(ada.get("/api/trash").json()["items"])
        assert lives != bool(trashed)
        ada.put(f"{path}/restoration")
