import asyncio

BALANCES = {"ann": 100, "ben": 100}


class TransferFailedError(Exception):
    pass


async def book(account, amount):
    BALANCES[account] += amount


async def transfer(amount, source, target):
    before = dict(BALANCES)
    try:
        for account, change in ((source, -amount), (target, amount)):
            async with asyncio.timeout(0.05):
                await book(account, change)
    except (ConnectionError, TimeoutError) as error:
        BALANCES.update(before)
        raise TransferFailedError(f"{amount} from {source} to {target}") from error
