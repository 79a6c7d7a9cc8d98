from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipeline.scores.local_days import DAY, day_of, hour_of, start_of
from pipeline.scores.profile import DatedProfile, Profile

HOUR_NS = 3_600_000_000_000


def lives_in(*zones: tuple[date, str]) -> list[DatedProfile]:
    return [DatedProfile(since, Profile(time_zone=zone)) for since, zone in zones]


BERLIN = lives_in((date.min, "Europe/Berlin"))


def unix_ns(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000_000


def length_h(day: date, profiles: list[DatedProfile]) -> float:
    return (start_of(day + DAY, profiles) - start_of(day, profiles)) / HOUR_NS


def test_a_day_begins_at_local_midnight_in_summer_and_in_winter() -> None:
    assert start_of(date(2026, 7, 1), BERLIN) == unix_ns("2026-06-30T22:00:00Z")
    assert start_of(date(2026, 12, 1), BERLIN) == unix_ns("2026-11-30T23:00:00Z")


def test_days_on_which_clocks_change_are_23_and_25_hours_long() -> None:
    assert length_h(date(2026, 3, 29), BERLIN) == 23
    assert length_h(date(2026, 10, 25), BERLIN) == 25


def test_where_clocks_skip_midnight_the_day_begins_after_the_skip() -> None:
    beirut = lives_in((date.min, "Asia/Beirut"))  # 2026-03-29 00:00 is followed by 01:00
    assert start_of(date(2026, 3, 29), beirut) == unix_ns("2026-03-28T22:00:00Z")
    assert length_h(date(2026, 3, 29), beirut) == 23


def test_a_day_of_travel_is_longer_westward_and_shorter_eastward() -> None:
    west = lives_in((date.min, "Europe/Berlin"), (date(2026, 7, 11), "America/New_York"))
    east = lives_in((date.min, "Europe/Berlin"), (date(2026, 7, 11), "Asia/Tokyo"))
    assert length_h(date(2026, 7, 10), west) == 30
    assert length_h(date(2026, 7, 10), east) == 17


@given(
    st.datetimes(datetime.fromisoformat("2020-01-01"), datetime.fromisoformat("2030-01-01"), timezones=st.just(UTC)),
    st.sampled_from(
        ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe"]
    ),
    st.sampled_from(["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"]),
)
def test_every_moment_belongs_to_the_one_day_that_holds_it(moment: datetime, home: str, away: str) -> None:
    profiles = lives_in((date.min, home), (date(2025, 6, 1), away), (date(2025, 6, 15), home))
    time_ns = int(moment.timestamp()) * 1_000_000_000
    day = day_of(time_ns, profiles)
    assert start_of(day, profiles) <= time_ns < start_of(day + DAY, profiles)
    days = [date(2025, 5, 30) + timedelta(days=n) for n in range(20)]
    starts = [start_of(each, profiles) for each in days]
    assert starts == sorted(starts)


def test_the_hour_is_that_of_the_local_clock() -> None:
    assert hour_of(unix_ns("2026-07-01T16:30:00Z"), BERLIN) == 18.5
