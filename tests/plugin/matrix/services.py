"""What the applications of the matrix ask, and what each weakness answers when that fails, beside its right twin."""

import json

TRACE = 'Traceback (most recent call last):\n  File "/srv/shop/pay.py", line 3, in pay\nConnectionError: down'
DOWN = {"code": "down", "message": "come back later"}
JSON = "application/json"


def charge():
    return "receipt"


def answer(weakness, variant):
    """Return status, type and body for a request."""
    try:
        return 200, JSON, json.dumps({"receipt": charge()})
    except ConnectionError:
        return FAILED[weakness, variant]


RIGHT = (503, JSON, json.dumps(DOWN))
FAILED = {
    ("status", "broken"): (502, JSON, json.dumps(DOWN)),
    ("leak", "broken"): (503, "text/plain", TRACE),
    ("type", "broken"): (503, JSON, "<html>down</html>"),
    ("closed", "broken"): None,  # the application breaks off
    **{(weakness, "right"): RIGHT for weakness in ("status", "leak", "type", "closed")},
}
