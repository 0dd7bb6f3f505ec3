"""The fourteen outside records: schemas, table readers, validation, pseudonyms."""
