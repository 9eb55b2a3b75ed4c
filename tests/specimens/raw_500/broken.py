from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route


def fetch():
    return "1"


def show(request):
    return PlainTextResponse(fetch())


app = Starlette(routes=[Route("/", show)])
