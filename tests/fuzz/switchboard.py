"""Decides for each generated request who sends it, and lets some of them say what no generator can guess.

A random password is never the right one, and a random id hardly ever somebody's session. Without help, such operations
would only ever be refused.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from schemathesis import AuthContext, AuthProvider, Case, HookContext, Response
from schemathesis.wfc.auth import Header
from schemathesis.wfc.escalation import EscalatingAuthProvider
from schemathesis.wfc.providers import FixedHeaderAuthProvider

from tests.fuzz.people import People, Person

LOG_IN = "POST /api/auth/login"
CHANGE_ME = "PATCH /api/auth/me"
REMOVE_ME = "DELETE /api/auth/me"
CHANGE_PASSWORD = "PUT /api/auth/password"
END_SESSION = "DELETE /api/auth/sessions/{session_id}"
CHANGE_USER = "PATCH /api/users/{user_id}"
ENDING = frozenset({REMOVE_ME, CHANGE_PASSWORD, END_SESSION, "DELETE /api/auth/sessions", "POST /api/auth/logout"})
"""Operations that may end the session that calls them."""

ADMINISTRATION = "/api/users"
SOMEBODY_EXPENDABLE = "Bearer somebody-expendable"
"""Replaced when the request is sent, for it may be generated long before."""


class Switchboard:
    """The people behind one round, of whom `caller` makes the ordinary requests."""

    def __init__(self, people: People, caller: str) -> None:
        self._people = people
        self._caller = people.staying[caller]
        self._turns: Counter[str] = Counter()
        names = list(people.staying)
        staying = [_bearer(people.staying[name]) for name in names]
        self.providers: list[AuthProvider[Any]] = [
            Special(self._special),
            EscalatingAuthProvider(staying, names, peers=tuple(names), pinned=caller),
        ]
        """What Schemathesis asks for credentials, first come, first served; it checks that peers see nothing of others."""

    def before_call(self, _: HookContext, case: Case, __: dict[str, Any]) -> None:
        """Complete a request that is about to be sent."""
        label = case.operation.label
        if case.headers.get("Authorization") == SOMEBODY_EXPENDABLE:
            case.headers["Authorization"] = f"Bearer {self._people.expendable().token}"
        if label in HELP and self._turn(f"help {label}", 2):
            HELP[label](self, case)
        if label == CHANGE_USER and case.path_parameters.get("user_id") in self._people.protected:
            case.path_parameters["user_id"] = self._people.expendable().id

    def after_call(self, _: HookContext, case: Case, response: Response) -> None:
        """Notice who was used up."""
        if case.operation.label in {*ENDING, CHANGE_USER} and response.status_code < 300:
            self._people.use_up()

    def knows_password(self, case: Case) -> None:
        """Give the right password of whoever calls."""
        if isinstance(case.body, dict):
            caller = self._caller if case.operation.label == CHANGE_ME else self._people.expendable()
            field = "currentPassword" if "currentPassword" in case.body else "password"
            case.body[field] = caller.password

    def has_account(self, case: Case) -> None:
        """Log in as somebody who exists."""
        if isinstance(case.body, dict):
            case.body |= {"email": self._people.visitor.email, "password": self._people.visitor.password}

    def has_session(self, case: Case) -> None:
        """End a session that exists: in turn the one that calls, and the other one."""
        somebody = self._people.expendable()
        own = self._turn("own session", 2)
        case.path_parameters["session_id"] = somebody.session_id if own else somebody.other_session_id

    def _special(self, case: Case) -> str | None:
        """Return the credentials of somebody special, if the operation wants that."""
        label = case.operation.label
        if label in ENDING:
            return SOMEBODY_EXPENDABLE
        if case.operation.path.startswith(ADMINISTRATION) and not self._turn(f"administration {label}", 4):
            return f"Bearer {self._people.admin.token}"
        return None

    def _turn(self, what: str, every: int) -> bool:
        """Say yes once in `every` times."""
        self._turns[what] += 1
        return self._turns[what] % every == 0


HELP: Mapping[str, Callable[[Switchboard, Case], None]] = {
    LOG_IN: Switchboard.has_account,
    CHANGE_ME: Switchboard.knows_password,
    REMOVE_ME: Switchboard.knows_password,
    CHANGE_PASSWORD: Switchboard.knows_password,
    END_SESSION: Switchboard.has_session,
}


class Special:
    """Gives credentials to the requests of certain operations."""

    def __init__(self, choose: Callable[[Case], str | None]) -> None:
        self._choose = choose

    def get(self, case: Case, _: AuthContext) -> str | None:
        """Return the header's value, or None to leave it to the next provider."""
        return self._choose(case)

    def set(self, case: Case, data: str, _: AuthContext) -> None:
        """Put it into the request."""
        case.headers["Authorization"] = data


def _bearer(person: Person) -> FixedHeaderAuthProvider:
    return FixedHeaderAuthProvider([Header("Authorization", f"Bearer {person.token}")])
