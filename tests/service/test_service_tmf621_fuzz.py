"""TMF621 fuzzed from our own OpenAPI document: whatever comes, the answer is a document of the interface."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode

from collectors.records.scrub import REPLACEMENT

QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


@pytest.fixture
def interface(served: httpx.Client) -> schemathesis.BaseSchema:
    """The paths of TMF621 as the running service describes them."""
    url = str(served.base_url).rstrip("/")
    return schemathesis.openapi.from_url(f"{url}/openapi.json").include(path_regex="^/tmf-api/")


def test_whatever_is_asked_is_answered_by_a_document_of_the_interface(
    interface: schemathesis.BaseSchema,
) -> None:
    operations = [found.ok() for found in interface.get_all_operations()]
    assert len(operations) == 16
    for operation in operations:
        for mode in GenerationMode:
            _fuzz(operation, mode)


def _fuzz(operation: Any, mode: GenerationMode) -> None:
    @seed(7)
    @settings(
        max_examples=2, phases=[Phase.generate], deadline=None, database=None, suppress_health_check=QUIET
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Case) -> None:
        answer = case.call()
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400 and answer.status_code not in (404, 405):
            document = answer.json()
            assert {"code", "reason", "@type"} <= set(document), document
            assert document["status"] == str(answer.status_code)

    with suppress(Unsatisfiable):  # not every operation can be asked wrongly
        run()


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"7", b'"x"', b"\xff\xfe", b'{"a":' * 5000, b"[" * 90_000],
)  # fmt: skip
@pytest.mark.parametrize("path", ["v5/troubleTicket", "v4/troubleTicket", "v5/hub"])
def test_what_is_no_object_is_refused_with_its_reason(served: httpx.Client, path: str, body: bytes) -> None:
    answer = served.post(f"/tmf-api/troubleTicket/{path}", content=body)
    assert answer.status_code == 400
    assert answer.json()["reason"]


def test_a_ticket_of_a_crm_may_have_any_text_as_its_id(served: httpx.Client) -> None:
    body = {"id": "工单 Ⱦ/7", "description": "d", "severity": "s", "ticketType": "t"}
    made = served.post("/tmf-api/troubleTicket/v5/troubleTicket", json=body)
    assert made.status_code == 201, made.text
    assert served.get(made.headers["location"]).json()["id"] == body["id"]


def test_text_with_odd_characters_is_refused_or_kept_whole(served: httpx.Client) -> None:
    body = {"description": "d\u0000", "severity": "s", "ticketType": "t"}
    assert served.post("/tmf-api/troubleTicket/v5/troubleTicket", json=body).status_code == 400
    body = {"description": "电话😀", "severity": "严重", "ticketType": "t", "name": "\ue0f1" + "13800000001"}
    made = served.post("/tmf-api/troubleTicket/v5/troubleTicket", json=body).json()
    assert made["severity"] == "严重"
    assert REPLACEMENT in made["name"]
    raw = b'{"description": "\\ud800", "severity": "s", "ticketType": "t"}'
    assert served.post("/tmf-api/troubleTicket/v5/troubleTicket", content=raw).status_code == 400
