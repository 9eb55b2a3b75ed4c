"""A small web shop: a gateway in front of stock, prices, payments, paperwork and mail.

Read it from the outside in: `gateway` speaks HTTP, `checkout` is the sale itself,
and every other module is one dependency the sale needs.
"""
