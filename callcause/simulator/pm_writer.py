"""PM XML files: TS 32.435 with measTypes/measResults, TS 28.532 measDataFile with measType p / r p."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from callcause.simulator.period import Period

Grid = NDArray[np.float64]
NS_32435 = "http://www.3gpp.org/ftp/specs/archive/32_series/32.435#measCollec"
NS_28532 = "http://www.3gpp.org/ftp/specs/archive/28_series/28.532#measData"


@dataclass(frozen=True)
class Element:
    """One managed element of a file: its localDn and the rows of its objects."""

    dn: str
    software: str
    rows: Sequence[int]


@dataclass(frozen=True)
class Source:
    """One element manager that writes files."""

    sender: str
    vendor: str
    form: str  # list (measTypes), pair (measType p, r p)
    root: str  # measCollecFile, measDataFile
    elements: Sequence[Element]
    ldn: Sequence[str]


def _text(values: Grid) -> list[tuple[str, ...]]:
    """Values as text, row by row: whole numbers without a point, NaN as a blank."""
    # Counter by counter: a column of whole numbers turns into text in one call.
    columns: list[list[str]] = []
    for column in values.T:
        known = np.isfinite(column)
        if known.all() and not np.mod(column, 1).any():
            columns.append(list(map(str, column.astype(np.int64).tolist())))
        else:
            columns.append(
                [f"{v:.6g}" if k else "" for v, k in zip(column.tolist(), known.tolist(), strict=True)]
            )
    return list(zip(*columns, strict=True))


class Block:
    """One measInfo: counters of a group for one granularity period (values: objects x counters)."""

    def __init__(
        self,
        info: str,
        job: str,
        begin_s: float,
        period_s: int,
        counters: Sequence[str],
        values: Grid,
        suspect: frozenset[int] = frozenset(),
    ) -> None:
        self.info, self.job, self.begin_s, self.period_s = info, job, begin_s, period_s
        self.counters, self.values, self.suspect = counters, values, suspect
        self.cells = _text(values)

    def head(self, period: Period, source: Source) -> str:
        """Write the opening of the measInfo with job, periods and counter names."""
        end = period.text(self.begin_s + self.period_s)
        names = (
            f"<measTypes>{' '.join(self.counters)}</measTypes>"
            if source.form == "list"
            else "".join(f'<measType p="{i}">{n}</measType>' for i, n in enumerate(self.counters, 1))
        )
        return (
            f'<measInfo measInfoId="{self.info}"><job jobId="{self.job}"/>'
            f'<granPeriod duration="PT{self.period_s}S" endTime="{end}"/>'
            f'<repPeriod duration="PT{self.period_s}S"/>{names}'
        )

    def body(self, rows: Sequence[int], source: Source) -> str:
        """Write the measValue elements of these objects."""
        form = self._list if source.form == "list" else self._pairs()
        parts = []
        for row in rows:
            note = "<suspect>true</suspect>" if row in self.suspect else ""
            parts.append(
                f'<measValue measObjLdn="{source.ldn[row]}">{form(self.cells[row])}{note}</measValue>'
            )
        return "".join(parts)

    @staticmethod
    def _list(values: Sequence[str]) -> str:
        joined = " ".join(values) if "" not in values else " ".join(v or "NIL" for v in values)
        return f"<measResults>{joined}</measResults>"

    def _pairs(self) -> Callable[[Sequence[str]], str]:
        template = "".join(f'<r p="{i}">%s</r>' for i in range(1, len(self.counters) + 1))
        return lambda values: template % tuple(values)


def document(source: Source, period: Period, begin_s: float, end_s: float, blocks: Sequence[Block]) -> bytes:
    """One whole file."""
    collec = source.root == "measCollecFile"
    begin, end = period.text(begin_s), period.text(end_s)
    inside = [f'<measCollec beginTime="{begin}"/>' if collec else f'<measData beginTime="{begin}"/>']
    data = []
    for element in source.elements:
        infos = "".join(b.head(period, source) + b.body(element.rows, source) + "</measInfo>" for b in blocks)
        managed = f'<managedElement localDn="{element.dn}" swVersion="{element.software}"/>'
        data.append(f"<measData>{managed}{infos}</measData>\n")
    sender = (
        f'<fileSender localDn="{source.sender}" elementType="OMC"/>'
        if collec
        else (f'<fileSender senderName="{source.sender}" senderType="OMC"/>')
    )
    version = "32.435 V10.0" if collec else "28.532 V16.4"
    opening = f'<fileHeader fileFormatVersion="{version}" vendorName="{source.vendor}">'
    head = f"{opening}{sender}{inside[0]}</fileHeader>"
    foot = (
        f'<fileFooter><measCollec endTime="{end}"/></fileFooter>'
        if collec
        else (f'<fileFooter><measData endTime="{end}"/></fileFooter>')
    )
    space = NS_32435 if collec else NS_28532
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{source.root} xmlns="{space}">\n{head}\n'
        f"{''.join(data)}{foot}\n</{source.root}>\n"
    ).encode()


def write(path: Path, content: bytes, packed: bool) -> Path:
    """Write plain or gzip; the gzip header carries no time, so that equal runs give equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if packed:
        path = path.with_name(path.name + ".gz")
        content = gzip.compress(content, compresslevel=3, mtime=0)
    path.write_bytes(content)
    return path


def file_name(source: Source, period: Period, begin_s: float, end_s: float) -> str:
    """`A<date>.<begin><zone>-<end><zone>_<element>.xml` of TS 32.432 Annex A."""
    begin, end = period.instant(begin_s), period.instant(end_s)
    zone = begin.strftime("%z")
    return f"A{begin:%Y%m%d}.{begin:%H%M}{zone}-{end:%H%M}{zone}_{source.sender}.xml"
