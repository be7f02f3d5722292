"""A name server that knows the instances by one name, as Docker's does for the containers of a service."""

import socket
import struct
import threading

ANSWER, ADDRESS, INTERNET = 0x8180, 1, 1
LENGTH = 12
"""Bytes of a message's head."""


class Names:
    """Answers questions for an address, whatever the name, with all of `addresses`; until the block ends."""

    def __init__(self) -> None:
        self.addresses: tuple[str, ...] = ()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "Names":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            question, asker = self._socket.recvfrom(512)
            if not question:  # which no asker sends
                return
            self._socket.sendto(answer(question, self.addresses), asker)


def answer(question: bytes, addresses: tuple[str, ...]) -> bytes:
    """Return the message that answers a question (RFC 1035)."""
    end = question.index(0, LENGTH) + 5
    kind = struct.unpack("!H", question[end - 4 : end - 2])[0]
    known = addresses if kind == ADDRESS else ()
    head = question[:2] + struct.pack("!HHHHH", ANSWER, 1, len(known), 0, 0)
    record = struct.pack("!HHHIH", 0xC000 | LENGTH, ADDRESS, INTERNET, 0, 4)
    return head + question[LENGTH:end] + b"".join(record + socket.inet_aton(address) for address in known)
