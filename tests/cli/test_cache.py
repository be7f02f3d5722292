"""`task-api cache clear`."""

from tests.cli.conftest import Call
from tests.cli.test_users import rows


def test_clearing_begins_another_generation(call: Call, database: str) -> None:
    def generation() -> object:
        return rows(database, "SELECT generation FROM gate_state")[0]["generation"]

    assert call("users", "create", "ada@example.org", input="a-long-password-7\n").exit_code == 0
    before = generation()
    result = call("cache", "clear")
    assert result.exit_code == 0, result.output
    assert generation() != before
