import os

import pytest

from depot import main, pack
from depot.index import Index, Locked
from depot.settings import read_settings


def test_a_folder_is_packed(folder, source):
    pack.pack(source, folder / "letters.tar")
    assert pack.contents(folder / "letters.tar") == ["one.txt", "two.txt"]
    assert os.listdir(folder) == ["letters.tar"]


def test_a_stored_folder_stands_in_the_index(folder, source):
    digest = main.store(folder, source)
    assert Index(folder).read() == {"letters.tar": digest}


def test_a_depot_verifies(folder, source):
    main.store(folder, source)
    assert main.verify(folder) == []
    (folder / "letters.tar").write_bytes(b"broken")
    assert main.verify(folder) == ["letters.tar"]


def test_a_locked_depot_is_left_alone(folder):
    (folder / "lock").touch()
    with pytest.raises(Locked):
        Index(folder).add("letters.tar", "0")


def test_settings_are_read(folder):
    (folder / "depot.conf").write_text("keep = 1\n")
    assert read_settings(folder / "depot.conf") == {"keep": 1}


def test_old_archives_are_removed(folder):
    (folder / "depot.conf").write_text("keep = 1\n")
    for age, name in enumerate(["new.tar", "old.tar"]):
        (folder / name).touch()
        os.utime(folder / name, (1000 - age, 1000 - age))
    assert main.prune(folder) == ["old.tar"]


def test_an_archive_is_sent(folder, mirror):
    (folder / "letters.tar").write_bytes(b"x" * 1000)
    assert main.send(folder / "letters.tar", *mirror) == 1000


def test_the_command_line_stores_and_lists(folder, source, capsys):
    assert main.main([str(folder), "store", str(source)]) == 0
    assert main.main([str(folder), "list"]) == 0
    assert "letters.tar one.txt two.txt" in capsys.readouterr().out


def test_the_command_line_verifies(folder, source):
    main.store(folder, source)
    assert main.main([str(folder), "verify"]) == 0
