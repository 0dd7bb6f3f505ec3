"""The record tables: schemas, table readers, validation, pseudonyms."""

from collectors.records.identity import (
    Pseudonymiser,
    load_key,
    load_pseudonymiser,
    normalise_number,
    scrub_text,
)
from collectors.records.numbers_kept import ticket_numbers
from collectors.records.pipeline import LoadedRecords, load_records, load_rows
from collectors.records.schema import RecordSchema, load_schemas, record_field_names
from collectors.records.table import RecordTable, read_table, recognise
from collectors.records.validation import Validated, validate

__all__ = [
    "LoadedRecords",
    "Pseudonymiser",
    "RecordSchema",
    "RecordTable",
    "Validated",
    "load_key",
    "load_pseudonymiser",
    "load_records",
    "load_rows",
    "load_schemas",
    "normalise_number",
    "read_table",
    "recognise",
    "record_field_names",
    "scrub_text",
    "ticket_numbers",
    "validate",
]
