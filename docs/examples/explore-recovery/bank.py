"""The bank, somewhere else."""


def charge(amount: int) -> str:
    """Take the money and return a receipt."""
    return f"receipt for {amount}"
