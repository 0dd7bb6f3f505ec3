"""The embedded store: Parquet segments and shards with a SQLite ledger."""
