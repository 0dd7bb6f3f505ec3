"""Rows as frames. A column that a row could not know is left out of the frame that goes to a sink."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from collectors.records.schema import ABSENT, load_schemas

Frames = dict[str, pl.DataFrame]
"""Rows by record kind. A column `absent` (list of names) says per row what the tap could not see."""


def frame_of(kind: str, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Make a frame of rows; a field that a row does not have is absent in that row, None is empty."""
    fields = load_schemas()[kind].fields
    known = {name for row in rows for name in row}
    used = [field for field in fields if field.name in known]
    data = {
        field.name: [_value(row.get(field.name), field.type) for row in rows]
        for field in used
    }  # fmt: skip
    frame = pl.DataFrame(data, schema={field.name: field.dtype for field in used})
    if all(len(row) == len(used) for row in rows):
        return frame
    names = [field.name for field in used]
    absent = [[name for name in names if name not in row] for row in rows]
    return frame.with_columns(pl.Series(ABSENT, absent, dtype=pl.List(pl.String)))


def _value(value: Any, field_type: str) -> Any:
    if field_type == "list_object" and value is not None and not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return value


def by_seen_columns(frames: Frames) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield frames as a sink takes them: rows that could see the same columns together, the others apart."""
    for kind, frame in frames.items():
        if ABSENT not in frame.columns:
            yield kind, frame
            continue
        key = pl.col(ABSENT).list.join(",").fill_null("")
        parts = frame.with_columns(key.alias(ABSENT)).partition_by(ABSENT, maintain_order=True)
        for part in parts:
            unseen = [name for name in part[ABSENT][0].split(",") if name]
            yield kind, part.drop(ABSENT, *unseen)


def joined(every: Sequence[Frames]) -> Frames:
    """Concatenate by kind; what only some frames see is absent in the rows of the others."""
    kinds = sorted({kind for some in every for kind in some})
    return {kind: _concat([some[kind] for some in every if kind in some]) for kind in kinds}


def _concat(frames: list[pl.DataFrame]) -> pl.DataFrame:
    columns = dict.fromkeys(name for frame in frames for name in frame.columns if name != ABSENT)
    if all(tuple(frame.columns) == tuple(frames[0].columns) for frame in frames):
        return pl.concat(frames)
    marked = [_marked(frame, [name for name in columns if name not in frame.columns]) for frame in frames]
    return pl.concat(marked, how="diagonal_relaxed").select(*columns, ABSENT)


def _marked(frame: pl.DataFrame, unseen: list[str]) -> pl.DataFrame:
    """Add columns to what the rows of a frame could not know."""
    given = frame[ABSENT].to_list() if ABSENT in frame.columns else [[]] * frame.height
    absent = [[*(names or ()), *unseen] for names in given]
    return frame.with_columns(pl.Series(ABSENT, absent, dtype=pl.List(pl.String)))
