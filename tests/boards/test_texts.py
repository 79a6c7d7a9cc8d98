"""What the live page says of scores, sessions and readiness."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, timedelta, timezone

import pytest

from dashboards.live import PersonView, TachogramBeat, ToldReadiness, ToldSession
from dashboards.texts import readiness_text, session_text, stress_texts, zone_text
from ingest.model import MarkerKind
from pipeline.scores.readings import Origin

_MINUTE_NS = 60_000_000_000
_SIX_NS = 1_795_629_600_000_000_000  # 2026-11-25T18:00:00Z
_RUN = ToldSession(MarkerKind.RUN, _SIX_NS + 2 * _MINUTE_NS, _SIX_NS + 25 * _MINUTE_NS, is_open=True)
_READY = ToldReadiness(date(2026, 11, 25), 57.1, "as usual", "trusted", "", "Train as planned.")
_NOW_NS = _RUN.end_ns + 5_000_000_000


def _person(**values: object) -> PersonView:
    person = PersonView(values=values)
    person.beats.append(TachogramBeat(_NOW_NS, 800.0, artifact=False))
    return person


@pytest.mark.parametrize(("zone", "text"), [(0, "below 1"), (3, "zone 3"), (None, "\u2013")])
def test_a_heart_rate_below_zone_1_is_told_from_one_whose_zone_is_not_known(zone: int | None, text: str) -> None:
    assert zone_text(_person(zone=zone), _NOW_NS) == text


@pytest.mark.parametrize(
    ("stress", "band", "reason", "texts"),
    [
        (61.7, "medium", "", ("62", "medium")),
        (None, None, "not at rest", ("\u2013", "not at rest")),
        (None, None, "artifacts", ("\u2013", "too many bad beats")),
        (None, None, None, ("\u2013", "")),
    ],
)
def test_stress_comes_with_its_band_and_without_a_value_with_the_reason(
    stress: float | None, band: str | None, reason: str | None, texts: tuple[str, str]
) -> None:
    person = _person(stress=stress, stress_band=band, stress_reason=reason)

    assert stress_texts(person, _NOW_NS) == texts


def _session_text(session: ToldSession | None, now_ns: int = _NOW_NS, hours_ahead: int = 0) -> str:
    return session_text(PersonView(session=session), now_ns, timezone(timedelta(hours=hours_ahead)))


def test_a_session_that_goes_on_is_told_with_its_start_in_the_time_zone_of_who_reads_it() -> None:
    assert _session_text(_RUN) == "run since 18:02, 23 min"
    assert _session_text(_RUN, hours_ahead=1) == "run since 19:02, 23 min"


def test_a_run_that_shows_by_itself_says_so_since_it_can_not_be_stopped() -> None:
    assert _session_text(replace(_RUN, origin=Origin.DETECTED)) == "run since 18:02, 23 min, shown by your heart rate"


def test_a_session_that_nobody_stopped_does_not_go_on_for_ever_without_data() -> None:
    over = "last session: run 18:02 to 18:25, 23 min"

    assert _session_text(_RUN, _RUN.end_ns + 9 * _MINUTE_NS).startswith("run since")
    assert _session_text(_RUN, _RUN.end_ns + 10 * _MINUTE_NS) == over
    assert _session_text(replace(_RUN, is_open=False)) == over


def test_a_session_of_yesterday_is_no_news() -> None:
    tomorrow_ns = _NOW_NS + 6 * 60 * _MINUTE_NS

    assert _session_text(_RUN, tomorrow_ns) == _session_text(None) == "no session today"
    assert _session_text(_RUN, tomorrow_ns, hours_ahead=-2).startswith("last session: run 16:02")


def _readiness_text(readiness: ToldReadiness | None, now_ns: int = _NOW_NS) -> str:
    return readiness_text(PersonView(readiness=readiness), now_ns, UTC)


def test_readiness_is_told_with_its_advice_and_with_doubt_until_it_is_trusted() -> None:
    assert _readiness_text(_READY) == "readiness 57, as usual: Train as planned."
    assert _readiness_text(replace(_READY, confidence="provisional")).startswith("readiness 57, as usual (provisional)")


def test_without_readiness_the_line_says_why() -> None:
    none = replace(_READY, value=None, state="", reason="no morning measurement", advice_text="")

    assert _readiness_text(none) == "no readiness today: no morning measurement"


def test_the_advice_of_yesterday_is_not_given_today() -> None:
    assert _readiness_text(_READY, _NOW_NS + 6 * 60 * _MINUTE_NS) == "no readiness today yet"
    assert _readiness_text(None) == "no readiness today yet"
