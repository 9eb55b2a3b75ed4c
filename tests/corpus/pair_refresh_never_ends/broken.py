import asyncio
import logging

SESSION = {"token": "old", "is_refreshing": False}

log = logging.getLogger(__name__)


async def read_balance(token):
    if token not in ("old", "new"):
        raise PermissionError("unknown token")
    return 100


async def fetch_token():
    return "new"


async def refresh():
    SESSION["is_refreshing"] = True
    async with asyncio.timeout(0.05):
        SESSION["token"] = await fetch_token()
    SESSION["is_refreshing"] = False


async def balance():
    if SESSION["is_refreshing"]:
        return "a moment please"
    try:
        for _ in range(2):
            try:
                async with asyncio.timeout(0.05):
                    return await read_balance(SESSION["token"])
            except PermissionError:
                log.warning("the token was refused")
                await refresh()
    except (ConnectionError, TimeoutError):
        log.warning("no balance")
    return "not known"
