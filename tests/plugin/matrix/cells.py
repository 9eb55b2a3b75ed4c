"""Each client, each weakness and its right twin."""

import pytest
from conftest import CLIENTS


@pytest.mark.parametrize("variant", ["broken", "right"])
@pytest.mark.parametrize("weakness", ["status", "leak", "type", "closed"])
@pytest.mark.parametrize("get", ["in process", *CLIENTS], indirect=True)
def test_cell(get, weakness, variant):
    get(f"/{weakness}/{variant}")
