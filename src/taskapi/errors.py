"""What can go wrong, in the words of the business; nothing here knows HTTP.

An error is raised anywhere below the edge and turned into an answer once, by `taskapi.http.problems`. Its class says
which *kind* of failure it is, `code` is the stable name that clients may program against, and the docstring of a
concrete error is the sentence that people read.
"""

import msgspec


class Violation(msgspec.Struct, frozen=True):
    """One invalid part of the input.

    `pointer` is a JSON pointer (RFC 6901) into the body or, where `source` is not ``body``, the parameter's name.
    """

    pointer: str
    detail: str
    source: str = "body"


class Error(Exception):
    """Something went wrong."""

    code = "error"

    def __init__(
        self,
        detail: str | None = None,
        *,
        violations: tuple[Violation, ...] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail or type(self).__doc__ or self.code)
        self.detail = str(self.args[0]).strip()
        self.violations = violations
        self.retry_after = retry_after
        """Whole seconds after which another attempt makes sense."""


class Invalid(Error):
    """The input is not valid."""

    code = "invalid"


class Unauthenticated(Error):
    """Log in first: the token is missing, malformed, expired or its session has ended."""

    code = "unauthenticated"


class Forbidden(Error):
    """You may not do this."""

    code = "forbidden"


class Missing(Error):
    """There is no such thing, or it is not yours."""

    code = "not-found"


class Conflict(Error):
    """This contradicts the current state."""

    code = "conflict"


class PreconditionFailed(Error):
    """The object changed since you read it; read it again and decide anew."""

    code = "precondition-failed"


class Limited(Error):
    """Too many attempts; try again later."""

    code = "rate-limited"


class Overloaded(Error):
    """The server is busy or a part it needs is away; try again shortly."""

    code = "unavailable"

    def __init__(self, detail: str | None = None, *, retry_after: int = 1) -> None:
        super().__init__(detail, retry_after=retry_after)
