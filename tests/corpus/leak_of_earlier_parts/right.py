import asyncio
import contextlib
import logging

log = logging.getLogger(__name__)


async def receive(part):
    return f"part {part}"


async def download(folder, parts):
    with contextlib.ExitStack() as stack:
        files = []  # kept open: the checksum is written at the end
        for part in range(parts):
            try:
                async with asyncio.timeout(0.05):
                    text = await receive(part)
            except (ConnectionError, TimeoutError):
                log.warning("part %d is missing", part)
                return "in part"
            file = stack.enter_context((folder / f"{part}.txt").open("w"))
            file.write(text)
            files.append(file)
        for file in files:
            file.write(" checked")
    return "complete"
