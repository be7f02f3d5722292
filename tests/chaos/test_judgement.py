"""The checker itself: made-up histories, right ones and wrong ones of every kind."""

import pytest

from tests.chaos.judgement import Memory, Wrong, judge, judge_counts, shows_absence, shows_number
from tests.chaos.timelines import ABSENT, Timeline, Window, read_title
from tests.chaos.views import STATUSES

READER, WRITER = "a reader", "a writer"


@pytest.fixture
def memory() -> Memory:
    """What a reader has seen: nothing yet."""
    return Memory()


def timeline(*statuses: str, acknowledged: int | None = None) -> Timeline:
    """A task with these versions, the last of which may not be acknowledged; each creation gives it another id."""
    task = Timeline("ada", "0")
    task_id = None
    for number, status in enumerate(statuses, 1):
        created = task.current.status == ABSENT
        task.begin(status, None if created or status == ABSENT else task_id, WRITER)
        if acknowledged is None or number <= acknowledged:
            task_id = f"id {number}" if created else task_id
            task.acknowledge(task_id if created else None)
    return task


def test_a_read_may_show_what_was_acknowledged_when_it_began(memory: Memory) -> None:
    task = timeline("todo", "done")
    assert judge(task, Window(2, 2), memory, shows_number(2, "done", "id 1"), READER) is None


def test_a_read_may_show_what_was_begun_before_it_ended(memory: Memory) -> None:
    task = timeline("todo", "done", "todo", acknowledged=2)
    assert judge(task, Window(1, 3), memory, shows_number(3, "todo", "id 1"), READER) is None


def test_a_read_of_what_was_overwritten_before_it_began_is_stale(memory: Memory) -> None:
    task = timeline("todo", "done")
    assert judge(task, Window(2, 2), memory, shows_number(1, "todo", "id 1"), READER) is Wrong.STALE


def test_a_writer_that_does_not_see_its_own_write_is_told_apart(memory: Memory) -> None:
    task = timeline("todo", "done")
    assert judge(task, Window(2, 2), memory, shows_number(1, "todo", "id 1"), WRITER) is Wrong.OWN_WRITE


def test_a_reader_must_not_go_back_even_to_what_is_new_enough(memory: Memory) -> None:
    task = timeline("todo", "done", "todo", acknowledged=2)
    assert judge(task, Window(2, 3), memory, shows_number(3), READER) is None
    assert judge(task, Window(2, 3), memory, shows_number(2), READER) is Wrong.WENT_BACK


def test_another_reader_may_still_see_what_the_first_has_left_behind(memory: Memory) -> None:
    task = timeline("todo", "done", "todo", acknowledged=2)
    assert judge(task, Window(2, 3), memory, shows_number(3), READER) is None
    assert judge(task, Window(2, 3), Memory(), shows_number(2), READER) is None


def test_a_version_that_was_not_begun_when_the_read_ended_was_never_there(memory: Memory) -> None:
    assert judge(timeline("todo"), Window(1, 1), memory, shows_number(9), READER) is Wrong.LOST


def test_a_body_that_mixes_two_versions_was_never_there(memory: Memory) -> None:
    task = timeline("todo", "done")
    assert judge(task, Window(1, 2), memory, shows_number(2, "todo"), READER) is Wrong.LOST


def test_a_body_under_another_id_was_never_there(memory: Memory) -> None:
    assert judge(timeline("todo"), Window(1, 1), memory, shows_number(1, "todo", "id 9"), READER) is Wrong.LOST


def test_a_task_that_is_there_must_be_found(memory: Memory) -> None:
    task = timeline("todo", "done")
    assert judge(task, Window(2, 2), memory, shows_absence("id 1"), READER) is Wrong.STALE


def test_a_deleted_task_must_not_be_found(memory: Memory) -> None:
    task = timeline("todo", ABSENT)
    assert judge(task, Window(2, 2), memory, shows_absence("id 1"), READER) is None
    assert judge(task, Window(2, 2), memory, shows_number(1, "todo", "id 1"), READER) is Wrong.STALE


def test_an_id_is_gone_when_the_task_was_created_anew(memory: Memory) -> None:
    task = timeline("todo", ABSENT, "todo")
    assert judge(task, Window(3, 3), memory, shows_absence("id 1"), READER) is None
    assert judge(task, Window(3, 3), memory, shows_absence("id 3"), READER) is Wrong.STALE


def test_a_task_that_left_a_filter_must_not_be_listed_under_it(memory: Memory) -> None:
    task = timeline("todo", "done")
    assert judge(task, Window(2, 2), memory, shows_absence(statuses=["todo"]), READER) is None
    assert judge(task, Window(2, 2), memory, shows_number(1, "todo"), READER) is Wrong.STALE
    assert judge(task, Window(2, 2), memory, shows_absence(statuses=["done"]), READER) is Wrong.STALE


def test_an_absence_that_fits_two_versions_counts_as_the_older(memory: Memory) -> None:
    task = timeline("todo", ABSENT, "todo", ABSENT)
    assert judge(task, Window(2, 4), memory, shows_absence(), READER) is None
    assert judge(task, Window(2, 4), memory, shows_number(3), READER) is None
    assert judge(task, Window(2, 4), memory, shows_absence(), READER) is None, "it is gone again"
    assert judge(task, Window(2, 4), memory, shows_number(3), READER) is Wrong.WENT_BACK


def test_counts_may_be_those_of_any_moment_of_the_read(memory: Memory) -> None:
    tasks = {timeline("todo", "done"): Window(1, 2), timeline("todo", "in_progress"): Window(1, 2)}
    for counts in ((2, 0, 0), (1, 0, 1), (1, 1, 0), (0, 1, 1)):
        assert judge_counts(tasks, memory, STATUSES, counts, READER) is None
    assert judge_counts(tasks, memory, STATUSES, (0, 0, 2), READER) is Wrong.LOST


def test_counts_that_lag_are_stale(memory: Memory) -> None:
    tasks = {timeline("todo", "done"): Window(2, 2), timeline("todo"): Window(1, 1)}
    assert judge_counts(tasks, memory, STATUSES, (1, 0, 1), READER) is None
    assert judge_counts(tasks, memory, STATUSES, (2, 0, 0), READER) is Wrong.STALE
    assert judge_counts(tasks, memory, STATUSES, (2, 0, 0), WRITER) is Wrong.OWN_WRITE


def test_counts_must_not_fall_behind_what_the_reader_has_seen(memory: Memory) -> None:
    task = timeline("todo", "done", acknowledged=1)
    assert judge(task, Window(1, 2), memory, shows_number(2), READER) is None
    assert judge_counts({task: Window(1, 2)}, memory, STATUSES, (1, 0, 0), READER) is Wrong.WENT_BACK


def test_a_title_says_whose_it_is_and_which_version() -> None:
    task = timeline("todo")
    title = read_title(task.title(task.current))
    assert title is not None
    assert (title.owner, title.slot, title.number) == ("ada", "0", 1)
    assert read_title("Buy milk") is None
