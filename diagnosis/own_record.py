"""The user's own records: subscriber, nearest call with both legs, registrations, device model."""

from __future__ import annotations

import polars as pl

from diagnosis.judged_leg import judge_legs
from diagnosis.own_call import add_calls
from diagnosis.own_registration import add_registrations
from diagnosis.person import add_person
from diagnosis.record_join import join_record
from diagnosis.source import among
from diagnosis.workspace import Workspace


def add_own_records(work: Workspace) -> None:
    """Add `subscriber.`, `call.`, `called.`, `calling.`, `registration.`.

    `device_model.` and `nearest_record_min`; where the fault began at the other party, `call.` is its record.
    """
    add_person(work)
    add_calls(work)
    judge_legs(work)
    add_registrations(work)
    _add_device(work)


def _add_device(work: Workspace) -> None:
    work.derive(
        model_tac=pl.coalesce("call.imei_tac", "registration.imei_tac", "ticket.imei_tac", "state.imei_tac")
    )
    rows = work.tables.where("device_model", among("imei_tac", work.frame["model_tac"]))
    join_record(work, rows, "device_model", "device_model", left_on="model_tac", right_on="imei_tac")
