import settings


def test_a_file_wins_over_defaults(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text('{"retries": 5}')

    assert settings.load(path)["retries"] == 5
