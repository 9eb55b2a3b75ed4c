"""What is promised: keys, their forms, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_chaos import SpecificationError
from pytest_chaos.contract import KEYS, Contract


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
    ],
)
def test_wrong_key_or_value_is_refused(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecificationError) as caught:
        Contract().with_keys(keys)

    assert words in str(caught.value)


def test_later_keys_win_and_others_stay() -> None:
    contract = Contract().with_keys({"status": 200, "leaks": "strict"}).with_keys({"status": [404]})

    assert Contract((404,), (), "strict") == contract


def test_contract_is_a_value() -> None:
    assert Contract((200,)) == Contract().with_keys({"status": [200]})
    assert {*KEYS, "is_proposed"} == set(Contract.__dataclass_fields__), "that one is no promise"


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


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"table": {}}, "maps errors to status codes"),
        ({"table": [TimeoutError]}, "maps errors to status codes"),
        ({"table": {"a b": 504}}, "not the name of an exception"),
        ({"table": {int: 504}}, "not the name of an exception"),
        ({"table": {TimeoutError: 99}}, "99 is not a status code"),
        ({"table": {TimeoutError: "5xx"}}, "'5xx' is not a status code"),
        ({"body": 3}, "no shape of a body"),
        ({"body": "code"}, "no shape of a body"),
        ({"body": []}, "names no fields"),
        ({"body": {}}, "names no fields"),
        ({"body": [3]}, "names no fields"),
        ({"body": {"code": "string"}}, "'string' is not a type"),
        ({"body": {"code": 3}}, "3 is not a type"),
        ({"deadline_s": 0}, "greater than 0"),
        ({"deadline_s": True}, "greater than 0"),
        ({"deadline_s": "2"}, "greater than 0"),
        ({"deadline_s": float("nan")}, "greater than 0"),
        ({"exit_codes": [256]}, "256 is not an exit code"),
        ({"exit_codes": True}, "True is not an exit code"),
        ({"exit_codes": []}, "the list is empty"),
        ({"grpc_codes": ["UNAVAILABEL"]}, "Did you mean 'UNAVAILABLE'?"),
        ({"grpc_codes": [14]}, "14 is not the name of a gRPC code"),
        ({"grpc_codes": []}, "the list is empty"),
        ({"effects": []}, "the list is empty"),
        ({"core": [3]}, "contract core: 3 is no target"),
        ({"optional": "shop..bank:charge"}, "contract optional: "),
    ],
)
def test_wrong_promise_of_answers_is_refused(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecificationError) as caught:
        Contract().with_keys(keys)

    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"table": {"nowhere_such:Error": 504}}, "contract table: "),
        ({"table": {"builtins:int": 504}}, "not an exception class"),
        ({"table": {"TimeoutErorr": 504}}, "Did you mean 'TimeoutError'"),
        ({"table": {"httpx:read-timeouts": 504}}, "Did you mean 'read-timeout'?"),
        ({"table": {"OSError": 500, "IOError": 503}}, "twice, as 500 and 503"),
        ({"errors": ["TimeoutErorr"]}, "contract errors: "),
        ({"core": "json:dumps"}, "without optional it is never judged"),
        ({"optional": "json:loadz"}, "contract optional: target 'json:loadz'"),
        ({"core": "json:dumps", "optional": ["json:loads", "json:dumps"]}, "json:dumps is both core and optional"),
    ],
)
def test_what_cannot_be_kept_is_refused_once_the_project_can_be_imported(keys: dict[str, Any], words: str) -> None:
    contract = Contract().with_keys(keys)

    with pytest.raises(SpecificationError) as caught:
        contract.check()

    assert words in str(caught.value)


def test_errors_of_the_table_are_classes_builtins_names_and_faults_of_the_catalogue() -> None:
    httpx = pytest.importorskip("httpx")
    table = {OSError: 503, "TimeoutError": 504, "json:JSONDecodeError": 502, "httpx:read-timeout": 504}

    contract = Contract().with_keys({"table": table, "status": "5xx"})

    contract.check()
    assert contract.table_classes() == {
        OSError: 503,
        TimeoutError: 504,
        json.JSONDecodeError: 502,
        httpx.ReadTimeout: 504,
    }


@pytest.mark.parametrize(
    ("keys", "are_watched"),
    [
        ({}, False),
        ({"errors": [OSError], "leaks": "off", "amplification": 2}, False),
        ({"status": 200}, True),
        ({"table": {OSError: 503}}, True),
        ({"body": ["code"]}, True),
        ({"deadline_s": 1}, True),
        ({"exit_codes": [0, 1]}, True),
        ({"grpc_codes": "OK"}, True),
    ],
)
def test_answers_are_watched_where_a_key_judges_them(keys: dict[str, Any], are_watched: bool) -> None:
    contract = Contract().with_keys(keys)

    assert contract.judges_answers is are_watched
    assert contract.needs_answers is (are_watched and "deadline_s" not in keys)  # that judges the body else


def test_each_kind_of_answer_has_codes_of_its_own() -> None:
    contract = Contract().with_keys({"status": [200], "exit_codes": [0, 3], "grpc_codes": ["OK", "UNAVAILABLE"]})

    assert [contract.allows(3, "exit"), contract.allows(1, "exit")] == [True, False]
    assert [contract.allows(14, "grpc"), contract.allows(13, "grpc")] == [True, False]
    assert [contract.allows(200), contract.allows(3)] == [True, False]
    assert Contract().allows(13, "grpc")


def test_a_marker_may_allow_less_than_the_table_of_the_project_wants() -> None:
    """A route that promises less; a table that comes with it, or after it, must fit."""
    project = Contract().with_keys({"status": [200, 503, 504], "table": {"TimeoutError": 504}})
    project.with_keys({"status": [200, 503]}).check()

    for keys in ({"status": [200], "table": {"TimeoutError": 504}}, {"table": {"TimeoutError": 502}}):
        with pytest.raises(SpecificationError, match="which status does not allow"):
            project.with_keys(keys)
