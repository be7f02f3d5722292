"""What people read when the program is ready: what runs where, what to open, what to try next.

Goes to standard error, because standard output belongs to the log lines. Never names a secret or a URL with a
password.
"""

import http.client
import sys
import threading
import time
from collections.abc import Callable
from importlib.metadata import version

from taskapi.config import ServerSettings
from taskapi.kit.embedded.servers import Endpoints

HEALTH = "/api/health"
WAIT_SECONDS = 60
POLL_SECONDS = 0.05
STARTING = "nothing (it is not up yet)"
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - a name, nothing is bound
"""To whoever listens everywhere one can talk on this machine."""
TEXT = """
  task-api {version} is ready

  open        {base}/docs
  API         {base}/api
  database    {database}
  cache       {redis}
  secret      {secret}

  Try next:
    curl -s {base}/api/auth/register -H 'Content-Type: application/json' \\
      -d '{{"email": "ada@example.com", "password": "correct horse battery", "name": "Ada"}}'

  Ctrl-C stops everything.
"""


def base_url(settings: ServerSettings) -> str:
    """Return where a person on this machine reaches the API."""
    host = ANYWHERE.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def announce(
    settings: ServerSettings,
    endpoints: Endpoints,
    secret: str,
    stopped: threading.Event,
    is_complete: Callable[[], bool],
) -> None:
    """Print the text once the API is healthy; after a minute without that, say what it answers and give up.

    It is not while `is_complete` is false: some worker does not take connections yet.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while (answer := _health(settings) if is_complete() else STARTING) != "200":
        if time.monotonic() > deadline:
            say(f"Not healthy after {WAIT_SECONDS} seconds: {base_url(settings)}{HEALTH} says {answer}.")
            return
        if stopped.wait(POLL_SECONDS):
            return
    sys.stderr.write(
        TEXT.format(
            version=version("task-api"),
            base=base_url(settings),
            database=endpoints.database.description,
            redis=endpoints.redis.description,
            secret=secret,
        )
    )
    sys.stderr.flush()


def say(sentence: str) -> None:
    """Tell a person one thing."""
    sys.stderr.write(f"task-api: {sentence}\n")
    sys.stderr.flush()


def _health(settings: ServerSettings) -> str:
    connection = http.client.HTTPConnection(ANYWHERE.get(settings.host, settings.host), settings.port, timeout=5)
    try:
        connection.request("GET", HEALTH)
        return str(connection.getresponse().status)
    except (OSError, http.client.HTTPException) as error:
        return f"nothing ({error})"
    finally:
        connection.close()
