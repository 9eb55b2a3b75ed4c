"""Goods coming in. Both variants pass."""

import pytest


def test_a_delivery_ends_up_on_the_shelf_and_in_the_archive(client, tmp_path):
    """Known articles grow, new ones get a place, and the note is kept as it came."""
    answer = client.post("/deliveries", json=["mug,20", "kettle,3"])

    assert (answer.status_code, answer.json()) == (201, {"pieces": 23})
    assert client.get("/stock/mug").json()["quantity"] == 120
    assert client.get("/stock/kettle").json()["quantity"] == 3
    assert [note.read_text() for note in tmp_path.glob("*.csv")] == ["mug,20\nkettle,3\n"]


@pytest.mark.parametrize("body", [{"mug": 20}, [20]], ids=["not-a-list", "not-a-line"])
def test_a_delivery_that_is_no_list_of_lines_is_refused(client, body):
    """Nothing is archived that is not a note at all."""
    answer = client.post("/deliveries", json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
