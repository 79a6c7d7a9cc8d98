"""`strapline collect`, but for where beats come from: simulated runners at many times real time.

A process of its own, given a JSON object: {"home": folder, "start_ns": …, "seconds": simulated, "speed": …}.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

from ingest import cli, verbs
from ingest.model import Notification, Source, StrapStatus
from ingest.packing import pack
from ingest.replay import PlaybackClock, Replay
from ingest.settings import StrapSettings, load_settings
from ingest.simulate import simulated_rr_ticks

_SECOND_NS = 1_000_000_000


def notifications(seed: int, start_ns: int, seconds: float) -> Iterator[Notification]:
    """What the strap of one simulated runner sends in so many seconds, made as it is asked for."""
    end_ns = start_ns + int(seconds * _SECOND_NS)
    sent = pack(simulated_rr_ticks(seed), start_ns)
    return takewhile(lambda notification: notification.arrival_ns <= end_ns, sent)


class Runner:
    """A source that stays connected when its notifications are at an end, as a strap does."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay

    async def events(self) -> AsyncGenerator[Notification | StrapStatus, None]:
        async for event in self._replay.events():
            if isinstance(event, Notification) or event.connected:
                yield event
        await asyncio.Event().wait()


def main(options: dict[str, Any]) -> None:
    clock = PlaybackClock(options["start_ns"], options["speed"])

    def source(strap: StrapSettings, _radio: object) -> Source:
        assert strap.simulate is not None
        sent = notifications(strap.simulate, options["start_ns"], options["seconds"])
        return Runner(Replay(sent, clock, model="simulated runner"))

    setattr(verbs, "_source", source)  # noqa: B010 - all else is the product's own
    home = Path(options["home"])
    cli.run(verbs.collect_all(load_settings(home), home))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
