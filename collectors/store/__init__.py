"""The embedded store: Parquet segments, a SQLite ledger, cell-hash shards."""

from collectors.store.batch import Batch
from collectors.store.ledger import FileEntry, FileState, Ledger, Segment, SourceFile
from collectors.store.refresh import Refreshed
from collectors.store.store import Store

__all__ = ["Batch", "FileEntry", "FileState", "Ledger", "Refreshed", "Segment", "SourceFile", "Store"]
