"""Parcels and their labels."""


def print_label(address: str) -> str:
    """Send a label to the printer."""
    return f"label for {address}"


def pack(address: str) -> str:
    """Pack a parcel, with a label where the printer works."""
    try:
        return print_label(address)
    except OSError:
        return "write it by hand"
