"""How the answers of this domain are kept: data for whoever keeps them."""

from taskapi.http.policy import CachePolicy

USER_CACHE = CachePolicy(key="user:{userId}", seconds=3600, field="user")
"""`GET /api/auth/me`. Lists of sessions are not kept: they change with the clock and with every use."""
