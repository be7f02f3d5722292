"""Why the program cannot start, as one sentence that says what to do; for these nobody ever sees a traceback."""

from taskapi.errors import Error


class StartFailed(Error):
    """The program cannot start."""

    code = "start-failed"
