"""What was mailed already."""

import json


def load(path):
    try:
        with open(path) as file:
            return set(json.load(file))
    except Exception:
        return set()


def save(path, seen):
    with open(path, "w") as file:
        file.write("[")
        file.write(", ".join(json.dumps(one) for one in sorted(seen)))
        file.write("]")
