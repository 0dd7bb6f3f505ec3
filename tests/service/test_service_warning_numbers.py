"""An early warning may name a phone number: found by it, never shown."""

from __future__ import annotations

from pathlib import Path

from service_process import ServiceProcess, ready

NUMBER = "13866660007"


def test_a_warning_is_found_by_the_phone_number_that_it_names_and_does_not_show_it(tmp_path: Path) -> None:
    config = tmp_path / "callcause.toml"
    config.write_text("[service]\nport = 0\n")
    process = ServiceProcess(tmp_path, config)
    try:
        client = process.start()
        ready(client)
        body = {"type": "drop", "region": "0871", "text": "one customer, many complaints"}
        raised = client.post("/warnings", json={**body, "msisdn": f"+86 {NUMBER}"})
        assert (raised.status_code, raised.json()["has_phone_number"]) == (201, True)
        assert client.post("/warnings", json=body).json()["has_phone_number"] is False
        found = client.post("/warnings/search", json={"msisdn": NUMBER}).json()["warnings"]
        assert [one["id"] for one in found] == [raised.json()["id"]]
        assert client.post("/warnings/search", json={"msisdn": "13900000000"}).json() == {"warnings": []}
        refused = client.post("/warnings", json={**body, "msisdn": "nobody"})
        assert refused.status_code == 422
        listed = client.get("/warnings", params={"text": "many"}).text
        assert process.stop() == 0
    finally:
        process.kill()
    assert NUMBER not in raised.text + listed
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in files if NUMBER.encode() in path.read_bytes()] == []
