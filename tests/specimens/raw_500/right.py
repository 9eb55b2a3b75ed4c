from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route


def fetch():
    return "1"


def show(request):
    try:
        return PlainTextResponse(fetch())
    except ConnectionError:
        return PlainTextResponse("come back later", 503)


app = Starlette(routes=[Route("/", show)])
