"""The figures for Prometheus: a `/metrics` page over HTTP, by prometheus-client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from ingest.errors import ConfigError
from ingest.model import ProcessHealth

COUNTERS = {
    "beats_in": "Beats received since the start.",
    "beats_stored": "Beats stored for good since the start.",
    "beats_dropped": "Beats given up since the start, for want of space or age.",
    "beats_duplicated": "Beats that came again and were passed over.",
    "points_rejected": "Points that a store refused.",
    "reconnects": "Times that the connection to the broker was lost and came back.",
    "clock_jumps": "Times that the machine's clock was set back or forward.",
}
GAUGES = {
    "batches_waiting": "Batches that wait to be confirmed or processed.",
    "points_waiting": "Points that wait for a store.",
}
QUANTILES = {"delay_p50_s": "0.5", "delay_p95_s": "0.95", "delay_p99_s": "0.99"}

Read = Callable[[], ProcessHealth]


class _Page(Collector):
    """What one port shows: every part of this process that asked for it."""

    def __init__(self, host: str, port: int) -> None:
        self.reads: list[Read] = []
        registry = CollectorRegistry()
        registry.register(self)
        self._server, self._thread = start_http_server(port, host, registry)
        self.port = self._server.server_port

    def collect(self) -> Iterator[Metric]:
        parts = [read() for read in list(self.reads)]
        yield from _of_the_process(parts)
        for name, meaning in COUNTERS.items():
            yield _filled(CounterMetricFamily(f"strapline_{name}", meaning, labels=("process",)), name, parts)
        for name, meaning in GAUGES.items():
            yield _filled(GaugeMetricFamily(f"strapline_{name}", meaning, labels=("process",)), name, parts)
        yield _delays(parts)
        yield _offsets(parts)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


_pages: dict[tuple[str, int], _Page] = {}


@contextmanager
def serve_metrics(host: str, port: int, read: Read) -> Iterator[int]:
    """Show a part of this process on a page while the block runs; parts with one address share it. Gives the port.

    Raises:
        ConfigError: the address can't be listened on.
    """
    key = (host, port)
    try:
        page = _pages.get(key) or _Page(host, port)
    except OSError as error:
        message = f"can't listen on {host}:{port} for /metrics: {error.strerror}"
        raise ConfigError(message, advice="Set metrics_port and metrics_host to a free address.") from error
    _pages[key] = page
    page.reads.append(read)
    try:
        yield page.port
    finally:
        page.reads.remove(read)
        if not page.reads:
            del _pages[key]
            page.close()


def _of_the_process(parts: list[ProcessHealth]) -> Iterator[Metric]:
    release = InfoMetricFamily("strapline", "The release of Strapline that runs.", labels=("process",))
    ok = GaugeMetricFamily("strapline_ok", "1: the state is ok.", labels=("process",))
    started = GaugeMetricFamily("strapline_start_time_seconds", "Unix time of the start.", labels=("process",))
    for part in parts:
        release.add_metric((part.process,), {"release": part.release})
        ok.add_metric((part.process,), float(part.state == "ok"))
        started.add_metric((part.process,), part.started_ns / 1e9)
    yield from (release, ok, started)


def _filled(
    family: CounterMetricFamily | GaugeMetricFamily, name: str, parts: list[ProcessHealth]
) -> CounterMetricFamily | GaugeMetricFamily:
    for part in parts:
        count = getattr(part, name)
        if count is not None:
            family.add_metric((part.process,), count)
    return family


def _delays(parts: list[ProcessHealth]) -> Metric:
    meaning = "From a batch's arrival at the collector until the pipeline has it for good, over the last minute."
    delays = GaugeMetricFamily("strapline_delay_seconds", meaning, labels=("process", "quantile"))
    for part in parts:
        for name, quantile in QUANTILES.items():
            delay_s = getattr(part, name)
            if delay_s is not None:
                delays.add_metric((part.process, quantile), delay_s)
    return delays


def _offsets(parts: list[ProcessHealth]) -> Metric:
    meaning = "How far a collector's clock is behind this process's."
    offsets = GaugeMetricFamily("strapline_clock_offset_seconds", meaning, labels=("process", "collector"))
    for part in parts:
        for collector, offset_s in (part.clock_offsets_s or {}).items():
            offsets.add_metric((part.process, collector), offset_s)
    return offsets
