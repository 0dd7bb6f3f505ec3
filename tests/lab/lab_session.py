"""One lab run, inside its namespaces: starts core and callcause, then plays faults as it is told.

`python lab_session.py RUN_DIRECTORY TIMERS [--core-only]`; one JSON object per line in, one out:
`{"play": "hss_dead"}` -> what the phone saw, the verdict with all sources and without the one that tells;
`{"again": "TICKET"}` -> the verdict of a ticket as it stands now. The end of the input stops everything.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab_blind import Blindfold
from lab_core import Core, LabError
from lab_faults import BY_NAME, Fault
from lab_namespace import make_private
from lab_network import TIMERS, Plan, Subscriber
from lab_service import Service
from lab_stage import Played, Stage

PATIENCE_S = float(os.environ.get("LAB_PATIENCE_S", "30"))
SAYS = {
    "registration": "手机没有高清语音图标，注册不上VoLTE",
    "access": "电话打不出去，拨打后提示无法接通",
    "mos": "通话时声音断断续续，听不清",
}


def right(fault: Fault, verdict: dict[str, Any]) -> bool:
    """Tell whether a verdict names cause and node of a fault at rank one."""
    if not fault.is_fault:
        return verdict["verdict"] == "no_fault"
    causes = verdict["causes"]
    if verdict["verdict"] != "cause" or not causes or causes[0]["id"] not in (fault.cause, *fault.also):
        # What no network is guilty of is told as such: the user's own doing, with that cause first.
        return bool(causes) and verdict["verdict"] == "no_fault" and causes[0]["id"] == fault.cause
    guilty = verdict["guilty_node"]
    if fault.node is None:
        return guilty is None or guilty["type"] == "other"
    return guilty is not None and (guilty["id"], guilty["type"]) == (fault.node.node_id, fault.node_type)


def brief(verdict: dict[str, Any] | None) -> dict[str, Any]:
    """Return what a table shows of a verdict."""
    if verdict is None:
        return {"verdict": "none"}
    first = verdict["causes"][0] if verdict["causes"] else {}
    return {
        "verdict": verdict["verdict"],
        "cause": first.get("id", ""),
        "probability": first.get("probability"),
        "node": verdict["guilty_node"],
        "missing": [entry["need"] for entry in verdict["missing"]],
        "supported_by": first.get("supported_by", []),
    }


def hears_badly(played: Played) -> Subscriber:
    """Return who complains: the one who hears badly, which is the caller where the callee cannot be heard."""
    called = played.fault.category == "mos" and played.fault.name != "one_way_audio"
    return played.callee if called else played.caller


def ticket(played: Played, number: int) -> dict[str, Any]:
    """Write the complaint: who, when, what it was like; nothing of the fault."""
    began = datetime.fromtimestamp(played.outcome.began, UTC).isoformat(timespec="milliseconds")
    fault = played.fault
    category = fault.category or ("registration" if fault.attempt == "register" else "access")
    more = (
        {} if fault.attempt == "register" else {"direction": "MO", "other_party_number": played.callee.msisdn}
    )
    if hears_badly(played) is played.callee:
        more = {"direction": "MT", "other_party_number": played.caller.msisdn}
    return {
        "id": f"LAB-{number:04d}",
        "received_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "occurred_at": began,
        "msisdn": hears_badly(played).msisdn,
        "description": SAYS[category],
        "language": "zh",
        "category": category,
        "place_text": "人民路菜市场北门",
        **more,
    }


class Session:
    """Core, callcause and stage of one run."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.core, self.service = plan, Core(plan), Service(plan)
        self.stage = Stage(self.core)
        self.blindfold = Blindfold(plan.root / "store")
        self._number = 0

    async def play(self, fault: Fault) -> dict[str, Any]:
        """Play a fault, complain, and return the verdicts."""
        played = await self.stage.play(fault)
        self._number += 1
        complaint = ticket(played, self._number)
        await asyncio.to_thread(self.service.complain, complaint)
        verdict, waited_s = await asyncio.to_thread(
            self.service.settled, complaint["id"], lambda v: right(fault, v), PATIENCE_S
        )
        seconds = time.time() - played.outcome.ended
        blind = {
            source: brief(await asyncio.to_thread(self.blindfold.verdict, complaint, source))
            for source in dict.fromkeys([*fault.truth.split("+"), fault.truth])
        }
        outcome = played.outcome
        return {
            "fault": fault.name,
            "ticket": complaint["id"],
            "phone": [outcome.status, outcome.reason, round(outcome.ended - outcome.began, 2)],
            "heard": list(played.heard),
            "right": verdict is not None and right(fault, verdict),
            "seconds": round(seconds, 1),
            "after_ticket_s": round(waited_s, 1),
            "with": brief(verdict),
            "without": blind,
        }

    def again(self, ticket_id: str, fault: Fault) -> dict[str, Any]:
        """Return the verdict of an earlier ticket as it stands now."""
        verdict = self.service.verdict(ticket_id)
        return {"right": verdict is not None and right(fault, verdict), "with": brief(verdict)}


async def _serve(session: Session) -> None:
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        try:
            if "play" in order:
                answer = await session.play(BY_NAME[order["play"]])
            else:
                answer = session.again(order["again"], BY_NAME[order["fault"]])
        except (LabError, RuntimeError, OSError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer, ensure_ascii=False), flush=True)


def main(root: Path, timers: str, *, core_only: bool = False) -> int:
    """Start, serve orders, stop; the exit status is that of callcause."""
    root.mkdir(parents=True, exist_ok=True)
    make_private(root)
    session = Session(Plan(root, TIMERS[timers]))
    try:
        began = time.monotonic()
        session.core.start()
        up_s = time.monotonic() - began
        if not core_only:
            session.service.start()
        print(json.dumps({"up_s": round(up_s, 2), "ready_s": round(time.monotonic() - began, 2)}), flush=True)
        asyncio.run(_serve(session))
    finally:
        status = session.service.stop()
        session.core.stop()
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], core_only="--core-only" in sys.argv))
