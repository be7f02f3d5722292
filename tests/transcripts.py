"""Console blocks of the documents: what they have people type, and what they say is printed then.

`python -m tests.transcripts http://127.0.0.1:3000` types all of it at a fresh instance and writes what was really
printed into the documents.
"""

import re
import secrets
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = {
    ROOT / "README.md": re.compile(r"(?<=^## Five minutes\n).*?(?=^## )", re.MULTILINE | re.DOTALL),
    ROOT / "docs" / "api.md": re.compile(r".+", re.DOTALL),
}
"""Each document with the part of it whose commands talk to a running instance."""

BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
PROMPT = "$ "
INDENT = "    "
"""How a command goes on in the next line."""

WRITTEN_URL = "http://127.0.0.1:3000"
WRITTEN_DOMAIN = "@example.org"
SECONDS = 60

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
IDENTIFIER = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
HEADERS = re.compile(r"(?:^[a-z][a-z-]*: .*\n?){2,}", re.MULTILINE)
VARYING = {
    r'(?<="nextCursor":")[\w-]+': "<cursor>",
    r'(?<="requestId":")[0-9a-f]{32}\b': "<request id>",
    r"^x-request-id: [0-9a-f]{32}$": "x-request-id: <request id>",
    r"^date: .+": "date: <date>",
    r"\bcurl/[\d.]+": "<curl>",
    r"\bUnprocessable (?:Entity|Content)\b": "<unprocessable>",
}
"""What is another each time, or with another release of curl or Python."""


class Step(NamedTuple):
    """One command and what the document says of its output."""

    command: str
    printed: str


def steps(document: Path) -> list[Step]:
    """Return what a document has people type, in order."""
    part = _part(document)
    return [step for block in BLOCK.findall(part) for step in _steps(block)]


def typed(commands: Sequence[str], url: str) -> list[str]:
    """Type `commands`, one after the other in one shell, at the instance at `url`; return what each printed."""
    mark, domain = secrets.token_hex(16), f"@{secrets.token_hex(6)}.example.org"
    there = [command.replace(WRITTEN_URL, url).replace(WRITTEN_DOMAIN, domain) for command in commands]
    script = "".join(f"{command}\nprintf '\\n%s\\n' {mark}\n" for command in there)
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-s"],
        input=script,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    said = done.stdout.replace(url, WRITTEN_URL).replace(domain, WRITTEN_DOMAIN).replace("\r", "")
    return [output.strip("\n") for output in said.split(f"\n{mark}\n")[:-1]]


def normalised(outputs: Sequence[str], commands: Sequence[str]) -> list[str]:
    """Return outputs without what varies: an id becomes its number, a time that nobody typed is just a time."""
    numbers: defaultdict[str, str] = defaultdict(lambda: f"<id {len(numbers) + 1}>")
    input_text = "\n".join(commands)
    return [_normalised(output, numbers, input_text) for output in outputs]


def rewrite(document: Path, url: str) -> None:
    """Put what is really printed into a document."""
    commands = [step.command for step in steps(document)]
    real = iter(zip(commands, typed(commands, url), strict=True))
    part = _part(document)
    filled = BLOCK.sub(lambda block: "".join(_shown(*next(real)) for _ in _steps(block[0])), part)
    document.write_text(document.read_text(encoding="utf-8").replace(part, filled), encoding="utf-8")


def _part(document: Path) -> str:
    found = DOCUMENTS[document].search(document.read_text(encoding="utf-8"))
    assert found, f"{document.name} has lost the part that is tested"
    return found[0]


def _steps(block: str) -> list[Step]:
    found: list[Step] = []
    for line in block.splitlines():
        if line.startswith(PROMPT):
            found.append(Step(line.removeprefix(PROMPT), ""))
        elif line.startswith(INDENT) and not found[-1].printed:
            found[-1] = found[-1]._replace(command=f"{found[-1].command}\n{line}")
        else:
            found[-1] = found[-1]._replace(printed=f"{found[-1].printed}\n{line}".lstrip("\n"))
    return found


def _normalised(output: str, numbers: Mapping[str, str], input_text: str) -> str:
    output = IDENTIFIER.sub(lambda found: numbers[found[0]], output)
    output = MOMENT.sub(lambda found: found[0] if found[0] in input_text else "<time>", output)
    for pattern, name in VARYING.items():
        output = re.sub(pattern, name, output, flags=re.MULTILINE)
    return HEADERS.sub(lambda found: "".join(sorted(found[0].splitlines(keepends=True))), output)


def _shown(command: str, printed: str) -> str:
    return f"{PROMPT}{command}\n" + (f"{printed}\n" if printed else "")


if __name__ == "__main__":
    for _document in DOCUMENTS:
        rewrite(_document, sys.argv[1])
