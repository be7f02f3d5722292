"""Why the schema was not looked at or not changed, whoever said no: this program, Alembic or the database."""

from taskapi.errors import Error


class Refused(Error):
    """The schema is not as it was wanted; the message says why and what to do."""

    code = "migration-refused"
