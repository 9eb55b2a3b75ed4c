"""Sends mail, and tries again."""


def deliver(message: str) -> None:
    """Hand a message to the relay."""


def send(message: str, attempts: int = 3) -> bool:
    """Send a message; tell whether it went out."""
    for _ in range(attempts):
        try:
            deliver(message)
        except ConnectionError:
            continue
        return True
    return False
