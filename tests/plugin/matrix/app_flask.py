import functools

import flask
import services
import wsgi

app = flask.Flask("shop")


@app.get("/<weakness>/<variant>")
def pay(weakness, variant):
    found = services.answer(weakness, variant)
    if found is None:
        return flask.Response(wsgi.broken_off(), headers={"Content-Length": "9"})
    status, kind, body = found
    return flask.Response(body, status, content_type=kind)


Served = functools.partial(wsgi.Served, app)


def in_process():
    return app.test_client().get
