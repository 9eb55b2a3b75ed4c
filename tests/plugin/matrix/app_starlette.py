import threading

import services
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount, Route


async def pay(request):
    found = services.answer(request.path_params["weakness"], request.path_params["variant"])
    status, kind, body = found
    return Response(body, status, media_type=kind)


async def stream(scope, receive, send):
    """Begin an answer, and break it off."""
    found = services.answer("closed", scope["path"].rpartition("/")[2])
    status, kind, body = found or (200, "text/plain", "half")
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body) + (found is None)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode(), "more_body": found is None})
    if found is None:
        raise OSError("the rest is missing")


app = Starlette(routes=[Mount("/closed", stream), Route("/{weakness}/{variant}", pay)])


class Served:
    """A real server."""

    def __enter__(self):
        self.server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        while not self.server.started:
            self.thread.join(0.01)
        return f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"

    def __exit__(self, *error):
        self.server.should_exit = True
        self.thread.join()


def in_process():
    from starlette.testclient import TestClient

    client = TestClient(app, raise_server_exceptions=False)
    return lambda path: client.get(path)
