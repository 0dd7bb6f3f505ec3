"""RTP of a capture: loss, jitter and gaps of each stream in slices, every packet counted once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import pairwise

import polars as pl

from collectors.signalling.sighting import Endpoint
from collectors.voice.codecs import static_codec
from collectors.voice.quality import StreamQuality

SLICE_S = 5.0
_LONGEST_S = 8.0
_CLOCKS_HZ = (8000, 16000, 32000, 48000)
_BATCH_LINES = 50_000
MOST_PACKETS = 20_000_000
_MOST_SOURCES = 100_000
_HEADERS = 8 + 12  # UDP, and RTP without contributing sources
FIELDS = (
    *("frame.time_epoch", "frame.protocols", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst"),
    *("udp.srcport", "udp.dstport", "udp.length", "rtp.ssrc", "rtp.seq", "rtp.timestamp", "rtp.p_type"),
)
_STREAM = ("source", "destination", "source_port", "destination_port", "ssrc", "point")
# The first of these that a packet has says what it is.
_KINDS = {
    "sip": "sip",
    "rtcp": "rtcp",
    "rtp": "rtp",
    "diameter": "diameter",
    "s1ap": "s1ap",
    "gtpv2": "gtpv2",
    "encrypted": "esp|tls|dtls|srtp|quic",
    "malformed": "_ws.malformed",
}


class RtpReader:
    """Takes tshark's table of all packets line by line; keeps the RTP ones, counts every one by what it is.

    `counts`: `packets_<kind>`; a packet of several protocols is the first of sip, rtcp, rtp, diameter, s1ap,
    gtpv2, encrypted, malformed, other.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.sources: set[str] = set()
        """Hosts that were seen to send anything: the tap sees their direction."""
        self._frames: list[pl.DataFrame] = []
        self._kept = 0

    def take(self, lines: Iterable[bytes]) -> None:
        """Read the whole table; memory holds the RTP packets as a few numbers each."""
        batch: list[bytes] = []
        for line in lines:
            batch.append(line)
            if len(batch) >= _BATCH_LINES:
                self._take(batch)
                batch = []
        self._take(batch)

    def _take(self, batch: list[bytes]) -> None:
        if not batch:
            return
        table = pl.read_csv(
            b"".join(batch),
            separator="\t",
            has_header=False,
            new_columns=list(FIELDS),
            schema={name: pl.String() for name in FIELDS},
            quote_char=None,
        ).with_columns(kind=_kind())
        for kind, count in table.group_by("kind").len().iter_rows():
            self.counts[f"packets_{kind}"] += count
        rtp = _rtp(table.filter(pl.col("rtp.ssrc").is_not_null() & (pl.col("kind") == "rtp")))
        self._know_sources(table)
        room = MOST_PACKETS - self._kept
        if rtp.height > room:
            self.counts["rtp_overflow"] += rtp.height - room
            rtp = rtp.head(room)
        self._kept += rtp.height
        self._frames.append(rtp)

    def _know_sources(self, table: pl.DataFrame) -> None:
        if len(self.sources) < _MOST_SOURCES:
            for name in ("ip.src", "ipv6.src"):
                self.sources.update(table[name].drop_nulls().str.split(",").explode().unique().to_list())

    @property
    def packets(self) -> int:
        """All packets seen."""
        return sum(count for name, count in self.counts.items() if name.startswith("packets_"))

    def qualities(self) -> list[StreamQuality]:
        """Return what each stream was like, slice by slice."""
        if not self._frames:
            return []
        every = pl.concat(self._frames)
        once = every.sort("at").unique([*_STREAM, "sequence", "timestamp"], keep="first", maintain_order=True)
        self.counts["rtp_copies"] += every.height - once.height
        made = list(_qualities(_sliced(once)))
        return made + list(_silent(made, self.sources))


def _kind() -> pl.Expr:
    names = pl.concat_str(pl.lit(":"), pl.col("frame.protocols").fill_null(""), pl.lit(":"))
    found: pl.Expr = pl.lit("other")
    for kind, pattern in reversed(_KINDS.items()):
        found = pl.when(names.str.contains(f":(?:{pattern}):")).then(pl.lit(kind)).otherwise(found)
    return found


def _last(name: str) -> pl.Expr:
    return pl.col(name).str.split(",").list.last()


def _rtp(table: pl.DataFrame) -> pl.DataFrame:
    """Take the innermost addresses; a packet inside GTP-U was seen at S1-U, others beyond the gateway."""
    names = pl.col("frame.protocols")
    inner_v6 = names.str.extract(r".*:(ip(?:v6)?):(?:ipv6\.\w+:)*udp").eq("ipv6")
    return table.select(
        at=pl.col("frame.time_epoch").cast(pl.Float64, strict=False),
        source=pl.when(inner_v6).then(_last("ipv6.src")).otherwise(_last("ip.src")),
        destination=pl.when(inner_v6).then(_last("ipv6.dst")).otherwise(_last("ip.dst")),
        source_port=_last("udp.srcport").cast(pl.Int32, strict=False),
        destination_port=_last("udp.dstport").cast(pl.Int32, strict=False),
        ssrc=_last("rtp.ssrc").str.strip_prefix("0x").str.to_integer(base=16, strict=False, dtype=pl.Int64),
        sequence=_last("rtp.seq").cast(pl.Int64, strict=False),
        timestamp=_last("rtp.timestamp").cast(pl.Int64, strict=False),
        payload_type=_last("rtp.p_type").cast(pl.Int32, strict=False),
        payload=_last("udp.length").cast(pl.Int32, strict=False) - _HEADERS,
        point=pl.when(names.str.contains(":gtp:")).then(pl.lit("s1u")).otherwise(pl.lit("sbc")),
    ).drop_nulls()


def _sliced(packets: pl.DataFrame) -> pl.DataFrame:
    """Give packets their slice; compute loss, jitter and gaps of each (RFC 3550 6.4.1, A.8).

    Columns of the stream, `slice`, then start_s, end_s, expected, received, jitter_ms, max_gap, payload_type.
    """
    key = list(_STREAM)
    step = (pl.col("sequence").diff().fill_null(0) + 32_768) % 65_536 - 32_768
    ticks = (pl.col("timestamp").diff().fill_null(0) + (1 << 31)) % (1 << 32) - (1 << 31)
    since = pl.col("at") - pl.col("at").min()
    numbered = packets.sort("at", maintain_order=True).with_columns(
        extended=step.cum_sum().over(key),
        gap=pl.col("at").diff().fill_null(0.0).over(key),
        ticks=ticks.over(key),
        slice=(since / SLICE_S).floor().cast(pl.Int32).over(key),
        last=since.max().over(key),
    )
    numbered = numbered.with_columns(slice=_short_rest_joined(), clock=_clock().over(key))
    off = (pl.col("gap") - pl.col("ticks") / pl.col("clock")).abs()
    jitter = off.ewm_mean(alpha=1 / 16, adjust=False)
    rated = numbered.with_columns(jitter=jitter.over(key), highest=pl.col("extended").cum_max().over(key))
    slices = rated.group_by([*key, "slice"], maintain_order=True).agg(
        start_s=pl.col("at").min(),
        end_s=pl.col("at").max(),
        received=pl.len(),
        highest=pl.col("highest").max(),
        lowest=pl.col("extended").min(),
        jitter_ms=1000 * pl.col("jitter").mean(),
        max_gap=pl.col("gap").max(),
        payload_type=pl.col("payload_type").first(),
        payload=pl.col("payload").median().cast(pl.Int32),
    )
    before = pl.col("highest").shift(1).over(key).fill_null(pl.col("lowest") - 1)
    return slices.with_columns(expected=pl.col("highest") - before)


def _short_rest_joined() -> pl.Expr:
    """Join what is left of a stream to its last whole slice where both are one slice of at most 8 s."""
    whole = (pl.col("last") / SLICE_S).floor()
    rest = pl.col("last") - whole * SLICE_S
    joins = (pl.col("slice") == whole) & (whole > 0) & (rest <= _LONGEST_S - SLICE_S)
    return pl.col("slice") - joins.cast(pl.Int32)


def _clock() -> pl.Expr:
    """Find the RTP clock from the packets themselves: a session description may be missing."""
    rate = (pl.col("ticks") / pl.col("gap")).filter((pl.col("gap") > 0.001) & (pl.col("ticks") > 0)).median()
    nearest = pl.lit(float(_CLOCKS_HZ[0]))
    for lower, upper in pairwise(_CLOCKS_HZ):
        nearest = pl.when(rate > (lower * upper) ** 0.5).then(pl.lit(float(upper))).otherwise(nearest)
    return nearest


def _qualities(slices: pl.DataFrame) -> Iterator[StreamQuality]:
    for row in slices.iter_rows(named=True):
        expected = max(row["expected"], row["received"])
        lost = expected - row["received"]
        yield StreamQuality(
            start=_time(row["start_s"]),
            end=_time(row["end_s"]),
            sender=Endpoint(row["source"], row["source_port"]),
            receiver=Endpoint(row["destination"], row["destination_port"]),
            ssrc=row["ssrc"],
            expected=expected,
            lost=lost,
            loss=100 * lost / expected,
            jitter=row["jitter_ms"],
            codec=static_codec(row["payload_type"]),
            payload_bytes=row["payload"],
            max_gap=row["max_gap"],
            point=row["point"],
        )


def _silent(made: list[StreamQuality], sources: set[str]) -> Iterator[StreamQuality]:
    """Tell of the direction in which nothing came while the other one spoke.

    Only where the tap has seen the silent host send something else: a tap may see one direction alone.
    """
    spoken = {(q.sender.host, q.receiver.host, q.point) for q in made if q.sender and q.receiver}
    for q in made:
        if q.sender is None or q.receiver is None or q.end is None:
            continue
        length = (q.end - q.start).total_seconds()
        back = (q.receiver.host, q.sender.host, q.point)
        if length >= SLICE_S * 0.9 and back not in spoken and q.receiver.host in sources:
            yield StreamQuality(
                start=q.start,
                end=q.end,
                sender=q.receiver,
                receiver=q.sender,
                silence=length,
                max_gap=length,
                point=q.point,
            )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
