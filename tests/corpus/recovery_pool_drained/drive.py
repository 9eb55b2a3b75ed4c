import asyncio

import system


def test_two_questions_get_an_answer_each():
    answers = asyncio.run(system.two_questions())
    assert [isinstance(rows, list) for rows in answers] == [True, True]
