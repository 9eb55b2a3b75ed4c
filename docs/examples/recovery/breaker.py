"""Two circuit breakers in front of a mail relay: one that closes again, one that does not."""

import time


def send(message: str) -> bool:
    """Hand a message to the relay."""
    return True


class Breaker:
    """Opens after a failure; after a while it lets one trial call through."""

    def __init__(self, open_s: float = 0.05) -> None:
        self.open_s = open_s
        self.opened: float | None = None

    def refuses(self) -> bool:
        """Tell whether a call would be refused now."""
        return self.opened is not None and time.monotonic() - self.opened < self.open_s

    def send(self, message: str) -> bool:
        """Send a message unless the breaker is open."""
        if self.refuses():
            return False
        try:
            send(message)
        except ConnectionError:
            self.opened = time.monotonic()
            return False
        self.opened = None
        return True


class StuckBreaker(Breaker):
    """Opens after a failure, and is never asked again."""

    def refuses(self) -> bool:
        """Tell whether a call would be refused now."""
        return self.opened is not None
