"""The loop on both databases: clusters, early warning, vault, audit, retention, erasure, queue."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from callcause.cli import app
from callcause.loop import audit_log, queue
from callcause.loop.cluster import Cluster
from callcause.loop.course import begin
from callcause.loop.erasure import erase
from callcause.loop.housekeeping import OLD, Housekeeping, retain
from callcause.loop.incident_desk import link, shared_diagnosis
from callcause.loop.life import LoopError
from callcause.loop.settings import (
    LoopSettings,
    RecordRetention,
    RetentionSettings,
    TypeWarningSettings,
    VaultKey,
    VaultSettings,
    WarningsSettings,
)
from callcause.loop.shared_keys import Diagnosed, Inventories, pairs
from callcause.loop.vault import Vault
from callcause.loop.warning_desk import WarningDesk, report
from callcause.state import Database, StateSettings
from callcause.state.alert import AlertGroup
from callcause.state.incident import Incident
from callcause.state.ticket import Result, Ticket
from callcause.state.trouble_ticket import Delivery, Subscription
from callcause.state.vault import AuditRow, VaultEntry
from callcause.state.warning import ComplaintDay, EarlyWarning
from collectors.secret import Secret
from collectors.store.erasure import Erased

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
SETTINGS = LoopSettings()


def ticket(name: str, **more: Any) -> Ticket:
    at = more.pop("at", NOW)
    record = {"id": name, "received_at": at.isoformat(), "msisdn": "num_a", **more.pop("record", {})}
    row = Ticket(
        id=name, record=record, source="http", state="entered", received_at=at, taken_in_at=at,
        diagnosis="done",
    )  # fmt: skip
    begin(row, record, SETTINGS)
    for key, value in more.items():
        setattr(row, key, value)
    return row


def add(state: Database, *rows: Any) -> None:
    state.write(lambda session: session.add_all(rows))


def test_an_edit_of_the_audit_log_is_refused_by_the_database_and_seen_where_it_was_forced(
    state: Database,
) -> None:
    for n in range(5):
        state.write(lambda s, n=n: audit_log.append(s, NOW, "x", "test", "-", {"n": n}))
    assert state.read(audit_log.check)[2] is None
    edit = "UPDATE audit_log SET actor = 'y' WHERE number = 3"
    with pytest.raises(DatabaseError, match="append-only"):
        state.write(lambda s: s.execute(text(edit)))
    drop = {
        "sqlite": "DROP TRIGGER audit_log_no_UPDATE",
        "postgresql": "DROP TRIGGER audit_log_guard ON audit_log",
    }
    state.write(lambda s: s.execute(text(drop[state.dialect])))
    state.write(lambda s: s.execute(text(edit)))
    number, _, fault = state.read(audit_log.check)
    assert number == 5
    assert fault is not None
    assert (fault.number, fault.reason) == (3, "its content is not what was sealed")


def test_writers_at_once_leave_one_chain(state: Database) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(6) as threads:
        list(
            threads.map(
                lambda n: state.write(lambda s: audit_log.append(s, NOW, "x", "test", "-", {"n": n})),
                range(24),
            )
        )
    number, _, fault = state.read(audit_log.check)
    assert (number, fault) == (24, None)


def test_audit_verify_ends_with_1_at_an_edit(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.sqlite"
    config = tmp_path / "callcause.toml"
    config.write_text(f'[state]\ndatabase = "{url}"\n')
    database = Database.open(StateSettings(database=url))
    for n in range(3):
        database.write(lambda s, n=n: audit_log.append(s, NOW, "x", "test", "-", {"n": n}))
    run = CliRunner()
    good = run.invoke(app, ["audit", "verify", "--config", str(config)])
    assert good.exit_code == 0
    head = database.read(lambda s: s.scalar(select(AuditRow.hash).where(AuditRow.number == 3)))
    assert str(head) in good.output
    database.write(lambda s: s.execute(text("DROP TRIGGER audit_log_no_DELETE")))
    database.write(lambda s: s.execute(text("DELETE FROM audit_log WHERE number = 3")))
    database.close()
    without = tmp_path / "without.toml"
    without.write_text(config.read_text() + f'audit_head = "{tmp_path}/none"\n')
    assert run.invoke(app, ["audit", "verify", "--config", str(without)]).exit_code == 0, "nothing tells"
    cut = run.invoke(app, ["audit", "verify", "--config", str(config), "--head", str(head)])
    assert cut.exit_code == 1


def forced(state: Database, *statements: str) -> None:
    """Do what the triggers refuse, as who owns the database can."""
    drop = {
        "sqlite": [f"DROP TRIGGER audit_log_no_{verb}" for verb in ("UPDATE", "DELETE")],
        "postgresql": ["DROP TRIGGER audit_log_guard ON audit_log"],
    }
    for statement in (*drop[state.dialect], *statements):
        state.write(lambda s, one=statement: s.execute(text(one)))  # type: ignore[misc]


def with_head_file(state_settings: StateSettings, tmp_path: Path) -> Database:
    return Database.open(state_settings.model_copy(update={"audit_head": tmp_path / "kept" / "audit-head"}))


def test_a_log_whose_end_was_cut_does_not_agree_with_the_kept_head(
    state_settings: StateSettings, tmp_path: Path
) -> None:
    state = with_head_file(state_settings, tmp_path)
    for n in range(4):
        state.write(lambda s, n=n: audit_log.append(s, NOW, "x", "test", "-", {"n": n}))  # type: ignore[misc]
    assert state.audit_head is not None
    kept = state.audit_head.read()
    assert kept is not None
    assert kept.number == 4
    assert state.read(lambda s: audit_log.check(s, None, kept))[2] is None
    forced(state, "DELETE FROM audit_log WHERE number > 2")
    assert state.read(audit_log.check)[2] is None, "what is left is a whole chain"
    fault = state.read(lambda s: audit_log.check(s, None, kept))[2]
    assert fault is not None
    assert (fault.number, fault.reason) == (3, "the log ends before entry 4, which was confirmed")
    state.write(lambda s: audit_log.append(s, NOW, "x", "test", "-", {}))
    assert state.audit_head.read() == kept, "what comes after a cut does not hide it"
    state.close()


def test_a_log_that_was_sealed_anew_after_an_edit_does_not_agree_with_the_kept_head(
    state_settings: StateSettings, tmp_path: Path
) -> None:
    state = with_head_file(state_settings, tmp_path)
    for n in range(3):
        state.write(lambda s, n=n: audit_log.append(s, NOW, "x", "test", "-", {"n": n}))  # type: ignore[misc]
    assert state.audit_head is not None
    kept = state.audit_head.read()
    forced(state, "DELETE FROM audit_log")
    other = Database.open(state_settings.model_copy(update={"audit_head": tmp_path / "forger"}))
    for n in range(3):
        other.write(lambda s, n=n: audit_log.append(s, NOW, "y", "test", "-", {"n": n}))  # type: ignore[misc]
    assert state.read(audit_log.check)[2] is None
    fault = state.read(lambda s: audit_log.check(s, None, kept))[2]
    assert fault is not None
    assert "sealed anew" in fault.reason
    other.close()
    state.close()


def test_an_entry_that_was_rolled_back_is_not_kept_and_a_full_disk_takes_no_entry(
    state_settings: StateSettings, tmp_path: Path
) -> None:
    state = with_head_file(state_settings, tmp_path)

    def broken(session: Session) -> None:
        audit_log.append(session, NOW, "x", "test", "-", {})
        raise LookupError

    with pytest.raises(LookupError):
        state.write(broken)
    assert state.audit_head is not None
    assert state.audit_head.read() is None
    (tmp_path / "kept").write_text("a file where the folder should be")
    state.write(lambda s: audit_log.append(s, NOW, "x", "test", "-", {}))
    assert state.read(audit_log.check)[0] == 1
    state.close()


def test_audit_verify_sees_a_cut_end_by_itself(tmp_path: Path) -> None:
    config = tmp_path / "callcause.toml"
    config.write_text(f'[state]\ndatabase = "sqlite:///{tmp_path}/state.sqlite"\n')
    database = Database.open(StateSettings(database=f"sqlite:///{tmp_path}/state.sqlite"))
    for n in range(3):
        database.write(lambda s, n=n: audit_log.append(s, NOW, "x", "test", "-", {"n": n}))  # type: ignore[misc]
    forced(database, "DELETE FROM audit_log WHERE number = 3")
    database.close()
    told = CliRunner().invoke(app, ["audit", "verify", "--config", str(config)])
    assert told.exit_code == 1
    assert "entry 3: the log ends before entry 3, which was confirmed" in told.output


def test_postgresql_does_not_let_the_log_be_emptied(state: Database) -> None:
    state.write(lambda s: audit_log.append(s, NOW, "x", "test", "-", {}))
    statement = "TRUNCATE audit_log" if state.dialect == "postgresql" else "DELETE FROM audit_log"
    with pytest.raises(DatabaseError, match="append-only"):
        state.write(lambda s: s.execute(text(statement)))


def days(state: Database, usual: int, today: int) -> None:
    first = NOW.date() - timedelta(days=60)
    rows = [
        ComplaintDay(type="drop", region="0871", day=first + timedelta(days=d), n=usual, alarmed=False)
        for d in range(60)
    ]
    rows.append(ComplaintDay(type="drop", region="0871", day=NOW.date(), n=today, alarmed=False))
    add(state, *rows)


def warning_desk(state: Database, **more: Any) -> WarningDesk:
    return WarningDesk(state, WarningsSettings(**more), "Asia/Shanghai", ["night shift"])


def test_a_day_over_its_threshold_raises_one_warning_and_a_calm_day_recovers_it(state: Database) -> None:
    days(state, usual=10, today=30)
    desk = warning_desk(state)
    assert len(state.write(lambda s: desk.look(s, NOW))) == 1
    assert state.write(lambda s: desk.look(s, NOW)) == []
    (found,) = state.read(lambda s: report(s, {"type": "drop"}, 10))
    assert (found["state"], found["count"], found["base"]) == ("raised", 30, pytest.approx(10))
    assert found["threshold"] == pytest.approx(20)
    later = NOW + timedelta(days=2)
    add(state, ComplaintDay(type="drop", region="0871", day=NOW.date() + timedelta(days=1), n=9))
    state.write(lambda s: desk.look(s, later))
    (found,) = state.read(lambda s: report(s, {"recovered": True}, 10))
    assert found["state"] == "recovered"
    day = state.read(lambda s: s.get(ComplaintDay, ("drop", "0871", NOW.date())))
    assert day is not None
    assert day.alarmed


def test_warnings_are_found_by_text_recipient_and_phone_number(state: Database) -> None:
    desk = warning_desk(state)
    for number, (text_, whom) in enumerate([("50 % lost calls", "夜班"), ("drops", "day shift")]):
        told = {"type": "drop", "region": "0871", "text": text_, "level": "warning", "recipients": [whom]}
        asyncio.run(desk.raise_by_hand("x", {**told, "subscriber": f"num_{number}"}))

    def found(**wanted: Any) -> list[str]:
        return [row["text"] for row in state.read(lambda s: report(s, wanted, 10))]

    assert found(text="50 %") == ["50 % lost calls"]
    assert found(text="5_ %") == [], "what is asked for is no pattern"
    assert found(recipient="夜班") == ["50 % lost calls"]
    assert found(recipient="shift") == [], "a part of a name is no name"
    assert found(subscribers=["num_1", "num_former"]) == ["drops"]
    (shown,) = state.read(lambda s: report(s, {"text": "drops"}, 10))
    assert shown["has_phone_number"]
    assert "num_1" not in str(shown)


def test_values_of_a_type_and_region_win_over_those_of_all(state: Database) -> None:
    days(state, usual=10, today=30)
    own = TypeWarningSettings(type="drop", region="0871", coefficient=4.0)
    desk = warning_desk(state, of=(own,))
    assert state.write(lambda s: desk.look(s, NOW)) == []


def test_without_four_weeks_of_days_nothing_is_raised(state: Database) -> None:
    add(state, ComplaintDay(type="drop", region="0871", day=NOW.date(), n=500))
    assert state.write(lambda s: warning_desk(state).look(s, NOW)) == []


def test_tickets_of_the_day_are_counted_in_local_days(state: Database) -> None:
    local_midnight = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
    add(state, ticket("T-1", at=local_midnight, category="mos", region="0871"))
    add(state, ticket("T-2", at=local_midnight - timedelta(seconds=1), category="mos", region="0871"))
    state.write(lambda s: warning_desk(state).look(s, NOW))
    found = state.read(lambda s: {row.day.day: row.n for row in s.scalars(select(ComplaintDay))})
    assert found == {21: 1, 22: 1}


def test_a_ticket_is_counted_once_its_type_is_known(state: Database) -> None:
    add(
        state, ticket("T-1", region="0871", diagnosis="pending"), ticket("T-2", category="mos", region="0871")
    )
    desk = warning_desk(state)

    def counted() -> dict[str, int]:
        state.write(lambda s: desk.look(s, NOW))
        return state.read(lambda s: {row.type: row.n for row in s.scalars(select(ComplaintDay))})

    assert counted() == {"mos": 1}

    def diagnosed(session: Session) -> None:
        row = session.get_one(Ticket, "T-1")
        row.category, row.diagnosis = "drop", "done"

    state.write(diagnosed)
    assert counted() == {"mos": 1, "drop": 1}, "nothing stays counted without a type"


def contract(cause: str, probability: float) -> dict[str, Any]:
    return {
        "verdict": "cause",
        "causes": [{"id": cause, "probability": probability, "department": "IMS core", "remedy": {}}],
        "checks": [{"id": "DRP-01", "outcome": "HIT", "at": "cell 1"}, {"id": "DRP-02", "outcome": "MISS"}],
    }


def test_the_diagnosis_of_a_parent_is_the_mean_of_its_children() -> None:
    shared = shared_diagnosis([contract("a", 0.8), contract("a", 0.4), contract("b", 0.6)])
    assert [(c["id"], c["probability"]) for c in shared["causes"]] == [("a", 0.4), ("b", 0.2)]
    assert shared["shared_evidence"] == [{"check": "DRP-01", "at": "cell 1", "tickets": 3}]


def test_later_tickets_of_a_cluster_join_its_incident(state: Database) -> None:
    for n in range(5):
        add(state, ticket(f"T-{n}", state="dispatched"))
        result = Result(
            ticket_id=f"T-{n}", at=NOW, verdict="cause", runbook_version="x", contract=contract("a", 0.8)
        )

        def work(s: Session, result: Result = result, n: int = n) -> None:
            s.add(result)
            s.flush()
            s.get_one(Ticket, f"T-{n}").result_id = result.id

        state.write(work)
    state.write(lambda s: link(s, Cluster("cell", "C", ("T-0", "T-1", "T-2"), 0.2, 1e-3)) and None)
    state.write(lambda s: link(s, Cluster("cell", "C", ("T-1", "T-2", "T-3", "T-4"), 0.2, 1e-4)) and None)
    (parent,) = state.read(lambda s: list(s.scalars(select(Incident))))
    assert (parent.tickets, parent.top_cause, parent.department) == (5, "a", "IMS core")
    assert state.read(lambda s: {row.priority for row in s.scalars(select(Ticket))}) == {"P2"}


def inventories() -> Inventories:
    cells = pl.DataFrame({"cell": ["A", "B"], "tracking_area": ["7", "7"], "software_version": ["V1", None]})
    ring = pl.DataFrame({"cell": ["A", "B", "A", "B"], "centre": ["A", "B", "B", "A"]})
    usual = pl.DataFrame({"key": ["cell"], "entity": ["A"], "per_day": [0.1]})
    work = pl.DataFrame(
        {
            "change": ["CR-1"],
            "entity": ["A"],
            "start": [NOW - timedelta(hours=3)],
            "end": [NOW - timedelta(hours=1)],
        }
    )
    return Inventories(cells, ring, usual, work)


def test_a_ticket_shares_what_its_cell_its_diagnosis_and_planned_work_tell() -> None:
    told = {"occurred_at": NOW.isoformat(), "imei_tac": "35123456"}
    checks = [
        {"at": "cell A", "outcome": "MISS"},
        {"at": "alarm AL-1", "outcome": "HIT"},
        {"at": "alarm AL-2", "outcome": "MISS"},
        {"at": "change CR-0", "outcome": "HIT"},
    ]
    found = pairs(
        [Diagnosed("T-1", NOW, told, {"checks": checks, "guilty_node": {"id": "SCSCF-1"}})],
        inventories(),
        timedelta(hours=2),
    )
    assert sorted(found.select("key", "entity").rows()) == [
        ("alarm", "AL-1"), ("cell", "A"), ("change", "CR-0"), ("change", "CR-1"),
        ("device_model", "35123456"), ("node", "SCSCF-1"), ("ring", "A"), ("ring", "B"),
        ("software_version", "V1"), ("tracking_area", "7"),
    ]  # fmt: skip


def test_a_complaint_long_after_planned_work_is_not_linked_to_it() -> None:
    told = {"occurred_at": (NOW + timedelta(hours=5)).isoformat(), "ecgi": "A"}
    found = pairs([Diagnosed("T-1", NOW, told, None)], inventories(), timedelta(hours=2))
    assert "change" not in found["key"].to_list()


def vault(state: Database, monkeypatch: pytest.MonkeyPatch, *numbers: int, **more: float) -> Vault:
    for number in numbers:
        monkeypatch.setenv(f"VAULT_{number}", f"{number:02d}" * 32)
    keys = tuple(VaultKey(number=n, secret=Secret(env=f"VAULT_{n}")) for n in numbers)
    return Vault(state, VaultSettings(enabled=True, keys=keys, **({"request_s": 1e-6} | more)))


def test_an_approved_number_that_nobody_looked_at_in_time_is_not_shown(
    state: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = vault(state, monkeypatch, 1, request_s=60.0, show_s=1e-6)
    sealed = found.sealed([{"msisdn": "8613800000001"}], [{"msisdn": "num_a"}])
    state.write(lambda s: found.keep(s, sealed))
    add(state, ticket("T-1"))
    asked = asyncio.run(found.ask("T-1", "one", "call the customer"))
    asyncio.run(found.decide(asked["id"], "two", approve=True, why="ok"))
    with pytest.raises(LoopError, match="expired"):
        asyncio.run(found.show(asked["id"], "one"))
    (shown,) = asyncio.run(found.requests(None, 10))
    assert shown["state"] == "expired"
    assert state.read(lambda s: s.scalar(select(func.count()).where(AuditRow.action == "vault.show"))) == 0


def test_rotation_lets_the_old_key_go(state: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    old = vault(state, monkeypatch, 1)
    sealed = old.sealed([{"msisdn": "8613800000001"}], [{"msisdn": "num_a"}])
    state.write(lambda s: old.keep(s, sealed))
    add(state, ticket("T-1"))
    assert asyncio.run(vault(state, monkeypatch, 1, 2).rotate("x")) == {"rotated": 1, "failed": 0}
    new = vault(state, monkeypatch, 2)
    asked = asyncio.run(new.ask("T-1", "one", "call the customer"))
    assert asked["masked"] == "861********01"
    with pytest.raises(LoopError, match="expired"):
        asyncio.run(new.decide(asked["id"], "two", approve=True, why=""))


def test_erasure_leaves_no_pseudonym_and_only_that_one_is_erased(state: Database) -> None:
    add(state, ticket("T-1"), ticket("T-2", record={"msisdn": "num_b"}))
    add(state, VaultEntry(pseudonym="num_a", key_number=1, nonce=b"n", ciphertext=b"c", at=NOW))
    add(state, ticket("T-3", record={"msisdn": "num_c", "other_party_number": "num_a"}))
    counts = state.write(lambda s: erase(s, ["num_a"], "x", "asked"))
    assert (counts["tickets"], counts["named_in"], counts["numbers"]) == (1, 1, 1)
    assert state.read(lambda s: s.get_one(Ticket, "T-3").record)["msisdn"] == "num_c"
    assert "num_a" not in str(state.read(lambda s: [row.record for row in s.scalars(select(Ticket))]))
    one, two = (state.read(lambda s, n=n: s.get_one(Ticket, n)) for n in ("T-1", "T-2"))
    assert "num_a" not in str(one.record)
    assert (one.customer, two.customer, two.erased_at) == (None, "num_b", None)


def test_retention_removes_what_is_too_old_and_says_so(state: Database) -> None:
    old = NOW - timedelta(days=400)
    add(
        state,
        ticket("T-1", at=old, state="closed", closed_at=old),
        ticket("T-2", at=old, state="dispatched"),
        ticket("T-3", state="closed", closed_at=NOW),
        VaultEntry(pseudonym="num_a", key_number=1, nonce=b"n", ciphertext=b"c", at=old),
    )
    settings = RetentionSettings(closed_tickets_d=365)
    assert state.write(lambda s: retain(s, settings, NOW)) == {"closed_tickets": 1, "vault_entries": 1}
    assert state.write(lambda s: retain(s, settings, NOW)) == {}
    assert state.read(lambda s: sorted(s.scalars(select(Ticket.id)))) == ["T-2", "T-3"]
    (entry,) = state.read(lambda s: list(s.scalars(select(AuditRow))))
    assert entry.action == "retention"


def test_resolved_alerts_and_events_that_were_given_up_go_too(state: Database) -> None:
    old = NOW - timedelta(days=400)

    def group(name: str, resolved: datetime | None) -> AlertGroup:
        return AlertGroup(
            id=name, group_key=name, receiver="r", status="x", group_labels={}, common_labels={},
            common_annotations={}, external_url="", opened_at=old, updated_at=old, resolved_at=resolved,
            diagnosis="done",
        )  # fmt: skip

    def event(number: int, how: str) -> Delivery:
        return Delivery(
            id=number, subscription_id="s", ticket_id="T", event_type="e", at=old, state=how, attempts=1,
            next_at=old,
        )  # fmt: skip

    add(state, group("A-1", old), group("A-2", None), group("A-3", NOW))
    add(state, Subscription(id="s", api="v5", callback="http://x/", who="x", made_at=old))
    add(state, event(1, "given_up"), event(2, "waiting"))
    assert state.write(lambda s: retain(s, RetentionSettings(), NOW)) == {"alerts": 1, "hub_events": 1}
    assert state.read(lambda s: sorted(s.scalars(select(AlertGroup.id)))) == ["A-2", "A-3"]
    assert state.read(lambda s: list(s.scalars(select(Delivery.id)))) == [2]


def test_nothing_is_removed_that_is_still_looked_back_at() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 184"):
        RetentionSettings(complaint_days_d=180)
    with pytest.raises(ValueError, match=r"closed_tickets_d: expected 45 days"):
        LoopSettings(repeat_days=45, retention=RetentionSettings(closed_tickets_d=40))
    assert LoopSettings(repeat_days=20, retention=RetentionSettings(closed_tickets_d=28))


def test_every_kind_of_the_state_database_has_its_days() -> None:
    assert {f"{name}_d" for name in OLD} | {"every_h"} == set(RetentionSettings.model_fields)


def test_pages_of_the_queue_go_through_priorities_due_times_and_tickets_without(state: Database) -> None:
    for n in range(30):
        due = None if n % 5 == 0 else NOW + timedelta(hours=n % 7)
        add(state, ticket(f"T-{n:02d}", priority=f"P{1 + n % 3}", reply_due_at=due))
    found: list[dict[str, Any]] = []
    after = None
    while True:
        page = state.read(lambda s, a=after: queue.page(s, queue.Filter(), 7, a, NOW))
        found += page["tickets"]
        after = page["next"]
        if after is None:
            break
    keys = [(t["priority"], t["reply_due_at"] is None, t["reply_due_at"] or "", t["id"]) for t in found]
    assert len(found) == 30
    assert keys == sorted(keys)


@pytest.mark.parametrize("few", [2, 500])
def test_tickets_are_found_by_a_part_of_their_id_whether_they_are_few_or_many(
    state: Database, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "FEW", few)
    for n in range(12):
        due = None if n % 4 == 0 else NOW + timedelta(hours=n)
        add(state, ticket(f"T-{n:02d}", priority=f"P{1 + n % 3}", reply_due_at=due, holder=f"D{n % 2}"))

    def found(text: str, **more: str) -> list[str]:
        wanted = queue.Filter(text=text, **more)
        page = state.read(lambda s: queue.page(s, wanted, 100, None, NOW))
        return sorted(one["id"] for one in page["tickets"])

    assert found("-1") == ["T-10", "T-11"]
    assert found("-0") == [f"T-{n:02d}" for n in range(10)]
    assert found("-0", holder="D1") == [f"T-{n:02d}" for n in range(1, 10, 2)]
    assert found("%") == found("T_0") == found("no such") == []


def test_the_queue_of_many_tickets_answers_quickly(state: Database) -> None:
    values = [
        {
            "id": f"T-{n:06d}", "record": {}, "source": "x", "state": "dispatched", "received_at": NOW,
            "taken_in_at": NOW, "in_store": True, "diagnosis": "done", "priority": f"P{1 + n % 3}",
            "holder": f"D{n % 9}", "region": f"R{n % 16}",
            "reply_due_at": NOW + timedelta(seconds=n), "version": 1,
        }
        for n in range(20_000)
    ]  # fmt: skip
    state.write(lambda s: s.execute(insert(Ticket), values) and None)
    started = time.process_time()
    for wanted in (queue.Filter(), queue.Filter(holder="D3"), queue.Filter(region="R2", overdue=False)):
        page = state.read(lambda s, w=wanted: queue.page(s, w, 100, None, NOW))
        assert len(page["tickets"]) == 100
    assert time.process_time() - started < 3
    assert state.read(lambda s: s.scalar(select(func.count()).select_from(EarlyWarning))) == 0


def test_rows_of_the_store_go_by_their_kind_and_the_audit_log_counts_them(state: Database) -> None:
    asked: list[dict[str, datetime]] = []

    async def in_store(before: Mapping[str, datetime]) -> Erased:
        asked.append(dict(before))
        return Erased(removed=Counter(call=7, ticket=0))

    desk = Housekeeping(state, RetentionSettings(), RecordRetention(days={"call": 10}), in_store)
    asyncio.run(desk.work())
    asyncio.run(desk.work())
    assert [list(one) for one in asked] == [["call"]], "once a day"
    entries = state.read(
        lambda s: [(row.action, row.subject, row.detail) for row in s.scalars(select(AuditRow))]
    )
    assert ("retention", "store", {"call": 7}) in entries


@pytest.mark.parametrize(
    "days", [{"cell": 10}, {"cal": 10}, {"call": 0}, {"counters": -1}, {"hourly_kpis": 34}]
)
def test_a_kind_without_an_age_and_days_that_are_none_are_refused(days: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"expected"):
        RecordRetention(days=days)
