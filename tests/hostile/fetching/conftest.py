"""The fixtures of tests/unit/fetching serve here too."""

from tests.unit.fetching.conftest import anyio_backend, names, secure, server, settings

__all__ = ["anyio_backend", "names", "secure", "server", "settings"]
