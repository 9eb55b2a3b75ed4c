from courier.hooks import count
from courier.worker import broadcast


def test_a_token_is_fetched(hooks):
    assert hooks.token() == "t"
    assert hooks.token() == "t"


def test_a_notice_is_delivered(hooks, hook, url):
    assert hooks.deliver(url, "hello") == 202
    assert hook.texts == ["hello"]


def test_a_hook_is_woken(hooks, url):
    assert hooks.wake(url) == 200


def test_a_job_is_finished(jobs):
    number = jobs.add("http://example.org", "hello")
    jobs.finish(number, 202)
    assert jobs.status(number) == 202
    assert jobs.get(number) is None


def test_a_submitted_job_is_delivered(worker, jobs, hook, url):
    number = worker.submit(url, "hello")
    worker.flush()
    assert jobs.status(number) == 202
    assert hook.texts == ["hello"]


def test_the_quota_is_asked_for(hooks, url):
    assert hooks.quota(url) == 3


def test_a_broadcast_goes_to_all(hooks, hook, url):
    assert broadcast(hooks, url, ["a", "b"]) == 2
    assert sorted(hook.texts) == ["a", "b"]


def test_a_broadcast_over_the_quota_is_not_sent(hooks, hook, url):
    assert broadcast(hooks, url, ["a"] * 4) == 0


def test_what_happens_is_counted(statistics):
    assert count(*statistics.server_address, "start") == 1
