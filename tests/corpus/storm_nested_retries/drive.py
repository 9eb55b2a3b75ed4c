import system


def test_the_label_names_the_article():
    assert system.show("mug").startswith("mug")
