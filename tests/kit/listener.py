"""A socket whose process answers what a test likes."""

import contextlib
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def listening(path: Path, answer: Iterable[bytes]) -> Iterator[None]:
    """Answer the first question with these parts, or as many as are taken."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=_answer, args=(listener, answer), daemon=True)
        thread.start()
        yield
        thread.join(10)
        assert not thread.is_alive()


def _answer(listener: socket.socket, answer: Iterable[bytes]) -> None:
    line, _ = listener.accept()
    with line, contextlib.suppress(OSError):
        line.recv(1 << 16)
        for part in answer:
            line.sendall(part)
