"""What is promised: keys, their forms, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_chaos import SpecificationError
from pytest_chaos.contract import KEYS, LATER_KEYS, Contract


@pytest.mark.parametrize(
    ("status", "allowed", "refused"),
    [
        ([200, 503], [200, 503], [201, 500, 504]),
        (200, [200], [201]),
        ("2xx", [200, 204, 299], [199, 300]),
        (["2XX", "4xx", 503], [200, 404, 503], [302, 500, 502]),
        ((200,), [200], [404]),
        ({200, 404}, [200, 404], [500]),
    ],
)
def test_status_allows_codes_and_classes(status: Any, allowed: list[int], refused: list[int]) -> None:
    contract = Contract().with_keys({"status": status})

    assert (allowed, []) == (
        [code for code in allowed if contract.allows(code)],
        [c for c in refused if contract.allows(c)],
    )


def test_contract_without_status_judges_no_answer() -> None:
    assert Contract().status is None
    assert Contract().allows(500)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"status": []}, "no answer at all"),
        ({"status": [99]}, "not a status code"),
        ({"status": 600}, "not a status code"),
        ({"status": True}, "not a status code"),
        ({"status": "500"}, "not a status code"),
        ({"status": "6xx"}, "not a status code"),
        ({"status": "xx"}, "not a status code"),
        ({"status": 4.5}, "not a status code"),
        ({"status": None}, "not a status code"),
        ({"status": [200, None]}, "not a status code"),
        ({"errors": [3]}, "not the name of an exception"),
        ({"errors": int}, "not the name of an exception"),
        ({"errors": None}, "not the name of an exception"),
        ({"errors": ["a b"]}, "not the name of an exception"),
        ({"leaks": "yes"}, "'on', 'strict' or 'off'"),
        ({"leaks": True}, "'on', 'strict' or 'off'"),
        ({"leaks": []}, "'on', 'strict' or 'off'"),
        ({"statuses": [200]}, "Did you mean 'status'?"),
        ({"leak": "on"}, "Did you mean 'leaks'?"),
        ({"zzz": 1}, "Keys are status, errors, leaks"),
        ({"status": 200, "body": {}}, "not supported in this version yet"),
    ],
)
def test_wrong_key_or_value_is_refused(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecificationError) as caught:
        Contract().with_keys(keys)

    assert words in str(caught.value)


@pytest.mark.parametrize("key", ["table", "body", "deadline_s", "effects", "core", "optional"])
def test_key_of_a_later_version_is_refused_and_not_ignored(key: str) -> None:
    assert {key} <= LATER_KEYS
    with pytest.raises(SpecificationError, match="This version supports status, errors, leaks"):
        Contract().with_keys({key: 1})


def test_later_keys_win_and_others_stay() -> None:
    contract = Contract().with_keys({"status": 200, "leaks": "strict"}).with_keys({"status": [404]})

    assert Contract((404,), (), "strict") == contract


def test_contract_is_a_value() -> None:
    assert Contract((200,)) == Contract().with_keys({"status": [200]})
    assert {"status", "errors", "leaks", "amplification"} == set(KEYS)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ("OSError", (OSError,)),
        (["OSError", KeyError], (OSError, KeyError)),
        ("concurrent.futures:TimeoutError", (TimeoutError,)),
        ("concurrent.futures.TimeoutError", (TimeoutError,)),
        (OSError, (OSError,)),
        ([], ()),
    ],
)
def test_declared_errors_are_classes_or_names(errors: Any, expected: tuple[type, ...]) -> None:
    assert expected == Contract().with_keys({"errors": errors}).error_classes()


@pytest.mark.parametrize("name", ["Nonesuch", "json:Nothing", "no_such_module:E", "len", "os.getcwd"])
def test_name_that_is_no_exception_is_refused(name: str) -> None:
    with pytest.raises(SpecificationError):
        Contract().with_keys({"errors": name}).error_classes()
