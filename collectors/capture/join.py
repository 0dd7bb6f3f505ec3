"""Interfaces joined: what S1AP, NAS, GTPv2 and Diameter add to the calls and registrations that SIP told."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from collectors.capture.access import IMS_APN, QCI_SIGNALLING, QCI_VOICE, AccessPart, Bearer, User
from collectors.records.schema import ABSENT, load_schemas
from collectors.signalling.frames import frame_of
from collectors.signalling.sighting import DiameterMessage, Sighting

Row = dict[str, Any]
_AHEAD = timedelta(seconds=2)
_AFTER_CALL = timedelta(seconds=5)
_ATTACH_BEFORE = timedelta(hours=1)
_GOOD = range(2000, 3000)
MOST_RX = 50_000


class PolicyPart:
    """A part of the assembly that remembers what Rx and Gx said: results, aborts, failed rules."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.seen: list[tuple[datetime, DiameterMessage]] = []
        self._requests: dict[tuple[int, int], DiameterMessage] = {}

    def take(self, sighting: Sighting) -> None:
        """Take one sighting; only Rx and Gx are kept. An answer takes over whom its request was about."""
        message = sighting.message
        if not isinstance(message, DiameterMessage) or message.interface not in ("Rx", "Gx"):
            return
        key = message.hop_by_hop, message.end_to_end
        if message.is_request:
            self._requests[key] = message
            if len(self._requests) > MOST_RX:
                self._requests.pop(next(iter(self._requests)))
        asked = self._requests.get(key, message)
        if len(self.seen) < MOST_RX:
            self.seen.append((sighting.at, message if message.is_request else _about(message, asked)))

    def ripe(self, now: datetime) -> dict[str, pl.DataFrame]:
        """Nothing: a capture is joined when it is whole."""
        return {}

    def rest(self) -> dict[str, pl.DataFrame]:
        """Nothing: see `joined`."""
        return {}


def _about(answer: DiameterMessage, asked: DiameterMessage) -> DiameterMessage:
    names = ("icid", "framed_address", "imsi")
    told = {name: getattr(answer, name) or getattr(asked, name) for name in names}
    fields = {name: getattr(answer, name) for name in answer.__dataclass_fields__}
    return DiameterMessage(**{**fields, **told})


def joined(
    frames: dict[str, pl.DataFrame],
    access: AccessPart,
    policy: PolicyPart,
    hosts: Callable[[str, str], set[str]],
) -> dict[str, pl.DataFrame]:
    """Fill calls and registrations, and add registrations that never came to SIP.

    `hosts(sip_call_id, leg)` tells the addresses of the terminal of a leg.
    """
    access.settle()
    calls = [_call(row, access, policy, hosts) for row in _rows(frames, "call")]
    registrations = [
        _registration(row, access, _rows(frames, "diameter_answer")) for row in _rows(frames, "registration")
    ]
    # What an attach without REGISTER did not reach did not happen: its SIP columns are empty, not unknown.
    unreached = dict.fromkeys(name for row in registrations for name in row)
    registrations += [unreached | row for row in _without_sip(registrations, access)]
    made = {"call": _frame("call", calls), "registration": _frame("registration", registrations)}
    return {**frames, **{kind: frame for kind, frame in made.items() if frame.height}}


def _rows(frames: dict[str, pl.DataFrame], kind: str) -> list[Row]:
    frame = frames.get(kind)
    if frame is None:
        return []
    key = load_schemas()[kind].key_fields
    rows = frame.unique(subset=key, keep="last", maintain_order=True).to_dicts()
    for row in rows:
        for name in row.pop(ABSENT, None) or ():
            row.pop(name, None)
    return rows


def _frame(kind: str, rows: list[Row]) -> pl.DataFrame:
    """Make a frame; what a row does not have is absent in it. Identities stay in clear until the sink."""
    if not rows:
        return pl.DataFrame()
    needed = dict.fromkeys(load_schemas()[kind].required_columns)
    return frame_of(kind, [needed | row for row in rows])


# --- calls


def _call(row: Row, access: AccessPart, policy: PolicyPart, hosts: Callable[[str, str], set[str]]) -> Row:
    start = row["started_at"] - _AHEAD
    end = (row.get("t_end") or datetime.max.replace(tzinfo=start.tzinfo) - _AFTER_CALL) + _AFTER_CALL
    own = hosts(row.get("sip_call_id") or "", row["leg"])
    users = [u for u in access.users if u.addresses & own]
    bearers = [
        (user, b)
        for user in users
        for b in user.bearers
        if b.qci == QCI_VOICE and start <= b.requested <= end
    ]
    filled = row | _bearer_times([b for _, b in bearers])
    for user, bearer in bearers:
        filled |= _release(user, bearer, end)
    if users:
        filled |= _cells(users[-1], row)
        filled["imsi"] = row.get("imsi") or next((u.imsi for u in users if u.imsi), None)
    about = [(at, m) for at, m in policy.seen if start <= at <= end and _concerns(m, row, own)]
    return filled | _policy(m for _, m in about)


def _bearer_times(bearers: list[Bearer]) -> Row:
    if not bearers:
        return {}
    done = [b.established for b in bearers if b.established]
    gone = [b.released for b in bearers if b.released and not b.failed]
    failed = next((b for b in bearers if b.failed), None)
    row: Row = {
        "t_qci1_requested": min(b.requested for b in bearers),
        "t_qci1_established": min(done, default=None),
        "t_qci1_released": min(gone, default=None),
    }
    if failed is not None and failed.cause is not None:
        row |= {"erab_fail_cause": failed.cause, "erab_fail_group": failed.group}
    return row


def _release(user: User, bearer: Bearer, end: datetime) -> Row:
    """Tell why the voice bearer went while the call lasted: its own release, else that of the context."""
    if bearer.released is None or bearer.failed or bearer.released > end:
        return {}
    if bearer.cause is not None:
        return {"s1ap_group": bearer.group, "s1ap_cause": bearer.cause}
    if user.release is not None and user.release[2] is not None:
        return {"s1ap_group": user.release[1], "s1ap_cause": user.release[2]}
    return {}


def _cells(user: User, row: Row) -> Row:
    before = [cell for at, cell in user.cells if at <= row["started_at"]]
    after = [cell for at, cell in user.cells if at > row["started_at"]]
    first = before[-1] if before else (after[0] if after else None)
    if first is None:
        return {}
    return {
        "first_ecgi": row.get("first_ecgi") or first,
        "last_ecgi": row.get("last_ecgi") or (after[-1] if after else first),
    }


def _concerns(message: DiameterMessage, row: Row, own: set[str]) -> bool:
    if message.icid and message.icid == row.get("icid"):
        return True
    return bool(message.framed_address) and message.framed_address in own


def _policy(messages: Iterable[DiameterMessage]) -> Row:
    """Tell the results of Rx (the first that failed, else the last), the abort cause, the failed rule."""
    row: Row = {}
    for message in messages:
        if message.interface == "Rx" and message.command == "AAR" and message.code is not None:
            if row.get("rx_code") is None or row["rx_code"] in _GOOD:
                row |= {"rx_vendor": message.vendor, "rx_code": message.code}
        elif message.command == "ASR" and message.abort_cause is not None:
            row.setdefault("rx_abort_cause", message.abort_cause)
        elif message.interface == "Gx" and message.rule_failure_code is not None:
            row.setdefault("gx_rule_failure_code", message.rule_failure_code)
    return row


# --- registrations


def _registration(row: Row, access: AccessPart, answers: list[Row]) -> Row:
    at = row["started_at"]
    filled = row | _cx(row, answers)
    users = [u for u in access.users if u.imsi == row["imsi"] and u.begun <= at]
    if users:
        filled["ecgi"] = row.get("ecgi") or users[-1].ecgi or None
        filled["tac"] = row.get("tac") if row.get("tac") is not None else users[-1].tac
    attached = [u for u in users if u.attach and at - u.attach.started <= _ATTACH_BEFORE]
    return filled | _access_fields(attached[-1]) if attached else filled


def _access_fields(user: User) -> Row:
    attach = user.attach
    if attach is None:
        return {}
    return {**attach.fields, **_signalling_bearer(user)}


def _signalling_bearer(user: User) -> Row:
    made = [b for b in user.bearers if b.qci == QCI_SIGNALLING]
    if not made:
        return {"qci5_bearer_result": None}  # S1 was seen, and no such bearer on it
    last = made[-1]
    if last.failed:
        return {"qci5_bearer_result": "failed"}
    if last.established is None:
        return {}
    lost = last.released is not None and user.release is None
    return {"qci5_bearer_result": "lost" if lost else "established"}


def _cx(row: Row, answers: list[Row]) -> Row:
    """Tell the failing or last Cx answer of the attempt."""
    start, end = row["started_at"], row.get("ended_at") or row["started_at"] + timedelta(seconds=35)
    own = [
        a
        for a in answers
        if a["interface"] == "Cx"
        and start - timedelta(seconds=0.5) <= a["at"] <= end + timedelta(seconds=0.5)
        and ((a["impi"] and a["impi"] == row.get("impi")) or (a["impu"] and a["impu"] == row.get("impu")))
    ]
    if not own:
        return {}
    failing = [a for a in own if a["answered"] is False or (a["code"] or 2001) not in _GOOD]
    told = (failing or sorted(own, key=lambda a: a["at"]))[0 if failing else -1]
    return {"cx_command": told["command"], "cx_vendor": told["vendor"], "cx_code": told["code"]}


def _without_sip(registrations: list[Row], access: AccessPart) -> list[Row]:
    """Make rows of attaches that never came to a REGISTER, where they failed or asked for the IMS PDN.

    A phone that attaches for data alone has not tried to register.
    """
    rows = []
    for user in access.users:
        attach = user.attach
        if attach is None:
            continue
        if not user.imsi:
            access.counts["attach_without_imsi"] += 1
        elif any(r["imsi"] == user.imsi and r["started_at"] >= attach.started for r in registrations):
            access.counts["attach_with_register"] += 1
        elif attach.fields["attach_result"] == "accept" and attach.fields.get("apn") != IMS_APN:
            access.counts["attach_for_data"] += 1
        else:
            access.counts["attach_without_register"] += 1
            rows.append(_attach_row(user))
    return rows


def _attach_row(user: User) -> Row:
    attach = user.attach
    started = attach.started if attach else user.begun
    name = hashlib.blake2b(f"{user.name}|{started.isoformat()}".encode(), digest_size=9).hexdigest()
    return {
        "id": f"RG-{name}",
        "started_at": started,
        "imsi": user.imsi,
        "ecgi": user.ecgi or None,
        "tac": user.tac,
        "registration_type": "initial",
        "final_status": None,
        "register_sent_at": None,
        **_access_fields(user),
    }
