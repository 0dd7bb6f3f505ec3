"""Ids of records, the same for the same messages whatever tap saw them."""

from __future__ import annotations

import hashlib

from collectors.signalling.hop import Hop


def record_id(prefix: str, first: Hop) -> str:
    """Make an id from the first message of a record: Call-ID, tag, transaction, CSeq."""
    parts = (first.call_id, first.from_tag, first.branch, str(first.cseq))
    return f"{prefix}-{hashlib.blake2b('|'.join(parts).encode(), digest_size=9).hexdigest()}"
