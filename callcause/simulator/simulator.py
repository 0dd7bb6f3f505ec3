"""`simulate`: a network with faults, its files, the complaints about it, and the truth apart."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from callcause.simulator import inventory, platform_samples, pm_files, sample_tables
from callcause.simulator.attempts import (
    assign_nodes,
    background_calls,
    joined,
    registrations,
    steer_customers,
    ticket_calls,
)
from callcause.simulator.call_records import CallRecords
from callcause.simulator.cell_counters import Radio
from callcause.simulator.complaints import write_tickets
from callcause.simulator.faults.incident import Incident
from callcause.simulator.faults.injection import inject
from callcause.simulator.faults.places import Places
from callcause.simulator.faults.plan import plan
from callcause.simulator.node_samples import node_kpis, spread_to_clients
from callcause.simulator.period import Period, default_period
from callcause.simulator.registration_records import registration_records
from callcause.simulator.state import State, build_state
from callcause.simulator.subscribers import Population, build_population
from callcause.simulator.tables import frame, spoiled, write_csv, write_parquet
from callcause.simulator.topology import Network, build_network
from callcause.simulator.traffic import hourly_profile
from callcause.simulator.trouble_spots import put_spots
from callcause.simulator.variant import Variant, variant_of
from callcause.simulator.writer import Writer
from callcause_error import UsageError


class Streams:
    """One random stream for each part, so that a change in one part leaves the others as they were."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __getitem__(self, part: str) -> np.random.Generator:
        return np.random.default_rng([self.seed, zlib.crc32(part.encode())])


@dataclass
class World:
    """Everything of one simulated network before its files are written."""

    network: Network
    people: Population
    state: State
    incidents: list[Incident]
    serving: dict[str, NDArray[np.int64]]
    period: Period
    streams: Streams
    variant: Variant


Planner = Callable[[Network, NDArray[np.float64]], tuple[list[Incident], Places]]
"""Says which faults there are, given the network and the traffic of each hour."""


def simulate(
    folder: Path | str,
    cells: int = 60,
    days: int = 8,
    tickets: int = 60,
    seed: int = 1,
    period: Period | None = None,
    variant: str = "plain",
) -> Path:
    """Write network files to `folder/network`, complaints to `tickets.csv`, the truth to `truth.csv`.

    The same arguments give the same bytes. `variant`: how kind the network is (module variant). Raises
    UsageError for sizes that make no network and for an unknown variant.
    """
    at_least(cells=(cells, 6), days=(days, 2), tickets=(tickets, 1), seed=(seed, 0))
    folder = Path(folder)
    period = period or default_period(days)
    streams = Streams(seed)
    kind = variant_of(variant, streams["variant"])

    def planned(network: Network, profile: NDArray[np.float64]) -> tuple[list[Incident], Places]:
        return plan(network, period, tickets, profile, streams["plan"], kind)

    world = make_world(cells, tickets, period, streams, kind, planned)
    write_network(world, folder / "network", float(tickets))
    table, truth = complaints_of(world)
    write_csv(table, folder / "tickets.csv")
    write_csv(truth, folder / "truth.csv")
    return folder


def at_least(**sizes: tuple[int, int]) -> None:
    """Raise UsageError where a size (value, least value) is too small."""
    for name, (value, least) in sizes.items():
        if value < least:
            raise UsageError(f"must be at least {least}, not {value}", key=name)


def make_world(
    cells: int, tickets: int, period: Period, streams: Streams, kind: Variant, planned: Planner
) -> World:
    """Build network and people, plan the faults and let them act."""
    profile = hourly_profile(period.hours, period.start.weekday())
    network = build_network(cells, tickets, period, streams["network"])
    people = build_population(cells, tickets, streams["people"])
    state = build_state(network, profile, streams["state"], kind.noise)
    if kind.spots:
        put_spots(state, cells)
    incidents, places = planned(network, profile)
    inject(incidents, network, people, state, streams["inject"], kind.effect)
    spread_to_clients(network, state)
    serving = assign_nodes(network, people, streams["nodes"])
    steer_customers(incidents, places, network, people, serving)
    return World(network, people, state, incidents, serving, period, streams, kind)


def write_network(world: World, folder: Path, tickets_per_day: float) -> None:
    """Write all files of the network; `tickets_per_day`: the normal volume that `ticket_volume` tells."""
    writer = Writer(folder, world.variant)
    _write_records(writer, world)
    _write_inventory(writer, world, tickets_per_day)
    _write_performance(writer, world)


def complaints_of(world: World) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the table `ticket` in order of intake, and the truth."""
    rng = world.streams["tickets"]
    return write_tickets(world.incidents, world.network, world.people, world.period, rng, world.variant)


def _write_records(writer: Writer, world: World) -> None:
    network, people, incidents, period = world.network, world.people, world.incidents, world.period
    serving, profile, streams = world.serving, world.state.profile, world.streams
    rng = streams["calls"]
    calls = joined(
        ticket_calls(people, incidents, serving, streams["history"]),
        background_calls(network, people, incidents, period, profile, serving, rng),
    )
    records = CallRecords(calls, network, people, world.state, rng)
    legs = records.legs()
    writer.records("call", frame(legs, period), lambda t: _with_bad_rows(t, "final_status", "48O", people))
    writer.slices(frame(records.slices(streams["voice"]), period))
    attempts = registrations(
        calls, network, people, incidents, period, profile, serving, streams["registrations"]
    )
    table = registration_records(attempts, network, people, world.state, streams["registration records"])
    registered = frame(table, period)
    writer.records("registration", registered, lambda t: _with_bad_rows(t, "rsrp", "n/a dBm", people))


def _with_bad_rows(table: pl.DataFrame, column: str, text: str, people: Population) -> pl.DataFrame:
    """Two rows of other users hold a value that no reader can take."""
    others = pl.Series(people.columns["imsi"][-500:].tolist())
    rows = table.with_row_index("row").filter(pl.col("imsi").is_in(others.implode()))["row"]
    return spoiled(table, column, text, rows.head(2).to_list())


def _write_inventory(writer: Writer, world: World, tickets_per_day: float) -> None:
    network, people, incidents, period = world.network, world.people, world.incidents, world.period
    unlisted = network.cells["ecgi"][[i.cell for i in incidents if i.removed == ("neighbour",)]]
    unknown = people.columns["imsi"][[i.customer for i in incidents if i.removed == ("subscriber",)]]
    writer.table("inventory", "cell", inventory.cell_table(network, period))
    writer.table(
        "inventory", "neighbour", inventory.neighbour_table(network, period), "source_ecgi", unlisted
    )
    writer.table("inventory", "node", inventory.node_table(network))
    writer.table("inventory", "subscriber", inventory.subscriber_table(people, period), "imsi", unknown)
    writer.table("inventory", "device_model", inventory.model_table(people, period))
    writer.table("inventory", "ticket_volume", inventory.volume_table(network, tickets_per_day))
    alarms = inventory.alarm_table(incidents, network, period, world.streams["alarms"])
    writer.table("events", "alarm", alarms)
    changes = inventory.change_table(incidents, network, period, world.streams["changes"])
    writer.table("events", "change", changes)


def _write_performance(writer: Writer, world: World) -> None:
    network, state, period = world.network, world.state, world.period
    folder, rng, streams = writer.folder, world.streams["samples"], world.streams
    dark = pm_files.dark_hours(world.incidents, network.size, period.hours)
    kind = pm_files.PmKind(writer.variant.pm_trouble, writer.variant.vendor_names, dark)
    for day, samples in pm_files.write_cells(network, state, period, folder / "pm", streams["pm"], kind):
        table = sample_tables.cell_kpi(network, day, samples, state, period, rng)
        write_parquet(table, folder / "samples" / f"cell_kpi_{day:02d}.parquet")
        _write_voice(writer, world, day, dark)
    pm_files.write_nodes(network, state, period, folder / "pm", streams["node pm"])
    by_node = node_kpis(network, state, rng)
    write_csv(sample_tables.node_kpi(network, by_node, period), folder / "samples" / "node_kpi.csv")
    told = [
        *platform_samples.network_samples(network, state, streams["network samples"]),
        *platform_samples.parts_of(by_node, streams["parts of samples"]),
    ]
    write_csv(sample_tables.platform_kpi(network, told, period), folder / "samples" / "node_kpi_platform.csv")


def _write_voice(writer: Writer, world: World, day: int, dark: NDArray[np.bool_]) -> None:
    """Write what the voice probes tell of the cells on one day, nothing of their dark hours."""
    hours = slice(day * 24, day * 24 + 24)
    physics = Radio(world.network, world.state, hours)
    samples = platform_samples.voice_samples(physics, world.streams[f"voice samples {day}"])
    shown = pm_files.without(samples, dark[:, hours])
    table = sample_tables.voice_kpi(world.network, day, shown, world.period)
    write_parquet(table, writer.folder / "samples" / f"cell_kpi_voice_{day:02d}.parquet")
