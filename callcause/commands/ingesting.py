"""`callcause ingest`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from callcause.configuration import Configuration, load_configuration
from callcause.loop.vault import Vault
from callcause.state import Database
from callcause.terminal import progress, say
from callcause_error import UsageError
from collectors.ingest import KeepNumbers, ingest
from collectors.ingest_report import IngestReport
from collectors.store.store import Store

SHOWN = 20
"""Bad rows and quarantined files shown one by one; the rest is counted."""


def run(store_path: Path, paths: list[Path], config: Path | None, unmapped: Path | None) -> int:
    """Ingest and say what became of every file. Returns 0, or 3 when something was quarantined."""
    configuration = load_configuration(config)
    settings = configuration.ingest
    for path in paths:
        if not path.exists():
            raise UsageError("no such file or folder", file=str(path))
    with Store.open(store_path) as store, progress("ingest"), _vault(configuration) as keep:
        report = ingest(
            store,
            paths,
            zone=settings.zone,
            country_code=settings.country_code,
            map_dirs=settings.counter_maps,
            keep=keep,
        )
    _tell(report)
    _tell_unmapped(report, unmapped)
    return 3 if report.quarantined else 0


@contextmanager
def _vault(configuration: Configuration) -> Iterator[KeepNumbers | None]:
    """Open the vault where the configuration has one: it keeps the clear numbers of ticket files."""
    if not configuration.vault.enabled:
        yield None
        return
    database = Database.open(configuration.state)
    try:
        yield Vault(database, configuration.vault).keep_numbers
    finally:
        database.close()


def _tell(report: IngestReport) -> None:
    say(report.summary())
    for line in report.problems()[:SHOWN]:
        say(f"  {line}")
    if len(report.problems()) > SHOWN:
        say(f"  and {len(report.problems()) - SHOWN} more")


def _tell_unmapped(report: IngestReport, target: Path | None) -> None:
    text = report.unmapped_map()
    if not text:
        return
    if target is None:
        say("Counters that no map knows, as a map to fill in:")
        say(text)
    else:
        target.write_text(text, encoding="utf-8")
        say(f"Counters that no map knows are in {target}, as a map to fill in.")
