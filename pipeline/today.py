"""What `strapline report` shows of a person's day in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

Record = Mapping[str, Any]


def show_report(record: Record, to: Console) -> None:
    """Print a report: today's scores, the last run, the week, what running does to stress, goals."""
    to.print(f"[bold]{escape(record['person'])}[/], {record['day']}\n")
    _show_rows(to, "", [*_readiness(record["readiness"]), *_stress(record["stress"])])
    if record["last_run"] is not None:
        _show_rows(to, "Last run", _run(record["last_run"]))
    _show_rows(to, "This week", [*_week(record["week"]), *_routine(record["routine"]), *_goals(record["goals"])])
    _show_rows(to, "What running does to stress", _relief(record["relief"]))
    to.print(f"[dim]{record['note']}[/]")


Rows = Iterable[tuple[str, str]]


def _show_rows(to: Console, title: str, rows: Rows) -> None:
    table = Table.grid(padding=(0, 2))
    for name, text in rows:
        table.add_row(name, escape(text))
    if title:
        to.print(f"[bold]{title}[/]")
    to.print(table, "")


def _number(value: float | None, unit: str = "", digits: int = 0) -> str:
    return "-" if value is None else f"{value:.{digits}f}{unit}"


def _readiness(score: Record) -> Rows:
    if score["value"] is None:
        yield "readiness", f"- ({score['reason']})"
        return
    yield "readiness", f"{score['value']:.0f} of 100, {score['state']} ({score['confidence']})"
    yield "advice", f"{score['advice_text']} ({score['rule_text']})"


def _stress(score: Record) -> Rows:
    if score["value"] is None:
        yield "stress", f"- ({score['reason']})"
        return
    minutes = ", ".join(f"{count:.0f} min {band}" for band, count in score["minutes"].items() if count)
    yield "stress", f"{score['value']:.0f} of 100, {score['state']} ({score['confidence']}); {minutes}"


def _run(run: Record) -> Rows:
    start = datetime.fromtimestamp(run["start_ns"] / 1e9, UTC).astimezone()
    yield "started", f"{start:%Y-%m-%d %H:%M}, {run['minutes']:.0f} min{', still going' if run['is_open'] else ''}"
    yield (
        "heart rate",
        f"{_number(run['mean_heart_rate_bpm'])} mean, {_number(run['max_heart_rate_bpm'], ' bpm')} highest",
    )
    yield "zones 1 to 5", ", ".join(f"{run[f'zone{zone}_minutes']:.0f}" for zone in range(1, 6)) + " min"
    yield "load", f"{_number(run['load'])} (Banister), {_number(run['edwards_load'])} (Edwards)"
    recovery_bpm = run.get("heart_rate_recovery_60s_bpm")
    if recovery_bpm is not None:
        yield "recovery", f"{recovery_bpm:.0f} bpm in 60 s"
    if run["stress_change"] is not None:
        yield "stress", f"{run['stress_before']:.0f} before, {run['stress_after']:.0f} after"
    if run["together"]:
        yield "together with", run["together"]


def _week(week: Record) -> Rows:
    yield "runs", f"{week['runs']}, {week['minutes']:.0f} min, {week['easy_minutes']:.0f} of them easy"
    ratio = week["load_ratio"]
    acute = f"; {ratio:.2f} times what is usual" if ratio is not None else ""
    yield "load", f"{week['load']:.0f}{acute}"


def _routine(routine: Record) -> Rows:
    hour = routine["usual_hour"]
    usual = "" if hour is None else f", usually at {int(hour):02}:{int(hour % 1 * 60):02}"
    yield "routine", f"{routine['runs_per_week']:.1f} runs a week{usual}, {routine['streak_weeks']} weeks in a row"


def _goals(goals: Iterable[Record]) -> Rows:
    for goal in goals:
        name = goal["name"].replace("_", " ")
        yield f"goal: {name}", f"{goal['so_far']:.0f} of {goal['target']:.0f} ({goal['share_pct']:.0f} %)"


def _relief(relief: Record) -> Rows:
    for effect in relief["run_days"]:
        name = f"{effect['days']} days"
        if effect["difference"] is None or not effect["verdict"]:
            yield name, f"- ({effect['reason']})"
            continue
        interval = f"{effect['difference']:+.1f} ({effect['low']:+.1f} to {effect['high']:+.1f})"
        yield name, f"{effect['verdict']}: {interval}, {effect['n_run']} run days, {effect['n_other']} others"
    for kind in relief["kinds"].values():
        if kind["verdict"]:
            yield " against ".join(kind["kinds"]), kind["verdict"]
