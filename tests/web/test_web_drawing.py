"""What a page draws, as JSON and in characters: KPIs with band and moment, messages in their order."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from rich.cells import cell_len
from rich.console import Console

from callcause.commands.drawing import BARS, courses, ladders

HEADER = {"Authorization": "Bearer token-of-desk"}
AT = datetime(2024, 3, 6, 9, 20, tzinfo=UTC)
HOURS = [AT.replace(minute=0) + timedelta(hours=n) for n in range(-48, 24)]


def course(**changed: Any) -> dict[str, Any]:
    """A KPI that is calm but for the hour of the complaint."""
    values = [5.0 if hour == AT.replace(minute=0) else 1.0 + (hour.hour % 3) * 0.1 for hour in HOURS]
    return {
        "kpi": "k", "title": {"en": "Drops", "zh": "掉话"}, "entity": "C1", "unit": "%", "limit": 0.5,
        "at": AT.isoformat(), "hours": [hour.isoformat() for hour in HOURS], "values": values,
        "low": [0.5] * len(HOURS), "high": [1.5] * len(HOURS), **changed,
    }  # fmt: skip


def printed(parts: Any, width: int = 100, colours: bool = False) -> str:
    file = io.StringIO()
    system: Any = "truecolor" if colours else None
    console = Console(file=file, width=width, force_terminal=colours, color_system=system)
    for part in parts:
        console.print(part)
    return file.getvalue()


def test_the_hour_of_the_complaint_is_marked_and_stands_out() -> None:
    told = printed(courses([course()], "en"))
    bars = next(line for line in told.splitlines() if "│" in line)
    assert bars.split("│")[1][0] == BARS[-1]
    assert bars.count(BARS[-1]) == 1
    assert "Drops (%) — C1" in told
    assert "2024-03-06 09:20 UTC: 5 %; Baseline 0.5 … 1.5; Limit 0.5" in told
    assert "掉话" in printed(courses([course()], "zh"))


def test_what_leaves_its_band_is_red_and_nothing_else() -> None:
    red = "\x1b[31m"
    assert printed(courses([course()], "en"), colours=True).count(red) == 1
    calm = course(values=[1.0] * len(HOURS))
    assert red not in printed(courses([calm], "en"), colours=True)
    unknown = course(low=[None] * len(HOURS), high=[None] * len(HOURS), limit=None)
    told = printed(courses([unknown], "en"), colours=True)
    assert red not in told
    assert "Baseline" not in told


def test_hours_without_a_value_are_dots() -> None:
    told = printed(courses([course(values=[None] * len(HOURS))], "en"))
    assert "·" * 30 in told
    assert not set(BARS) & set(told)
    assert "2024-03-06 09:20 UTC: – %" in told


@pytest.mark.parametrize("width", [60, 80])
def test_messages_are_lines_that_fit(width: int) -> None:
    steps = [
        {"at": AT.isoformat(), "from": "ue", "to": "pcscf", "text": "INVITE", "bad": False},
        {"at": None, "from": "pcscf", "to": "ue", "text": "503 " + "long reason " * 9, "bad": True},
    ]
    told = printed(ladders([{"title": "call C-1 (mo)", "steps": steps}]), width)
    assert all(cell_len(line) <= width for line in told.splitlines())
    assert "09:20:00.000  UE → SBC/P-CSCF  INVITE" in told
    assert "503 long" in told


def test_the_service_gives_what_a_page_draws(site: str, complaint: str, browse: Callable[..., Any]) -> None:
    path = f"{site}/tickets/{quote(complaint)}/evidence"
    assert httpx.get(path, timeout=240).status_code == 401
    assert httpx.get(f"{site}/tickets/none/evidence", headers=HEADER, timeout=240).status_code == 404
    found = httpx.get(path, headers=HEADER, timeout=240).json()
    assert found["ticket_id"] == complaint
    page = browse("desk").get(f"/ui/tickets/{quote(complaint)}").text
    for one in found["courses"]:
        assert one["title"]["en"] in page
        assert len(one["hours"]) == len(one["values"]) == len(one["low"]) == len(one["high"])
    assert found["courses"]
    assert "erab_drop_ratio_qci1_cell" in [one["kpi"] for one in found["courses"]]
    [ladder] = found["ladders"]
    assert ladder["title"] in page
    times = [step["at"] for step in ladder["steps"] if step["at"]]
    assert times == sorted(times)
    assert "num_" not in str(found)
    assert "8613" not in str(found)
