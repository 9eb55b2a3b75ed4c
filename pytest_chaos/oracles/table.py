"""Table: what the contract's table of errors wants the test to receive for the errors that were injected."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_chaos.contract import names
from pytest_chaos.faults.base import Fault
from pytest_chaos.faults.instances import RaisingFault
from pytest_chaos.observation import Observation


def in_table(seen: Observation) -> Mapping[str, int]:
    """Return the statuses that the table wants for the injected errors, by the names of these.

    Of an error the nearest class that is in the table counts. Where something was injected that is not in the table
    nothing is wanted: the answer may come of that. Nor is it where only what is optional failed, which is to change
    nothing.
    """
    contract = seen.contract
    if not contract.table:
        return {}
    points = {activation.point for activation in seen.activations}
    if seen.is_compared and all(names(contract.optional, point) for point in points):
        return {}
    table = contract.table_classes()
    wanted: dict[str, int] = {}
    for error in dict.fromkeys(_class_of(activation.fault) for activation in seen.activations):
        status = next((table[one] for one in ([] if error is None else error.__mro__) if one in table), None)
        if error is None or status is None:
            return {}
        wanted[error.__qualname__] = status
    return wanted


def is_off_table(wanted: Mapping[str, int], method: str, status: int, seen: Observation) -> bool:
    """Tell whether an answer of HTTP is neither what the table wants nor what the system answers without a fault.

    A retry that succeeded is always right. Without a plain run every answer that is no error may be one.

    Args:
        wanted: As :func:`in_table` returns it.
        method: The method of the request.
        status: The status of the answer.
        seen: The run.
    """
    if not wanted or status in wanted.values():
        return False
    if seen.steady is None:
        return status >= 400
    return not any(one.is_to_driver and (one.method, one.status) == (method, status) for one in seen.steady.answers)


def _class_of(fault: Fault) -> type[BaseException] | None:
    if not isinstance(fault, RaisingFault):
        return None
    if isinstance(fault.exc, BaseException):
        return type(fault.exc)
    return fault.exc if isinstance(fault.exc, type) else None
