"""The floor of coverage counts lines and branches apart."""

import pytest

from tests.shape.coverage_floor import shares


@pytest.mark.parametrize(
    ("covered_branches", "expected"),
    [(0, {"lines": 100.0, "branches": 0.0}), (5, {"lines": 100.0, "branches": 50.0})],
)
def test_full_lines_do_not_hide_missing_branches(covered_branches: int, expected: dict[str, float]) -> None:
    totals = {
        "covered_lines": 90,
        "num_statements": 90,
        "covered_branches": covered_branches,
        "num_branches": 10,
    }
    assert shares(totals) == expected


def test_code_without_a_branch_has_run_all_of_them() -> None:
    totals = {"covered_lines": 1, "num_statements": 2, "covered_branches": 0, "num_branches": 0}
    assert shares(totals) == {"lines": 50.0, "branches": 100.0}
