import functools

import django
import services
import wsgi
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="k")
django.setup()


def pay(request, weakness, variant):
    found = services.answer(weakness, variant)
    if found is None:
        return StreamingHttpResponse(wsgi.broken_off(), headers={"Content-Length": "9"})
    status, kind, body = found
    return HttpResponse(body, status=status, content_type=kind)


urlpatterns = [path("<str:weakness>/<str:variant>", pay)]
Served = functools.partial(wsgi.Served, get_wsgi_application())


def in_process():
    from django.test import Client

    return Client(raise_request_exception=False).get
