"""The rules of change, for any task and any patch."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, structs

from taskapi.contracts.events import TaskCompleted, TaskReopened, TaskUpdated
from taskapi.tasks import changes
from taskapi.tasks.model import Priority, Status, Task, TrashedTask
from taskapi.tasks.schemas import NewTask, TaskPatch

OWNER = UUID(int=5)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
TEXT = st.sampled_from(["", "a", "b"])
LABELS = st.lists(st.sampled_from("xyz"), unique=True).map(tuple)
NEW = st.builds(
    NewTask,
    title=st.sampled_from(["a", "b"]),
    description=st.none() | TEXT,
    status=st.sampled_from(Status),
    priority=st.sampled_from(Priority),
    labels=st.none() | LABELS,
    due_at=st.none() | MOMENTS,
)
PATCHES = st.builds(
    TaskPatch,
    title=st.sampled_from([UNSET, "a", "b"]),
    description=st.just(UNSET) | st.none() | TEXT,
    status=st.just(UNSET) | st.sampled_from(Status),
    priority=st.just(UNSET) | st.sampled_from(Priority),
    labels=st.just(UNSET) | st.none() | LABELS,
    due_at=st.just(UNSET) | st.none() | MOMENTS,
)
TASKS = st.builds(changes.created, NEW, st.uuids(), MOMENTS)
CLEARED = {"description": "", "labels": (), "due_at": None}


@given(TASKS, PATCHES, MOMENTS)
def test_a_patch_sets_what_it_names_and_nothing_else(task: Task, patch: TaskPatch, now: datetime) -> None:
    after = changes.patched(task, patch, now)
    for name in patch.__struct_fields__:
        value = getattr(patch, name)
        expected = getattr(task, name) if value is UNSET else CLEARED.get(name) if value is None else value
        assert getattr(after, name) == expected
    assert (after.id, after.created_at) == (task.id, task.created_at)


@given(TASKS, PATCHES, MOMENTS)
def test_a_task_is_completed_exactly_while_it_is_done(task: Task, patch: TaskPatch, now: datetime) -> None:
    for version in (task, changes.patched(task, patch, now), changes.completed(task, now), changes.reopened(task, now)):
        assert (version.completed_at is not None) == (version.status is Status.DONE)
    if task.status is Status.DONE and patch.status in {UNSET, Status.DONE}:
        assert changes.patched(task, patch, now).completed_at == task.completed_at


@given(TASKS, PATCHES, MOMENTS)
def test_a_patch_twice_is_a_patch_once(task: Task, patch: TaskPatch, now: datetime) -> None:
    once = changes.patched(task, patch, now)
    assert changes.patched(once, patch, now + timedelta(hours=1)) is once


@given(TASKS, PATCHES, MOMENTS)
def test_a_version_counts_the_changes_and_time_never_goes_back(task: Task, patch: TaskPatch, now: datetime) -> None:
    after = changes.patched(task, patch, now)
    if changes.differences(task, after):
        assert (after.version, after.updated_at) == (task.version + 1, max(now, task.updated_at))
    else:
        assert after is task


@given(TASKS, PATCHES, MOMENTS)
def test_events_tell_every_difference_and_no_other(task: Task, patch: TaskPatch, now: datetime) -> None:
    after = changes.patched(task, patch, now)
    events = list(changes.events(OWNER, task, after))
    different = set(changes.differences(task, after))
    kinds = [type(event) for event in events]
    assert (TaskCompleted in kinds) == (task.status is not Status.DONE and after.status is Status.DONE)
    assert (TaskReopened in kinds) == (task.status is Status.DONE and after.status is not Status.DONE)
    if TaskCompleted in kinds or TaskReopened in kinds:
        different -= {"status", "completed_at"}
    assert (TaskUpdated in kinds) == bool(different)
    assert {(event.user_id, event.task_id, event.version) for event in events} <= {(OWNER, task.id, after.version)}


@given(TASKS, MOMENTS)
def test_completing_and_reopening_settle(task: Task, now: datetime) -> None:
    done = changes.completed(task, now)
    assert changes.completed(done, now) is done
    opened = changes.reopened(done, now)
    assert opened.status is Status.TODO
    assert changes.reopened(opened, now) is opened


@given(TASKS, MOMENTS)
def test_a_restored_task_is_what_it_was(task: Task, now: datetime) -> None:
    trashed = TrashedTask(**structs.asdict(task), trashed_at=now)
    restored = changes.restored(trashed, now)
    assert type(restored) is Task
    assert changes.differences(task, restored) == ()
    assert restored.version == task.version + 1
