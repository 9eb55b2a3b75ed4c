"""Errors of libraries that stand before a database: they carry that of its driver, and code asks it for more.

A rule text says what such an error says, and not of which driver; that is known where it is raised.
"""

from __future__ import annotations

import sys
from typing import Any

from pytest_chaos.faults.base import FaultyCall


def with_driver(error: BaseException, call: FaultyCall) -> BaseException:
    """Return an error as its library makes it from that of its driver, or as it is if it is no such error.

    SQLAlchemy's know it as ``orig``, and both they and Django's as their cause.

    Args:
        error: An error that was made from the texts of a rule.
        call: The call that raises it, a method of an engine, a connection or a cursor.
    """
    try:
        made, driver = _of_sqlalchemy(error, call) or _of_django(error, call) or (error, None)
    except Exception:  # noqa: BLE001  # no engine, or one of another make
        return error
    if driver is not None:
        made.__cause__ = driver
    return made


def _of_sqlalchemy(error: Any, call: FaultyCall) -> tuple[BaseException, BaseException] | None:
    base = getattr(sys.modules.get("sqlalchemy.exc"), "DBAPIError", None)
    if base is None or not isinstance(error, base) or isinstance(error.orig, BaseException):
        return None
    driver = getattr(call.receiver.dialect.dbapi, type(error).__name__)(error.orig)
    return type(error)(error.statement, error.params, driver), driver


def _of_django(error: Any, call: FaultyCall) -> tuple[BaseException, BaseException] | None:
    base = getattr(sys.modules.get("django.db.utils"), "Error", None)
    if base is None or not isinstance(error, base):
        return None
    database = getattr(call.receiver, "db", call.receiver)
    return error, getattr(database.Database, type(error).__name__)(*error.args)
