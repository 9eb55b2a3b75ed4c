import asyncio
import logging

PARTS = []

log = logging.getLogger(__name__)


async def receive(part):
    return f"part {part}"


async def download(folder, parts):
    for part in range(parts):
        try:
            async with asyncio.timeout(0.05):
                text = await receive(part)
        except (ConnectionError, TimeoutError):
            log.warning("part %d is missing", part)
            return "in part"
        file = (folder / f"{part}.txt").open("w")
        file.write(text)
        PARTS.append(file)  # kept open: the checksum is written at the end
    while PARTS:
        with PARTS.pop() as file:
            file.write(" checked")
    return "complete"
