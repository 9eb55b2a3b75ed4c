import functools

import falcon
import services
import wsgi


class Pay:
    def on_get(self, request, response, weakness, variant):
        found = services.answer(weakness, variant)
        if found is None:
            response.set_stream(wsgi.broken_off(), 9)
            return
        status, kind, body = found
        response.status, response.content_type, response.text = status, kind, body


app = falcon.App()
app.add_route("/{weakness}/{variant}", Pay())
Served = functools.partial(wsgi.Served, app)


def in_process():
    from falcon import testing

    return testing.TestClient(app).simulate_get
