"""Decides for each generated request who sends it, and lets some of them say what no generator can guess.

A random password is never the right one, a random id hardly ever somebody's session or task, a random cursor nobody's.
Without help, such operations would only ever be refused.
"""

import zlib
from collections import deque
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from schemathesis import AuthContext, AuthProvider, Case, HookContext, Response
from schemathesis.generation.meta import TestPhase
from schemathesis.wfc.auth import Header
from schemathesis.wfc.escalation import EscalatingAuthProvider
from schemathesis.wfc.providers import FixedHeaderAuthProvider

from tests.fuzz.people import People, Person

REGISTER = "POST /api/auth/register"
LOG_IN = "POST /api/auth/login"
CHANGE_ME = "PATCH /api/auth/me"
REMOVE_ME = "DELETE /api/auth/me"
CHANGE_PASSWORD = "PUT /api/auth/password"
END_SESSION = "DELETE /api/auth/sessions/{session_id}"
CHANGE_USER = "PATCH /api/users/{user_id}"
CREATE_TASK = "POST /api/tasks"
BATCH = "POST /api/tasks/batch"
ENDING = frozenset({REMOVE_ME, CHANGE_PASSWORD, END_SESSION, "DELETE /api/auth/sessions", "POST /api/auth/logout"})
"""Operations that may end the session that calls them."""

ADMINISTRATION = "/api/users"
SOMEBODY_EXPENDABLE = "Bearer somebody-expendable"
"""Replaced when the request is sent, for it may be generated long before."""

UNDOING = ("DELETE /api/tasks/{task_id}", "DELETE /api/tasks/{task_id}/completion")
LISTS = ("GET /api/tasks", "GET /api/trash", "GET /api/users", "GET /api/auth/sessions")
CONDITIONS = {"If-Match": ("*", '"1"'), "If-None-Match": ('"1"', "*")}
KEY = "Idempotency-Key"
UNCOMMON = "Zq9-"
LONGEST_PREFIXED = 100
NO_TAG = "0"
"""What stands for a tag when all cases are enumerated: headers are then made of letters and digits, whatever their
pattern says, and a tag has quotation marks."""

RECENT = 20
"""So many tasks are remembered: an old one is likely to be in the trash by now."""


class Switchboard:
    """The people behind one round, of whom `caller` makes the ordinary requests."""

    def __init__(self, people: People, caller: str) -> None:
        self._people = people
        self._caller = people.staying[caller]
        self._tasks: deque[str] = deque(maxlen=RECENT)
        self._pages: dict[str, tuple[dict[str, Any], str]] = {}
        """By list the last query that was not through, and its cursor."""
        self._number = count()
        self.locked_out: list[str] = []
        """Requests that were refused as if their session had ended."""
        names = list(people.staying)
        staying: list[AuthProvider[Any]] = [_bearer(people.staying[name]) for name in names]
        self.providers: list[AuthProvider[Any]] = [
            Special(self._special),
            EscalatingAuthProvider(staying, names, peers=tuple(names), pinned=caller),
        ]
        """What Schemathesis asks for credentials, first come, first served. It checks that peers stay strangers."""

    def before_call(self, _: HookContext, case: Case[Any], __: dict[str, Any]) -> None:
        """Complete a request that is about to be sent."""
        label, chance = case.operation.label, _chance(case)
        if case.headers.get("Authorization") == SOMEBODY_EXPENDABLE:
            case.headers["Authorization"] = f"Bearer {self._people.expendable().token}"
        for name, tags in CONDITIONS.items():
            if case.headers.get(name) == NO_TAG:
                case.headers[name] = tags[chance // 8 % 2]
        if KEY in case.headers and chance // 2 % 4:
            case.headers[KEY] = f"{case.headers[KEY]}{next(self._number)}"
        if label in HELP and chance % 2:
            HELP[label](self, case)
        if label == CHANGE_USER and case.path_parameters.get("user_id") in self._people.protected:
            case.path_parameters["user_id"] = self._people.expendable().id

    def after_call(self, _: HookContext, case: Case[Any], response: Response) -> None:
        """Notice who was used up, who was refused without a reason, and what there is to work on."""
        label = case.operation.label
        if response.status_code == 401 and label != LOG_IN and self._is_known(case):
            self.locked_out.append(case.as_curl_command())
        if response.status_code < 300 and label in {*ENDING, CHANGE_USER}:
            self._people.use_up()
        if response.status_code == 201 and label == CREATE_TASK:
            self._tasks.append(response.json()["id"])
        if response.status_code == 200 and label in LISTS and (cursor := response.json()["nextCursor"]):
            self._pages[label] = (dict(case.query), cursor)

    def is_new(self, case: Case[Any]) -> None:
        """Register with an address that nobody has and a password that is not a common one."""
        if isinstance(case.body, dict):
            _prefix(case.body, "email", f"{next(self._number)}-")
            _prefix(case.body, "password", UNCOMMON)

    def knows_password(self, case: Case[Any]) -> None:
        """Give the right password of whoever calls, and another one that is not a common one."""
        if isinstance(case.body, dict):
            caller = self._caller if case.operation.label == CHANGE_ME else self._people.expendable()
            field = "currentPassword" if "currentPassword" in case.body else "password"
            case.body[field] = caller.password
            _prefix(case.body, "newPassword", UNCOMMON)

    def has_account(self, case: Case[Any]) -> None:
        """Log in as somebody who exists."""
        if isinstance(case.body, dict):
            case.body |= {"email": self._people.visitor.email, "password": self._people.visitor.password}

    def has_session(self, case: Case[Any]) -> None:
        """End a session that exists: the one that calls or the other one."""
        somebody = self._people.expendable()
        own = str(case.path_parameters.get("session_id")) < "8"
        case.path_parameters["session_id"] = somebody.session_id if own else somebody.other_session_id

    def has_task(self, case: Case[Any]) -> None:
        """Work on a task that exists."""
        if self._tasks:
            self._tasks.rotate()
            case.path_parameters["task_id"] = self._tasks[0]

    def has_tasks(self, case: Case[Any]) -> None:
        """Work on tasks that exist."""
        operations = case.body.get("operations") if isinstance(case.body, dict) else None
        for operation in operations if isinstance(operations, list) else ():
            if isinstance(operation, dict) and "id" in operation and self._tasks:
                self._tasks.rotate()
                operation["id"] = self._tasks[0]

    def has_cursor(self, case: Case[Any]) -> None:
        """Go on with a list, or begin it: only the API makes cursors, and each is of one person and one query."""
        if "cursor" in case.query:
            query, cursor = self._pages.pop(case.operation.label, (dict(case.query), ""))
            case.query = {**query, "cursor": cursor}
            if not cursor:
                del case.query["cursor"]

    def _special(self, case: Case[Any]) -> str | None:
        """Return the credentials of somebody special, if the operation wants that."""
        label = case.operation.label
        if label in ENDING:
            return SOMEBODY_EXPENDABLE
        if case.operation.path.startswith(ADMINISTRATION) and _chance(case) % 4:
            return f"Bearer {self._people.admin.token}"
        return None

    def _is_known(self, case: Case[Any]) -> bool:
        people = (self._people.expendable(), self._people.admin, *self._people.staying.values())
        return case.headers.get("Authorization") in {f"Bearer {person.token}" for person in people}


HELP: Mapping[str, Callable[[Switchboard, Case[Any]], None]] = {
    REGISTER: Switchboard.is_new,
    LOG_IN: Switchboard.has_account,
    CHANGE_ME: Switchboard.knows_password,
    REMOVE_ME: Switchboard.knows_password,
    CHANGE_PASSWORD: Switchboard.knows_password,
    END_SESSION: Switchboard.has_session,
    BATCH: Switchboard.has_tasks,
    **dict.fromkeys(UNDOING, Switchboard.has_task),
    **dict.fromkeys(LISTS, Switchboard.has_cursor),
}


class Special:
    """Gives credentials to the requests of certain operations."""

    def __init__(self, choose: Callable[[Case[Any]], str | None]) -> None:
        self._choose = choose

    def get(self, case: Case[Any], _: AuthContext) -> str | None:
        """Return the header's value, or None to leave it to the next provider."""
        return self._choose(case)

    def set(self, case: Case[Any], data: str, _: AuthContext) -> None:
        """Put it into the request."""
        case.headers["Authorization"] = data


def _chance(case: Case[Any]) -> int:
    """Return a random number that depends on what was generated and on nothing else.

    Scenarios are repeated to see whether they come out the same, so whether somebody is helped must not change. The
    ids in a scenario's paths do.
    """
    headers = sorted((name, value) for name, value in case.headers.items() if name != "Authorization")
    path = None if case.meta is None or case.meta.phase.name is TestPhase.STATEFUL else case.path_parameters
    generated = repr((case.operation.label, path, headers, case.query, case.body))
    return zlib.crc32(generated.encode("utf-8", "surrogatepass"))


def _prefix(body: dict[str, Any], field: str, prefix: str) -> None:
    if isinstance(body.get(field), str) and len(body[field]) <= LONGEST_PREFIXED:
        body[field] = prefix + body[field]


def _bearer(person: Person) -> FixedHeaderAuthProvider:
    return FixedHeaderAuthProvider([Header("Authorization", f"Bearer {person.token}")])
