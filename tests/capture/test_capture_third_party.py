"""All captures of other projects end in one counted state, with the calls and registrations that they hold.

The numbers were told apart from callcause, by reading each capture with tshark's own summary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from collectors.capture.read import Capture, read_capture
from collectors.ingest import ingest
from collectors.store import FileState, Store


@dataclass(frozen=True)
class Truth:
    """What a capture holds: packets, rows by kind, and why."""

    packets: int
    why: str
    rows: dict[str, int] = field(default_factory=dict)


NOTHING = "no SIP, Diameter, S1AP or GTPv2 in it"
FILES = {
    "heplify/ipip0.pcap": Truth(
        8,
        "IP in IP: an INVITE of one call, the 403 of another whose INVITE was not "
        "captured (no row), a phone that "
        "is challenged three times and has no IMSI (no row)",
        {"call": 1, "hop": 1},
    ),
    "heplify/sip_ipv4_tcp.pcap": Truth(
        84,
        "one call over TCP, answered and ended by the called side, PCMA both ways and "
        "one RTCP report; nobody tells "
        "a phone from a node, so it has the caller's leg",
        {"call": 1, "hop": 7, "voice_slice": 3},
    ),
    "heplify/sip_ipv4_tcp_retrans.pcap": Truth(196, "a REGISTER of a user without IMSI, beside web traffic"),
    "heplify/sip_ipv6_udp.pcap": Truth(
        6,
        "one call whose six messages bear times from 2012 to 2092: after years of "
        "silence what follows is late",
        {"call": 1, "hop": 1},
    ),
    "heplify/sip_tcp_websocket.pcap": Truth(
        61,
        "a call from a browser over WebSocket and the one that a B2BUA makes of it, with "
        "nothing that joins the two: "
        "two conversations with two legs each",
        {"call": 4, "hop": 33},
    ),
    "ndpi-nfstream/diameter.pcap": Truth(6, "three CCR with their answers", {"diameter_answer": 3}),
    "ndpi-nfstream/ipv6_in_gtp.pcap": Truth(2, NOTHING),
    "ndpi-nfstream/sip.pcap": Truth(
        112,
        "four Call-IDs with INVITE (408, 480, 403, 403), two users without IMSI that "
        "register, nine packets of RTP",
        {"call": 4, "hop": 14, "voice_slice": 1},
    ),
    "ndpi-nfstream/stun_facebook.pcapng": Truth(75, NOTHING),
    "ndpi-nfstream/wa_voice.pcap": Truth(736, NOTHING),
    "open5gs/5g-roaming-lbo.pcapng": Truth(2690, NOTHING),
    "open5gs/ipsec_to_ipsec_call.pcapng": Truth(
        1715,
        "one call, both phones behind IPsec: only the core hops can be read, so one leg; "
        "its bearer is that of the "
        "caller's address; LIR and two Gx RAR; speech seen at S1-U and beyond, RTCP three times over",
        {"call": 1, "diameter_answer": 3, "hop": 38, "voice_slice": 7},
    ),
    "open5gs/nonipsec_reg.pcapng": Truth(
        873,
        "one attach, IMS PDN and registration; CCR twice, AAR, UAR, MAR, SAR; the "
        "keep-alive is no transaction",
        {"diameter_answer": 6, "hop": 16, "registration": 1},
    ),
    "open5gs/srsenb.pcapng": Truth(
        1928, "one attach for data (no row); AIR, ULR, CCR at begin and end", {"diameter_answer": 4}
    ),
    "open5gs/testattach.pcapng": Truth(
        565,
        "14 attaches: 12 accepted for data (no row), one rejected with EMM cause 8, one "
        "whose authentication failed",
        {"diameter_answer": 43, "registration": 2},
    ),
    "open5gs/testregistration.pcapng": Truth(4104, "5G only: NGAP and HTTP/2"),
    "open5gs/volte.pcapng": Truth(
        371,
        "one call with both legs, each with its QCI 1 bearer; LIR and two Gx RAR; four "
        "streams at S1-U, each packet "
        "twice; OPTIONS are no calls",
        {"call": 2, "diameter_answer": 3, "hop": 23, "voice_slice": 4},
    ),
    "sngrep/ipip.pcap": Truth(
        4, "one call over TCP, two of its packets inside IP in IP", {"call": 1, "hop": 4}
    ),
    "suricata-verify/sip-header-multi-value_sip_header_multi_val.pcap": Truth(
        1, "a lone INVITE", {"call": 1, "hop": 1}
    ),
    "suricata-verify/sip-options-method_input.pcap": Truth(2, "OPTIONS and its answer"),
    "suricata-verify/sip-pattern-matching_sip.pcap": Truth(2, "a challenged REGISTER of a user without IMSI"),
    "suricata-verify/sip-sdp_sdp.pcap": Truth(2, "an INVITE and its 200", {"call": 1, "hop": 2}),
    "suricata-verify/sip-tcp-method_sip-tcp.pcap": Truth(11, "a REGISTER of a user without IMSI"),
    "suricata-verify/sip-tcp-pattern-matching_sip.pcap": Truth(7, "a challenged REGISTER without IMSI"),
}


def signalling(folder: Path) -> Path:
    return folder / "signalling"


@pytest.mark.parametrize("name", FILES)
def test_a_capture_gives_the_calls_and_registrations_that_it_holds(third_party_data: Path, name: str) -> None:
    truth = FILES[name]
    capture = read_capture(signalling(third_party_data) / name)
    assert capture.packets == truth.packets
    kinds = sum(count for state, count in capture.counts.items() if state.startswith("packets_"))
    assert kinds == truth.packets
    found = {kind: frame.height for kind, frame in capture.frames.items() if frame.height}
    assert found == truth.rows, truth.why
    assert not any("_bad_" in state for state in capture.counts)
    assert capture.counts["undecoded"] == capture.counts["cut_short"] == 0


def test_every_capture_there_is_has_its_truth_written_down(third_party_data: Path) -> None:
    folder = signalling(third_party_data)
    there = {str(path.relative_to(folder)) for path in folder.rglob("*.pcap*")}
    assert there == set(FILES)


def one(capture: Capture, kind: str, **wanted: object) -> dict[str, object]:
    (row,) = capture.frames[kind].filter(**wanted).to_dicts()
    return row


def test_a_call_is_joined_to_its_bearers_cells_and_speech(third_party_data: Path) -> None:
    capture = read_capture(signalling(third_party_data) / "open5gs/volte.pcapng")
    for leg in ("mo", "mt"):
        row = one(capture, "call", leg=leg)
        assert row["t_200"] < row["t_qci1_requested"] < row["t_qci1_established"]
        assert (row["first_ecgi"], row["codec"], row["final_status"]) == ("001-01-1-156", "AMR-WB", 200)
        voice = capture.frames["voice_slice"].filter(call_id=row["id"])
        assert sorted(voice["direction"]) == ["downlink", "uplink"]
        assert set(voice["point"]) == {"s1u"}
        assert voice["packets_lost"].sum() == 0
    assert capture.counts["rtp_copies"] == 108


def test_a_registration_has_its_attach_pdn_bearer_and_cx_stages(third_party_data: Path) -> None:
    capture = read_capture(signalling(third_party_data) / "open5gs/nonipsec_reg.pcapng")
    row = one(capture, "registration")
    assert (row["attach_type"], row["attach_result"], row["combined_result"]) == (
        "combined",
        "accept",
        "eps_and_cs",
    )
    assert (row["apn"], row["pdn_result"], row["esm_cause"], row["qci5_bearer_result"]) == (
        "ims",
        "accept",
        50,
        "established",
    )
    assert (row["pdn_type_requested"], row["pdn_type_assigned"]) == ("IPv4v6", "IPv4")
    assert (row["ims_vops"], row["ue_voice_domain"], row["security_result"]) == (
        True,
        "ims_ps_preferred",
        "complete",
    )
    assert (row["ecgi"], row["tac"], row["final_status"], row["challenge_count"]) == (
        "001-01-1-155",
        1,
        200,
        1,
    )
    assert (row["cx_command"], row["cx_vendor"], row["cx_code"]) == ("SAR", 0, 2001)


def test_an_attach_that_failed_is_a_registration_that_never_came_to_sip(third_party_data: Path) -> None:
    capture = read_capture(signalling(third_party_data) / "open5gs/testattach.pcapng")
    refused = one(capture, "registration", emm_cause=8)
    assert (refused["attach_result"], refused["final_status"], refused["pdn_result"]) == (
        "reject",
        None,
        None,
    )
    failed = one(capture, "registration", security_result="rejected")
    assert failed["attach_result"] == "reject"


def test_all_captures_go_through_ingest_without_quarantine_or_identity(
    third_party_data: Path, tmp_path: Path
) -> None:
    names = ("open5gs/volte.pcapng", "open5gs/nonipsec_reg.pcapng", "heplify/sip_ipv4_tcp.pcap")
    with Store.open(tmp_path / "store") as store:
        report = ingest(store, [signalling(third_party_data) / name for name in names])
        assert report.states == {FileState.STORED: 3}, [str(bad) for bad in report.bad_rows]
        kept = [store.records(kind).collect() for kind in ("call", "registration", "diameter_answer")]
    text = str([frame.to_dicts() for frame in kept])
    assert "001011234567895" not in text
    assert "98765432100" not in text
