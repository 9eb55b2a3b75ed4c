"""What the shop may refuse, and the status and code that tell the customer so."""


class ShopError(Exception):
    """Root of everything the shop says no with."""

    status = 500
    code = "internal_error"


class BadRequest(ShopError):
    """The request cannot be read, or asks for something impossible."""

    status = 400
    code = "bad_request"


class NotSignedIn(ShopError):
    """Nobody is known by this token."""

    status = 401
    code = "not_signed_in"


class PaymentDeclined(ShopError):
    """The bank understood the charge and refused it: trying again will not help."""

    status = 402
    code = "payment_declined"


class UnknownSku(ShopError):
    """No such article."""

    status = 404
    code = "unknown_sku"


class UnknownOrder(ShopError):
    """No such order."""

    status = 404
    code = "unknown_order"


class SoldOut(ShopError):
    """The article exists, but not as many of it as were asked for."""

    status = 409
    code = "sold_out"


class NotForSale(ShopError):
    """The article is on the shelf, but nobody has set a price for it."""

    status = 409
    code = "not_for_sale"


class PaymentGarbled(ShopError):
    """The payment service answered, but not with anything we can book."""

    status = 502
    code = "payment_garbled"


class PaymentUnavailable(ShopError):
    """The payment service cannot be reached, failed, or is being left alone for a while."""

    status = 503
    code = "payment_unavailable"


class StockUnavailable(ShopError):
    """The database cannot be asked."""

    status = 503
    code = "stock_unavailable"


class AccountsUnavailable(ShopError):
    """Whose a token is cannot be asked."""

    status = 503
    code = "accounts_unavailable"


class AuditUnavailable(ShopError):
    """The audit trail cannot be written, and nothing is sold without it."""

    status = 503
    code = "audit_unavailable"


class PaymentTimeout(ShopError):
    """The payment service did not answer in time."""

    status = 504
    code = "payment_timeout"
