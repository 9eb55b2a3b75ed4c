"""Settings from a file, with defaults where it says nothing."""

import json


def load(path):
    """Return the settings of a file."""
    settings = {"retries": 3}
    try:
        with open(path, encoding="utf-8") as file:
            settings.update(json.load(file))
    except FileNotFoundError:
        pass
    return settings
