import asyncio
import threading

import services
from aiohttp import web


async def pay(request):
    found = services.answer(request.match_info["weakness"], request.match_info["variant"])
    if found is None:
        response = web.StreamResponse(headers={"Content-Length": "9"})
        await response.prepare(request)
        await response.write(b"half")
        raise OSError("the rest is missing")
    status, kind, body = found
    return web.Response(text=body, status=status, content_type=kind)


def application():
    app = web.Application()
    app.router.add_get("/{weakness}/{variant}", pay)
    return app


class Served:
    """A real server, with its loop in a thread."""

    def __enter__(self):
        self.loop, self.url, self.is_up = asyncio.new_event_loop(), "", threading.Event()
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(self.serve(),))
        self.thread.start()
        self.is_up.wait()
        return self.url

    async def serve(self):
        self.is_over = asyncio.Event()
        runner = web.AppRunner(application())
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self.is_up.set()
        await self.is_over.wait()
        await runner.cleanup()

    def __exit__(self, *error):
        self.loop.call_soon_threadsafe(self.is_over.set)
        self.thread.join()
        self.loop.close()
