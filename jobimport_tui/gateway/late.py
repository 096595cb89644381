"""A gateway that is made when it is first asked for something: its modules cost 11 ms that no first paint waits for."""

from collections.abc import Callable
from typing import Any

from jobimport_tui.gateway.protocol import Gateway


class LateGateway:
    """Stands for the gateway that `make` gives."""

    def __init__(self, make: Callable[[], Gateway]) -> None:
        self._make = make
        self._made: Gateway | None = None

    def __getattr__(self, name: str) -> Any:
        """What the gateway has by that name; nothing is made for a name that no gateway has."""
        if name not in Gateway.__dict__:
            raise AttributeError(name)
        if self._made is None:
            self._made = self._make()
        return getattr(self._made, name)
