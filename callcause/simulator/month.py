"""`simulate --loop`: a month of a province.

Daily counts of half a year before it; incidents, planned work, mass complaints in it; tickets
that arrive over it; the truth apart: causes, mass incidents, surges, customers, effect of remedies.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from callcause.simulator import aftermath, surge, volume
from callcause.simulator.aftermath import Aftermath
from callcause.simulator.complaints import ticket_id
from callcause.simulator.faults.incident import Incident
from callcause.simulator.faults.places import Places
from callcause.simulator.faults.plan import deal, plan
from callcause.simulator.period import DAY_S, HOUR_S, ZONE, Period
from callcause.simulator.simulator import Streams, at_least, complaints_of, make_world, write_network
from callcause.simulator.surge import MonthPlaces, Surge
from callcause.simulator.tables import write_csv
from callcause.simulator.topology import Network
from callcause.simulator.variant import Variant, variant_of

CALM_DAYS = 8
"""Days of the network before the first complaint: its baselines."""
FIRST = datetime(2024, 4, 1, tzinfo=ZONE)
MASS_SHARE = 0.28
RECENT = 3
"""Mass incidents that have just happened where a month is to have some, an hour and a half apart."""
SURGE = 5
"""Complaints of one type, region and day out of mass incidents from which on a warning is right."""


@dataclass(frozen=True)
class Month:
    """The month as it was drawn: its mass incidents and what follows each complaint, by ticket number."""

    period: Period
    surges: tuple[Surge, ...]
    heads: dict[int, Surge]
    mass: dict[int, Surge]
    after: dict[int, Aftermath]

    @property
    def first(self) -> date:
        """First day of the month."""
        return (self.period.start + timedelta(days=self.period.first_day or 0)).date()

    @property
    def days(self) -> list[date]:
        """Days of the month."""
        number = self.period.days - (self.period.first_day or 0)
        return [self.first + timedelta(days=n) for n in range(number)]


def simulate_month(
    folder: Path | str,
    cells: int = 90,
    days: int = 30,
    tickets: int = 500,
    seed: int = 1,
    variant: str = "plain",
    customers: Path | None = None,
    calm_days: int = CALM_DAYS,
    first: datetime = FIRST,
    recent: datetime | None = None,
    mass_share: float = MASS_SHARE,
) -> Path:
    """Write a month of a province into `folder`; the same arguments give the same bytes.

    `first`: the local midnight at which its first day begins. `recent`: a moment in it; the first mass
    incidents that were drawn have just happened then. `mass_share`: of all complaints, those about mass
    incidents.

    `network/`, `tickets.csv`, `history.csv`, `customers.csv` and `month.json` are what its people know;
    `truth.csv`, `mass_incidents.csv` and `surges.csv` are the truth. `customers`: CSV with month, region,
    customers, which names the regions.
    """
    at_least(cells=(cells, 6), days=(days, 2), tickets=(tickets, 10), seed=(seed, 0), calm=(calm_days, 1))
    folder, streams = Path(folder), Streams(seed)
    kind = variant_of(variant, streams["variant"])
    period = Period(first - timedelta(days=calm_days), calm_days + days, first_day=calm_days)
    surges = tuple(surge.draw_surges(mass_share, tickets, streams["surges"]))
    month = Month(period, surges, {}, {}, {})
    known = volume.read_customers(customers) if customers else volume.usual_customers(month.days)
    usual = volume.Volume(
        (tickets - sum(s.tickets for s in surges)) / len(month.days), volume.shares_of(known)
    )

    def planned(network: Network, profile: NDArray[np.float64]) -> tuple[list[Incident], Places]:
        sites = (network.x, network.site)
        network.regions = tuple(volume.cell_regions(*sites, usual.regions))
        return _plan(month, tickets, network, _seasonal(profile, period), (streams, kind), recent)

    world = make_world(cells, tickets, period, streams, kind, planned)
    write_network(world, folder / "network", usual.per_day)
    table, truth = complaints_of(world)
    table, truth = _with_aftermath(month, world.incidents, table, truth)
    _write(folder, month, usual, known, (table, truth), world.incidents, world.network, streams)
    return folder


def _seasonal(profile: NDArray[np.float64], period: Period) -> NDArray[np.float64]:
    days = [volume.season_of((period.start + timedelta(days=n)).date()) for n in range(period.days)]
    return np.asarray(profile * np.repeat(days, 24), dtype=np.float64)


def _plan(
    month: Month, tickets: int, network: Network, profile: NDArray[np.float64],
    drawn: tuple[Streams, Variant], recent: datetime | None,
) -> tuple[list[Incident], Places]:  # fmt: skip
    """Place the heads of mass incidents and the single complaints, then those who complain with them."""
    streams, kind = drawn
    rng, places = streams["plan"], MonthPlaces(network, streams["places"])
    single = tickets - sum(s.tickets for s in month.surges)
    faults = [s.fault for s in month.surges] + deal(single, rng, kind.mix)
    incidents, _ = plan(network, month.period, len(faults), profile, rng, kind, places, faults)
    for number, one in enumerate(month.surges):
        head = incidents[number]
        if recent is not None and number < RECENT:
            _move(head, (recent - month.period.start).total_seconds() - HOUR_S * (1.0 + 1.5 * number))
        _settle(head, one, month.period, rng)
        month.heads[number] = one
        more = surge.siblings(head, one, len(incidents), network, places, rng)
        incidents += more
        month.mass.update(dict.fromkeys([number, *(i.ticket for i in more)], one))
    ends = {month.mass[number].id: incidents[number].end for number in month.heads}
    for incident in incidents:
        own = month.mass.get(incident.ticket)
        after = aftermath.follow(incident, streams_of(streams, incident), ends[own.id] if own else None)
        month.after[incident.ticket] = after
        if own is None:
            aftermath.set_end(incident, after)
    return incidents, places


def streams_of(streams: Streams, incident: Incident) -> np.random.Generator:
    """Return the random stream of what follows one complaint."""
    return streams[f"aftermath {incident.ticket}"]


def _move(head: Incident, at: float) -> None:
    """Let a mass incident happen at another time than it was drawn for."""
    later = at - head.at
    head.at, head.start, head.end = at, head.start + later, head.end + later


def _settle(head: Incident, one: Surge, period: Period, rng: np.random.Generator) -> None:
    """Give a mass incident its course: nothing is removed from it, and a local fault lasts some hours."""
    head.removed = ()
    if one.kind == "local fault":
        head.start = head.at - HOUR_S * rng.uniform(1.0, 3.0)
        head.end = min(head.at + HOUR_S * rng.uniform(*surge.LOCAL_H), period.seconds - 2.0 * HOUR_S)


def _with_aftermath(
    month: Month, incidents: list[Incident], table: pl.DataFrame, truth: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Add to the truth what follows, to the tickets when they were entered and who complains again."""
    period = month.period
    numbers = {ticket_id(incident): incident.ticket for incident in incidents}
    rows = {row["id"]: row for row in table.iter_rows(named=True)}
    known = {row["ticket_id"]: row for row in truth.iter_rows(named=True)}
    tickets: list[dict[str, Any]] = []
    told: list[dict[str, Any]] = []
    for name, number in numbers.items():
        row, after = rows[name], month.after[number]
        received = datetime.fromisoformat(row["received_at"])
        tickets.append(_entered(row, received, after))
        told.append(_told(month, known[name], row, after, ""))
        if after.again_s is not None and after.again_s < period.seconds - DAY_S / 8:
            again = _entered(
                {**row, "id": f"{name}-R", "repeat_count": (row["repeat_count"] or 0) + 1},
                period.instant(round(after.again_s)), after,
            )  # fmt: skip
            tickets.append(again)
            second = Aftermath(after.again_s + 6 * HOUR_S, after.effect, 4, None, 0, 0.0)
            told.append(_told(month, {**known[name], "ticket_id": again["id"]}, row, second, name))
    made = pl.DataFrame(tickets, schema=table.schema)
    return made.sort("entered_at", "id"), pl.DataFrame(told, infer_schema_length=None)


def _entered(row: dict[str, Any], received: datetime, after: Aftermath) -> dict[str, Any]:
    entered = received + timedelta(seconds=round(after.entry_delay_s))
    times = {"received_at": _text(received), "entered_at": _text(entered)}
    return {**row, **times, "status": "entered"}


def _text(at: datetime) -> str:
    return at.astimezone(ZONE).isoformat(timespec="milliseconds")


def _told(
    month: Month, known: dict[str, Any], row: dict[str, Any], after: Aftermath, repeat_of: str
) -> dict[str, Any]:
    number = int(str(known["ticket_id"]).split("-")[2]) - 1
    one = month.mass.get(number) if not repeat_of else None
    return {
        **known,
        "region": row["region"],
        "mass_id": one.id if one else "",
        "remedied_at": month.period.text(after.remedied_s),
        **aftermath.columns(after),
        "repeat_of": repeat_of,
    }


def _write(
    folder: Path, month: Month, usual: volume.Volume, customers: pl.DataFrame,
    made: tuple[pl.DataFrame, pl.DataFrame], incidents: list[Incident], network: Network, streams: Streams,
) -> None:  # fmt: skip
    table, truth = made
    write_csv(table, folder / "tickets.csv")
    write_csv(truth, folder / "truth.csv")
    write_csv(volume.history(usual, month.first, streams["history counts"]), folder / "history.csv")
    write_csv(customers, folder / "customers.csv")
    write_csv(_surges(month, usual, table, truth), folder / "surges.csv")
    write_csv(_mass(month, incidents, network, truth), folder / "mass_incidents.csv")
    begin = month.period.instant((month.period.first_day or 0) * DAY_S)
    about = {"begin": begin.isoformat(), "end": month.period.instant(month.period.seconds).isoformat()}
    (folder / "month.json").write_text(json.dumps({**about, "zone": "Asia/Shanghai"}, indent=1) + "\n")


def _surges(month: Month, usual: volume.Volume, table: pl.DataFrame, truth: pl.DataFrame) -> pl.DataFrame:
    """Tell on which days mass incidents brought complaints of a type in a region: the truth of warnings."""
    days = table.select(pl.col("id").alias("ticket_id"), pl.col("received_at").str.slice(0, 10).alias("day"))
    rows = truth.filter(pl.col("mass_id") != "").join(days, on="ticket_id")
    found = (
        rows.group_by(pl.col("category").alias("type"), "region", "day")
        .agg(pl.len().alias("injected"), pl.col("mass_id").unique().sort().str.join(";").alias("mass_ids"))
        .sort("day", "type", "region")
    )
    expected = [
        round(usual.expected(row["type"], row["region"], date.fromisoformat(row["day"]), month.first), 3)
        for row in found.iter_rows(named=True)
    ]
    return found.with_columns(
        pl.Series("expected", expected, dtype=pl.Float64), (pl.col("injected") >= SURGE).alias("surge")
    )


def _mass(month: Month, incidents: list[Incident], network: Network, truth: pl.DataFrame) -> pl.DataFrame:
    counted = dict(truth.group_by("mass_id").len().iter_rows())
    rows = []
    for number, one in month.heads.items():
        head = incidents[number]
        node = network.nodes[head.node].node_id if head.node >= 0 else ""
        rows.append(
            {
                "mass_id": one.id,
                "kind": one.kind,
                "cause": one.fault.cause,
                "category": one.fault.category,
                "key": "node" if node else "cell",
                "entity": node or str(network.cells["ecgi"][head.cell]),
                "begin": month.period.text(head.start),
                "end": month.period.text(head.end),
                "tickets": counted.get(one.id, 0),
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)
