import app
import dotenv
import pytest


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "settings"
    path.write_text("COLOUR=red\n")
    return str(path)


def test_a_setting_is_what_the_answer_says(path):
    changed = app.change(path, "COLOUR", "green")
    assert dotenv.dotenv_values(path)["COLOUR"] == ("green" if changed else "red")
