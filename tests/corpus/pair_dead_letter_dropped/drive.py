import asyncio

import system


def test_no_message_is_dropped():
    mailer = system.Mailer()
    asyncio.run(mailer.send("hello"))
    assert mailer.delivered + mailer.kept + mailer.waiting == ["hello"]
