"""The answer to a group of alerts: each element with its causes, and what is first of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from callcause.service.alert_element import Element

Contract = dict[str, Any]
NO_RECORD = "all-no-call-record"
"""The cause that asks for the customer's own record: an alert has no customer."""
PROVEN = 0.5
"""Share among the causes of an element from which the first, proved and not contradicted, is its cause."""
ORDER = {"cause": 0, "no_fault": 1, "cannot_tell": 2}


def element_answer(element: Element, results: Sequence[Contract]) -> dict[str, Any]:
    """Return what is said of one element; the first result is its own, the others are of failed attempts.

    The cause that most attempts share is first, shown by the attempt that is surest of it. Where no attempt
    tells, the element's own result stands.
    """
    own, attempts = of_element(results[0]), list(results[1:])
    told = [result for result in attempts if result["verdict"] == "cause" and result["causes"]]
    shares = Counter(result["causes"][0]["id"] for result in told)
    best = min(shares, key=lambda cause: (-shares[cause], -_sure(told, cause), cause)) if shares else None
    shown = _surest(told, best) if best else own
    if best is None and own["verdict"] == "cannot_tell" and attempts:
        shown = min(attempts, key=lambda r: (ORDER[r["verdict"]], r["ticket_id"]))
    top = shown["causes"][0] if shown["causes"] else None
    return {
        "kind": element.kind,
        "id": element.id,
        "region": element.region,
        "known": element.known,
        "at": element.at.isoformat(),
        "alert": element.alert,
        "kpi": element.kpi,
        "verdict": shown["verdict"],
        "category": shown["category"]["id"],
        "top_cause": top["id"] if top else None,
        "department": top["department"] if top else None,
        "failed_attempts": len(attempts),
        "causes_of_attempts": [{"id": cause, "attempts": n} for cause, n in _ranked(shares)],
        "result": shown,
    }


def of_element(result: Contract) -> Contract:
    """Return the diagnosis of an element as one that nobody complained about.

    That no record of a customer was found speaks neither for nor against a cause of a cell or node: what its
    counters, neighbours, alarms and work say is all that can be said of it, and decides.
    """
    left = sum(cause["probability"] for cause in result["causes"] if cause["id"] == NO_RECORD)
    if not 0.0 < left < 1.0:
        return result
    causes = [
        {**cause, "probability": round(cause["probability"] / (1.0 - left), 4)}
        for cause in result["causes"]
        if cause["id"] != NO_RECORD
    ]
    first = causes[0] if causes else None
    proven = first and first.get("supported_by") and not first.get("contradicted_by")
    if first is None or not proven or first["probability"] < PROVEN:
        return {**result, "causes": causes}
    return {**result, "causes": causes, "verdict": "cause"}


def group_answer(elements: Sequence[Mapping[str, Any]], left_out: int) -> dict[str, Any]:
    """Return the answer to a group: that of the element whose verdict says most, with all of them."""
    first = min(
        elements, key=lambda e: (ORDER[e["verdict"]], -e["failed_attempts"], e["at"], e["kind"], e["id"])
    )
    return {
        "verdict": first["verdict"],
        "category": first["category"],
        "area": first["id"],
        "top_cause": first["top_cause"],
        "department": first["department"],
        "elements": list(elements),
        "elements_left_out": left_out,
    }


def title_of(answer: Mapping[str, Any]) -> str:
    """Class, area and top cause."""
    first = next(e for e in answer["elements"] if e["id"] == answer["area"])
    place = (
        f"{first['id']} ({first['region']})" if first["region"] not in (None, first["id"]) else first["id"]
    )
    cause = answer["top_cause"] if answer["verdict"] != "cannot_tell" else "cannot tell"
    return f"{answer['category']}, {place}: {cause or 'no fault'}"


def body_of(answer: Mapping[str, Any], link: str) -> str:
    """Return the text of a notice: who must act, what helps, what proves it, where more stands."""
    lines: list[str] = []
    for element in answer["elements"]:
        lines.append(f"{element['alert']}: {element['kind']} {element['id']} since {element['at']}")
        lines.append(f"verdict {element['verdict']}; failed attempts looked at: {element['failed_attempts']}")
        causes = element["result"]["causes"][:3]
        lines += [f"  {cause['id']} ({cause['probability']:.2f}), {cause['department']}" for cause in causes]
        lines += [f"  {causes[0]['remedy'][language]}" for language in ("en", "zh")] if causes else []
    return "\n".join([*lines, link] if link else lines)


def _ranked(shares: Counter[str]) -> list[tuple[str, int]]:
    return sorted(shares.items(), key=lambda item: (-item[1], item[0]))


def _sure(results: Sequence[Contract], cause: str) -> float:
    return max(float(r["causes"][0]["probability"]) for r in results if r["causes"][0]["id"] == cause)


def _surest(results: Sequence[Contract], cause: str) -> Contract:
    own = [result for result in results if result["causes"][0]["id"] == cause]
    return min(own, key=lambda r: (-r["causes"][0]["probability"], r["ticket_id"]))
