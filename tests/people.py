"""People: each is a client with an account, an address and a device of their own."""

import itertools
import secrets
import threading
from typing import Any

import httpx

from tests.plain import NO_TLS
from tests.privacy import keep_private

_number = itertools.count(1)
_lock = threading.Lock()


def unique_address() -> str:
    """Return an address that no other test uses, so that limits by address never meet."""
    with _lock:
        number = next(_number)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


class Client(httpx.Client):
    """Somebody at some address; nobody in particular until `register` and `log_in`."""

    def __init__(self, base_url: str, address: str | None = None) -> None:
        self.address = address or unique_address()
        headers = {"X-Forwarded-For": self.address, "User-Agent": "pytest"}
        super().__init__(base_url=base_url, headers=headers, timeout=30, verify=NO_TLS)
        self.id = self.email = self.password = self.token = self.name = ""

    def register(self, name: str, email: str | None = None, password: str | None = None) -> httpx.Response:
        """Make an account."""
        self.name = name
        self.email = email or f"{name}-{secrets.token_hex(6)}@example.org"
        self.password = password or f"{secrets.token_urlsafe(12)}-aA1"
        keep_private(self.email, self.password)
        body = {"email": self.email, "password": self.password, "name": name}
        answer = self.post("/api/auth/register", json=body)
        if answer.status_code == 201:
            self.id = answer.json()["id"]
        return answer

    def log_in(self) -> "Client":
        """Start a session and use it from now on."""
        answer = self.post("/api/auth/login", json={"email": self.email, "password": self.password})
        assert answer.status_code == 200, answer.text
        self.token = answer.json()["token"]
        keep_private(self.token)
        self.id = answer.json()["user"]["id"]
        self.headers["Authorization"] = f"Bearer {self.token}"
        return self

    def elsewhere(self) -> "Client":
        """Return the same person at another address, logged in there with another session."""
        other = Client(str(self.base_url))
        other.email, other.password, other.name = self.email, self.password, self.name
        return other.log_in()

    def task(self, title: str = "Buy milk", **fields: Any) -> dict[str, Any]:
        """Create a task and return it."""
        keep_private(title)
        answer = self.post("/api/tasks", json={"title": title, **fields})
        assert answer.status_code == 201, answer.text
        task: dict[str, Any] = answer.json()
        return task
