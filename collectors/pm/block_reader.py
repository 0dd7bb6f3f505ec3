"""The XML events of a PM file turned into blocks; both parsers read heads, texts and errors through it.

TS 32.435 `measCollecFile` and TS 28.532 `measDataFile`, both value forms, any release of the namespace. Every
document type declaration is refused, so that there is no entity to expand.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from callcause_error import did_you_mean
from collectors.errors import BadFile
from collectors.pm.block import PmBlock
from collectors.pm.builder import BlockBuilder, Row
from collectors.pm.heads import FileHead, OpenInfo, types_of
from collectors.pm.period import duration_s, instant
from collectors.pm.source import Limits
from collectors.pm.value import read_result, read_suspect

ROOTS: Final = ("measCollecFile", "measDataFile")
PROBE: Final = "callcause-probe"
_TEXTS = frozenset({"r", "measType", "measTypes", "measResults", "suspect"})
_CONTAINERS = frozenset({
    *ROOTS, "fileHeader", "fileFooter", "fileSender", "measCollec", "measData", "measInfo", "measEntity",
    "managedElement", "job", "granPeriod", "repPeriod", "measValue",
})  # fmt: skip
_CUT_SHORT = frozenset({
    expat.errors.codes[text]
    for text in (expat.errors.XML_ERROR_NO_ELEMENTS, expat.errors.XML_ERROR_UNCLOSED_TOKEN,
                 expat.errors.XML_ERROR_PARTIAL_CHAR, expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION)
})  # fmt: skip
_NAN = float("nan")


class BlockReader:
    """Turns XML events into blocks. `skipped_lines` are lines that the fast scan read past expat."""

    def __init__(self, path: Path, limits: Limits, zone: tzinfo) -> None:
        self._path, self._limits, self._zone = path, limits, zone
        self.skipped_lines = 0
        self.builder: BlockBuilder | None = None
        self._ready: list[PmBlock] = []
        self._any_value = False
        self._stack: list[str] = []
        self._file = FileHead()
        self._info: OpenInfo | None = None
        self._row: Row | None = None
        self._position: str | None = None
        self._column = 0
        self._pieces: list[str] = []
        self._text_depth = 0
        self._outer: tuple[int, list[str]] | None = None
        self._probing = self._probed = False
        self._fed = 0
        self._parser = self._new_parser()

    def _new_parser(self) -> expat.XMLParserType:
        parser = expat.ParserCreate("utf-8")  # the source has translated; this overrides the declaration
        parser.buffer_text = True
        parser.buffer_size = 1 << 16
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        return parser

    # -- feeding ---------------------------------------------------------------------------------------------

    def feed(self, chunk: bytes) -> None:
        """Parse the next bytes."""
        try:
            self._parser.Parse(chunk, False)
        except expat.ExpatError as error:
            raise self._not_well_formed(error) from error
        self._fed += len(chunk)
        waiting = self._fed - self._parser.CurrentByteIndex
        if waiting > self._limits.text_bytes or sum(map(len, self._pieces)) > self._limits.text_bytes:
            raise self._bad("too_large", f"one text or tag of more than {self._limits.text_bytes} bytes")

    def close(self) -> None:
        """Check that the file, which has ended, is whole and held a value."""
        try:
            self._parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise self._not_well_formed(error) from error
        if not self._any_value:
            raise self._bad("empty_yield", "no measurement value in the file")

    def take(self) -> list[PmBlock]:
        """Return the blocks that are complete."""
        ready, self._ready = self._ready, []
        return ready

    def stands_before_a_row(self) -> bool:
        """Tell whether the bytes so far end directly inside a measInfo that is ready for measValues.

        An element of our own is put in. It is seen there, and unseen inside a comment, CDATA or a processing
        instruction. After False the parser is of no more use.
        """
        self._probing, self._probed = True, False
        self.feed(f"<{PROBE}/>".encode())
        self._probing = False
        return self._probed

    def open_builder(self) -> BlockBuilder | None:
        """Return the builder for rows of the open measInfo (None outside one), with room for a row."""
        if self._info is None or self._row is not None:
            return None
        if self.builder is None:
            self._open_rows()
        elif not self.builder.room:
            self._finish_block()
        return self.builder

    @property
    def places(self) -> dict[str, int] | None:
        """Column by `p` of the open measInfo, None outside one."""
        return self._info.places if self._info else None

    # -- errors ----------------------------------------------------------------------------------------------

    @property
    def _line(self) -> int:
        return self._parser.CurrentLineNumber + self.skipped_lines

    def _bad(self, code: str, message: str, key: str | None = None, hint: str | None = None) -> BadFile:
        return BadFile(code, message, file=str(self._path), line=self._line, key=key, hint=hint)

    def _not_well_formed(self, error: expat.ExpatError) -> BadFile:
        line = error.lineno + self.skipped_lines
        text = expat.ErrorString(error.code)
        if error.code in _CUT_SHORT:
            inside = f" inside <{self._stack[-1]}>" if self._stack else ""
            return BadFile(
                "truncated", f"the file ends{inside} too early ({text})", file=str(self._path), line=line
            )
        return BadFile("not_well_formed", f"not well-formed XML: {text}", file=str(self._path), line=line)

    def _refuse_doctype(self, *_: object) -> None:
        raise self._bad("dtd_refused", "a document type declaration is not accepted in a PM file")

    # -- events ----------------------------------------------------------------------------------------------

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        stack = self._stack
        if name == PROBE and self._probing:
            self._probed = bool(stack) and stack[-1] == "measInfo"
            self._probing = False
            return
        if ":" in name:
            name = name.rpartition(":")[2]
        if len(stack) >= self._limits.depth:
            raise self._bad("too_deep", f"more than {self._limits.depth} nested elements")
        stack.append(name)
        if name in _TEXTS:
            self._start_text(name, attributes)
        elif name in _CONTAINERS:
            handler = _ON_START.get(name)
            if handler:
                handler(self, attributes)
        elif len(stack) == 1:
            hint = did_you_mean(name, ROOTS)
            raise self._bad("wrong_root", f"root is <{name[:60]}>, not {' or '.join(ROOTS)}", hint=hint)
        elif self.builder:
            self.builder.notes["unknown_element"] += 1
        if len(stack) == 1 and name not in ROOTS:
            raise self._bad("wrong_root", f"root is <{name[:60]}>, not {' or '.join(ROOTS)}")

    def _start_text(self, name: str, attributes: dict[str, str]) -> None:
        if self._text_depth and name == "suspect":  # <r>..<suspect>..: the value's own flag
            self._outer = (self._text_depth, self._pieces)
        elif name == "r" or name == "measType":
            self._position = attributes.get("p")
            if name == "r" and read_suspect(attributes.get("suspect", "")):
                self._mark_suspect_column()
        self._pieces = []
        self._text_depth = len(self._stack)

    def _characters(self, text: str) -> None:
        if len(self._stack) == self._text_depth:
            self._pieces.append(text)

    def _end(self, name: str) -> None:
        if name == PROBE and (not self._stack or self._stack[-1] != PROBE):
            return
        name = self._stack.pop()
        if name in _TEXTS:
            if len(self._stack) + 1 == self._text_depth:
                text, self._pieces, self._text_depth = "".join(self._pieces), [], 0
                _ON_TEXT[name](self, text)
        elif name == "measValue":
            self._end_row()
        elif name == "measInfo":
            self._end_info()

    # -- heads -----------------------------------------------------------------------------------------------

    def _start_header(self, attributes: dict[str, str]) -> None:
        self._file.vendor = attributes.get("vendorName", "").strip()
        self._file.notes = tuple(note for note in self._file.notes if note != "no_header")

    def _start_collection(self, attributes: dict[str, str]) -> None:
        """`measCollec`, and `measData` of TS 28.532, which is also the name of the data section."""
        if len(self._stack) > 1 and self._stack[-2] == "fileHeader":
            if "beginTime" in attributes:
                self._file.begin = self._moment(attributes["beginTime"], "fileHeader beginTime")[0]
        elif self._stack[-1] == "measData":
            missing = (*(note for note in self._file.notes if note == "no_header"), "no_managed_element")
            self._file = FileHead(self._file.vendor, self._file.begin, notes=missing)

    def _start_element(self, attributes: dict[str, str]) -> None:
        self._file = replace(
            self._file,
            managed_element=attributes.get("localDn", ""),
            software_version=attributes.get("swVersion", "").strip(),
            user_label=attributes.get("userLabel", ""),
            notes=tuple(note for note in self._file.notes if note != "no_managed_element"),
        )

    def _start_info(self, attributes: dict[str, str]) -> None:
        if self._info is not None:
            raise self._bad("bad_header", "a measInfo inside a measInfo")
        self._info = OpenInfo(attributes.get("measInfoId", ""))

    def _start_job(self, attributes: dict[str, str]) -> None:
        if self._info:
            self._info.job_id = attributes.get("jobId", "")

    def _start_period(self, attributes: dict[str, str]) -> None:
        info, name = self._info, self._stack[-1]
        if info is None:
            return
        if self.builder:
            raise self._bad("bad_header", f"{name} after the first measValue", key=name)
        if "duration" in attributes:
            try:
                info.durations[name] = duration_s(attributes["duration"])
            except ValueError as error:
                raise self._bad("bad_header", str(error), key=f"{name} duration") from error
        if "endTime" in attributes:
            info.ends[name] = self._moment(attributes["endTime"], f"{name} endTime")

    def _moment(self, text: str, key: str) -> tuple[datetime, bool]:
        try:
            return instant(text, self._zone)
        except ValueError as error:
            raise self._bad("bad_header", str(error), key=key) from error

    def _read_types(self, text: str) -> None:
        (names, places), info = types_of(text), self._info
        if info is None or self.builder or info.counters:
            for name in names:
                self._add_type(name, None)
        else:  # the usual case, all at once
            info.counters, info.places = list(names), dict(places)

    def _read_type(self, text: str) -> None:
        self._add_type(text.strip(), self._position)

    def _add_type(self, name: str, position: str | None) -> None:
        info = self._info
        if info is None:
            return
        if self.builder:
            raise self._bad("bad_header", "a measType after the first measValue", key=name)
        place = position.strip() if position is not None else str(len(info.counters) + 1)
        if place in info.places:
            raise self._bad("bad_header", f"two measTypes at p={place!r}", key=name)
        info.places[place] = len(info.counters)
        info.counters.append(name)

    # -- rows ------------------------------------------------------------------------------------------------

    def _start_row(self, attributes: dict[str, str]) -> None:
        builder = self.open_builder()
        if builder is None:
            return
        self._row = Row(attributes.get("measObjLdn", ""), [_NAN] * builder.columns)
        self._row.suspect = read_suspect(attributes.get("suspect", ""))
        self._column = 0

    def _end_row(self) -> None:
        if self._row and self.builder:
            self.builder.add_row(self._row)
            self._row = None

    def _place(self) -> int | None:
        """Return the column of the r element that is open; without `p`, columns count up."""
        if self._position is None:
            self._column += 1
            return self._column - 1 if self.builder and self._column <= self.builder.columns else None
        return self._info.places.get(self._position.strip()) if self._info else None

    def _mark_suspect_column(self) -> None:
        column = self._column if self._position is None else self._place()
        if self._row and self.builder and column is not None and column < self.builder.columns:
            self._row.suspect_columns.add(column)

    def _read_value(self, text: str) -> None:
        if self._row is None or self.builder is None:
            return
        column = self._place()
        if column is None:
            self.builder.notes["unknown_position"] += 1
        else:
            self._set(self._row, column, text)

    def _read_results(self, text: str) -> None:
        if self._row is None or self.builder is None:
            return
        results = text.split()
        if len(results) != self.builder.columns:  # which result belongs to which counter cannot be known
            self.builder.notes["misaligned_row"] += 1
            return
        for column, result in enumerate(results):
            self._set(self._row, column, result)

    def _set(self, row: Row, column: int, text: str) -> None:
        try:
            result = read_result(text)
        except ValueError:
            self.count_unreadable()
            return
        if isinstance(result, tuple):
            row.vectors[column] = result
            row.values[column] = _NAN
        else:
            row.values[column] = result
            row.vectors.pop(column, None)

    def count_unreadable(self) -> None:
        """Count a result that is neither number, list nor a known no-value."""
        if self.builder:
            self.builder.notes["unreadable_value"] += 1

    def _read_suspect(self, text: str) -> None:
        suspect, parent = read_suspect(text), self._stack[-1]
        if parent == "r" and self._outer:
            self._text_depth, self._pieces = self._outer
            self._outer = None
            if suspect:
                self._mark_suspect_column()
        elif self._row and parent == "measValue":
            self._row.suspect = self._row.suspect or suspect

    # -- blocks ----------------------------------------------------------------------------------------------

    def _open_rows(self) -> None:
        assert self._info is not None  # noqa: S101 - open_builder asks first
        try:
            head = self._info.close(self._file.begin)
        except ValueError as error:
            raise self._bad("bad_header", str(error), key="granPeriod") from error
        self.builder = BlockBuilder(self._file, head, self._limits.block_values)

    def _finish_block(self) -> None:
        assert self.builder is not None  # noqa: S101 - only called with rows
        block = self.builder.build()
        self._any_value = self._any_value or bool(block.vectors) or _holds_a_number(block.values)
        self._ready.append(block)

    def _end_info(self) -> None:
        if self.builder and self.builder.rows:
            self._finish_block()
        self.builder = self._info = None


def _holds_a_number(values: NDArray[np.float64]) -> bool:
    """Whether any value is a number; the first row mostly answers it."""
    return any(not np.isnan(some).all() for some in (values[:1], values[1:]))


_ON_START = {
    "fileHeader": BlockReader._start_header,
    "measCollec": BlockReader._start_collection,
    "measData": BlockReader._start_collection,
    "managedElement": BlockReader._start_element,
    "measEntity": BlockReader._start_element,
    "measInfo": BlockReader._start_info,
    "job": BlockReader._start_job,
    "granPeriod": BlockReader._start_period,
    "repPeriod": BlockReader._start_period,
    "measValue": BlockReader._start_row,
}
_ON_TEXT = {
    "r": BlockReader._read_value,
    "measType": BlockReader._read_type,
    "measTypes": BlockReader._read_types,
    "measResults": BlockReader._read_results,
    "suspect": BlockReader._read_suspect,
}
