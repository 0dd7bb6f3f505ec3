"""Calls of the IMS written by hand, as the assembly of messages tells them."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
from ims_network import Network, settings

from collectors.signalling.sip import SipPart

Frames = dict[str, pl.DataFrame]


def told(network: Network, *, later_s: float = 60.0, part: SipPart | None = None) -> Frames:
    """Play the packets in time order, telling as time goes on; join what was told."""
    part = part or SipPart(settings())
    every: list[Frames] = []
    for sighting in sorted(network.sightings(), key=lambda one: one.at):
        every.append(part.ripe(sighting.at))
        part.take(sighting)
    every.append(part.ripe(network.now + timedelta(seconds=later_s)))
    kinds = {kind for frames in every for kind in frames}
    return {
        kind: pl.concat([some[kind] for some in every if kind in some], how="diagonal_relaxed")
        for kind in kinds
    }


def leg(frames: Frames, side: str) -> dict[str, object]:
    """The last row that was told of a leg."""
    return frames["call"].filter(pl.col("leg") == side).row(-1, named=True)
