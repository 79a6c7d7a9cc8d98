"""What is new, and what comes late: a strap that was away sends its newest beats first, then those it kept. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ingest.model import BeatBatch


@dataclass(slots=True)
class Newest:
    """The newest batch of one person so far."""

    stream: str = ""
    sequence: int = -1
    received_ns: int = -1

    def accepts(self, batch: BeatBatch) -> bool:
        """Whether a batch is newer than all before it, which it then becomes the measure of.

        Within a stream the sequence decides, so a clock that was set back stops nothing; between streams, the arrival.
        """
        if batch.stream == self.stream:
            is_newer = batch.sequence > self.sequence
        else:
            is_newer = batch.received_ns > self.received_ns
        if is_newer:
            self.stream, self.sequence, self.received_ns = batch.stream, batch.sequence, batch.received_ns
        return is_newer
