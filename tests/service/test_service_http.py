"""What the HTTP interface answers, asked of a real service."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from jsonschema import Draft202012Validator
from service_process import KEY, verdict_of
from waiting import wait_until

CONTRACT = [
    "schema", "ticket_id", "category", "verdict", "causes", "checks", "missing", "guilty_node", "cluster",
    "runbook_version",
]  # fmt: skip


def ticket(**fields: Any) -> dict[str, Any]:
    return {
        "id": f"H-{uuid4().hex}",
        "received_at": "2026-11-22T09:42:00+08:00",
        "occurred_at": "2026-11-22T09:15:00+08:00",
        "msisdn": "8613812345678",
        "description": "通话中突然断了",
        "place_text": "North gate",
        **fields,
    }


def test_a_posted_ticket_is_durable_at_once_and_diagnosed_soon(served: httpx.Client) -> None:
    posted = ticket()
    answer = served.post("/tickets", json=posted)
    assert answer.status_code == 202
    assert answer.json()["tickets"] == [
        {"id": posted["id"], "href": f"/tickets/{posted['id']}", "known": False}
    ]
    result = verdict_of(served, posted["id"])
    assert list(result)[: len(CONTRACT)] == CONTRACT
    assert result["schema"] == "callcause.diagnosis/1"
    events = served.get(f"/tickets/{posted['id']}/events").json()["events"]
    assert [(e["from"], e["to"], e["who"]) for e in events[:2]] == [
        (None, "entered", "local"),
        ("entered", "diagnosed", "callcause"),
    ]


def test_several_tickets_are_taken_in_together_or_not_at_all(served: httpx.Client) -> None:
    good, bad = ticket(), ticket(occurred_at="yesterday", categry="drop", latitude=[1])
    refused = served.post("/tickets", json=[good, bad])
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    faults = {(e["ticket"], e["field"]): e for e in refused.json()["errors"]}
    assert faults[1, "categry"]["hint"] == "did you mean 'category'?"
    assert "text, a number" in faults[1, "latitude"]["reason"]
    assert served.get(f"/tickets/{good['id']}").status_code == 404
    late = served.post("/tickets", json=[good, ticket(occurred_at="yesterday")])
    assert [(e["ticket"], e["field"]) for e in late.json()["errors"]] == [(1, "occurred_at")]
    both = served.post("/tickets", json={"tickets": [good, ticket()]})
    assert len(both.json()["tickets"]) == 2


def test_an_error_never_repeats_an_identity(served: httpx.Client) -> None:
    wrong = ticket(msisdn="my number is 13812345678", imei="35123456000000123", id=f"H-{uuid4().hex}")
    text = served.post("/tickets", json={**wrong, "13812345678": "x"}).text
    text += served.post("/tickets", json=wrong).text
    assert "13812345678" not in text
    assert "35123456000000" not in text


def test_the_same_request_twice_is_answered_once(served: httpx.Client) -> None:
    posted = ticket()
    del posted["id"]
    key = {"Idempotency-Key": uuid4().hex}
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: served.post("/tickets", json=posted, headers=key), range(4)))
    assert {a.status_code for a in answers} == {202}
    assert len({a.json()["tickets"][0]["id"] for a in answers}) == 1
    other = served.post("/tickets", json=ticket(), headers=key)
    assert (other.status_code, "another content" in other.json()["detail"]) == (422, True)


def test_a_known_ticket_is_known_and_with_another_content_refused(served: httpx.Client) -> None:
    posted = ticket()
    served.post("/tickets", json=posted)
    assert served.post("/tickets", json=posted).json()["tickets"][0]["known"] is True
    refused = served.post("/tickets", json={**posted, "description": "else"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (409, "id")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b"[]", 422),
        (b"3", 422),
        (b'[{"id": "a\\u0000b", "msisdn": "1"}]', 422),
        (b'{"id": "\\ud800"}', 422),
        (b'{"latitude": NaN}', 422),
        (b'{"latitude": 1e999}', 422),
        (b" " * 300_000, 413),
    ],
)
def test_what_is_no_ticket_is_refused_with_a_reason(served: httpx.Client, body: bytes, status: int) -> None:
    answer = served.post("/tickets", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_a_large_body_without_a_length_is_refused_too(served: httpx.Client) -> None:
    answer = served.post("/tickets", content=(b" " * 65_536 for _ in range(8)))
    assert answer.status_code == 413


def test_the_list_is_read_page_by_page_without_gaps(served: httpx.Client) -> None:
    posted = [ticket() for _ in range(7)]
    served.post("/tickets", json=posted)
    seen: list[str] = []
    after: str | None = None
    while True:
        page = served.get("/tickets", params={"limit": 3, **({"after": after} if after else {})}).json()
        seen += [row["id"] for row in page["tickets"]]
        after = page["next"]
        if after is None:
            break
    assert len(seen) == len(set(seen))
    assert {row["id"] for row in posted} <= set(seen)
    assert served.get("/tickets", params={"after": "nonsense"}).status_code == 400
    assert served.get("/tickets", params={"limit": 0}).status_code == 422


def test_a_file_that_another_process_ingests_is_diagnosed_too(served: httpx.Client) -> None:
    folder: Path = served.folder
    name = f"F-{uuid4().hex}"
    table = folder / f"{name}.csv"
    table.write_text(
        "id,received_at,occurred_at,msisdn,description\n"
        f"{name},2026-11-22T09:42:00+08:00,2026-11-22T09:15:00+08:00,8613800000009,call dropped\n"
    )
    subprocess.run(
        [sys.executable, "-m", "callcause.cli", "ingest", "--store", "data/store", str(table)],
        cwd=folder, env={"CALLCAUSE_PSEUDONYM_KEY": KEY, "PATH": "/usr/bin"}, check=True, capture_output=True,
    )  # fmt: skip
    assert verdict_of(served, name)["ticket_id"] == name


def test_a_name_of_another_host_is_refused_where_nobody_is_asked_who_they_are(served: httpx.Client) -> None:
    assert served.get("/tickets", headers={"Host": "evil.example.net"}).status_code == 400


def test_the_interface_is_described_by_an_openapi_document(served: httpx.Client) -> None:
    document = served.get("/openapi.json").json()
    assert {"/tickets", "/alertmanager", "/alerts/{group_id}", "/healthz"} <= set(document["paths"])
    post = document["paths"]["/tickets"]["post"]
    one = post["requestBody"]["content"]["application/json"]["schema"]["oneOf"][0]
    Draft202012Validator.check_schema(one)
    Draft202012Validator(one).validate(ticket())
    assert served.get("/nothing").headers["content-type"] == "application/problem+json"


def test_the_state_of_the_sources_is_told(served: httpx.Client) -> None:
    assert served.get("/healthz").json() == {"status": "ok"}
    assert served.get("/readyz").json() == {"status": "ready", "problems": {}}
    assert served.get("/sources").json() == {"targets": [], "listeners": []}


def test_many_at_once_all_get_a_verdict(served: httpx.Client) -> None:
    posted = [[ticket() for _ in range(5)] for _ in range(10)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda rows: served.post("/tickets", json=rows).status_code, posted))
    assert set(answers) == {202}
    ids = [row["id"] for rows in posted for row in rows]
    wait_until(
        lambda: all(served.get(f"/tickets/{name}").status_code == 200 for name in ids), "all diagnosed"
    )
