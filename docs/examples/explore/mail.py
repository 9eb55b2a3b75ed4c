"""The mail server, somewhere else."""


def send(text: str) -> bool:
    """Send a message, and tell whether it was taken."""
    return bool(text)
