from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from tests.desks import at_work, polled, rss, write_desk
from tests.feeds.servers import in_loop, respond, serving
from tests.watcher.conftest import Clock

CHANNEL = (
    '[endpoints.newsroom]\nurl = "json://127.0.0.1:{port}/hook"\nallow_private = true\n'
    '[endpoints.newsroom.template]\ntitle = "{{{{ rule.id }}}} no. {{{{ seq }}}}"\n'
)


@in_loop
async def test_a_match_reaches_a_channel_that_was_down_on_the_schedule_of_all(
    tmp_path: Path, clock: Clock
) -> None:
    # given a desk whose channel is down at first
    page = respond(200, rss(("a", "Ley 32108")))
    async with serving(page) as news, serving(respond(503), respond(200)) as chat:
        folder = write_desk(tmp_path, feeds={"news": f"{news.url}/rss"}, receiver=chat.url)
        (folder / "tocsin.toml").write_text(CHANNEL.format(port=chat.port), "utf-8")
        async with at_work(folder) as app:
            await polled(app, "news")

            # when it is tried, and again when that is due
            await app.drainer.drain("newsroom")
            (refused,) = app.database.deliveries()
            clock.now = refused.due + timedelta(seconds=1)
            await app.drainer.drain("newsroom")
            (taken,) = app.database.deliveries()

    # then the first try is logged with its reason, and the second has arrived
    assert (refused.state, refused.attempts) == ("due", 1)
    assert refused.error
    assert (taken.state, taken.attempts, taken.id) == ("delivered", 2, refused.id)
    titles = [json.loads(asked.body)["title"] for asked in chat.asked]
    assert titles == ["law-32108 no. 1"] * 2
