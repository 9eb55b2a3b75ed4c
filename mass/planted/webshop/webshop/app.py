"""The pages of the shop."""

from flask import Flask, current_app, jsonify, request

from webshop import mails
from webshop.payments import PaymentError, Payments
from webshop.store import SoldOut, Store


def create_app(path, bank, mail_server):
    app = Flask("webshop")
    app.store = Store(path)
    app.store.create()
    app.payments = Payments(bank)
    app.mail_server = mail_server
    app.add_url_rule("/items/<item>", view_func=show)
    app.add_url_rule("/orders", view_func=buy, methods=["POST"])
    app.add_url_rule("/orders/<int:number>", view_func=look_up)
    app.register_error_handler(PaymentError, payment_failed)
    app.register_error_handler(SoldOut, sold_out)
    return app


def show(item):
    found = current_app.store.find(item)
    if found is None:
        return jsonify(error="unknown item"), 404
    currency = request.args.get("currency")
    if currency:
        found["foreign"] = round(found["price"] / current_app.payments.rate(currency), 2)
    return jsonify(found)


def buy():
    wanted = request.get_json()
    found = current_app.store.find(wanted["item"])
    if found is None:
        return jsonify(error="unknown item"), 404
    amount = wanted.get("amount", 1)
    current_app.store.take(wanted["item"], amount)
    receipt = current_app.payments.charge(wanted["card"], found["price"] * amount)
    number = current_app.store.book(wanted["item"], amount, receipt)
    mails.confirm(current_app.mail_server, wanted["mail"], number)
    return jsonify(number=number), 201


def look_up(number):
    order = current_app.store.order(number)
    if order is None:
        return jsonify(error="unknown order"), 404
    return jsonify(order)


def payment_failed(error):
    return jsonify(error="payment failed", detail=error.response.text), 402


def sold_out(error):
    return jsonify(error="sold out"), 409
