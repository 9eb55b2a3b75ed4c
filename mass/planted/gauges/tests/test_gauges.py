import asyncio

from gauges.station import measure


async def test_a_level_is_read(source):
    assert await source.level("elbe") == 3.5


async def test_a_history_is_read(source):
    assert await source.history("elbe") == [3.1, 3.3, 3.5]


async def test_all_gauges_are_shown(service):
    assert await service.overview() == {"elbe": 3.5, "oder": 1.2}


async def test_two_who_ask_share_one_read(service):
    levels = await asyncio.gather(service.cache.level("elbe"), service.cache.level("elbe"))
    assert levels == [3.5, 3.5]
    assert len(service.cache.reads) == 1


async def test_a_refreshed_level_is_kept(service):
    assert await service.cache.refresh("oder") == 1.2
    assert service.cache.last == {"oder": 1.2}


async def test_a_high_gauge_is_told_from_a_low_one(service):
    assert await service.is_high("elbe")
    assert not await service.is_high("oder")


async def test_what_was_saved_is_loaded(service):
    await service.overview()
    service.save()
    service.levels = {}
    service.load()
    assert service.levels == {"elbe": 3.5, "oder": 1.2}


async def test_a_watched_gauge_is_read(service):
    service.watch("elbe", 0.01)
    async with asyncio.timeout(5):
        while not service.levels:
            await asyncio.sleep(0.01)
    service.stop()
    assert service.levels == {"elbe": 3.5}


async def test_our_own_gauge_is_measured(river):
    assert await measure(*river) == 2.75


async def test_our_own_level_is_told(service, river):
    assert await service.own_level(*river) == 2.75
