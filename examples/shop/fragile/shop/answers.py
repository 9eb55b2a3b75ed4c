"""Error answers: every one of them is `{code, message, timestamp}`, and none shows our insides."""

import logging
from datetime import UTC, datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from shop.errors import ShopError, StockUnavailable

log = logging.getLogger(__name__)


def error_answer(status: int, code: str, message: str) -> JSONResponse:
    """Build an error answer."""
    timestamp = datetime.now(UTC).isoformat()
    body = {"code": code, "message": message, "timestamp": timestamp}
    return JSONResponse(body, status_code=status)


async def refuse(request: Request, error: Exception) -> JSONResponse:
    """Answer with the status and code that the error itself declares."""
    assert isinstance(error, ShopError)  # registered for it, but typed by Starlette for any
    cause = error if error.status >= 500 else None  # a customer's mistake needs no traceback in our log
    log.warning("%s %s: %s", request.method, request.url.path, error, exc_info=cause)
    return error_answer(error.status, error.code, str(error))


async def refuse_without_database(request: Request, error: Exception) -> JSONResponse:
    """Answer for a database that cannot be asked; its own words stay in our log."""
    log.warning("%s %s: database error", request.method, request.url.path, exc_info=error)
    refusal = StockUnavailable("the stock cannot be asked at the moment")
    return error_answer(refusal.status, refusal.code, str(refusal))


async def refuse_route(request: Request, error: Exception) -> JSONResponse:
    """Answer for addresses and methods that do not exist."""
    assert isinstance(error, HTTPException)
    return error_answer(error.status_code, "no_such_route", error.detail)


async def confess(request: Request, error: Exception) -> JSONResponse:
    """Answer for what nobody foresaw. Not part of any contract: seeing it is a bug."""
    log.error("%s %s: unforeseen", request.method, request.url.path, exc_info=error)
    return error_answer(500, ShopError.code, "something went wrong on our side")
