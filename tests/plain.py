"""HTTP without TLS, as tests speak it: to read certificates for each client would take longer than most tests."""

import ssl
from typing import Final

NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody."""
