"""Messages of the access and of policy joined to calls and registrations; trees of any shape."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.capture.access import AccessPart
from collectors.capture.gtp import read_gtp
from collectors.capture.join import PolicyPart, joined
from collectors.capture.packets import Layer, Tree, read_packets
from collectors.capture.s1ap import ecgi_text, plmn_of, read_s1ap
from collectors.capture.sightings import WANTED
from collectors.signalling.sighting import (
    DiameterMessage,
    Endpoint,
    GtpMessage,
    Message,
    NasMessage,
    S1apMessage,
    Sighting,
)

AT = datetime(2026, 3, 11, 9, 15, tzinfo=UTC)
ENB, MME = Endpoint("10.0.0.1", 36412), Endpoint("10.0.0.2", 36412)
IMSI = "460001234567890"
PHONE = "10.1.0.2"
USER = "s1/7"


def later(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def s1ap(name: str, **fields: Any) -> S1apMessage:
    return S1apMessage("S1AP", name, user=USER, **fields)


def nas(name: str, **fields: Any) -> NasMessage:
    return NasMessage("NAS", name, user=USER, **fields)


ATTACH = [
    (0.0, s1ap("INITIAL UE MESSAGE", ecgi="460-00-345678-2", tac=9811)),
    (0.0, nas("ATTACH REQUEST", imsi=IMSI, fields=(("attach_type", "combined"),))),
]
VOICE_BEARER = [
    (11.0, s1ap("E-RAB SETUP REQUEST", bearer=7, qci=1, ue_address=PHONE)),
    (11.2, s1ap("E-RAB SETUP RESPONSE", bearer=7, fields=(("failed", False),))),
]


def frames(end: float | None = 60.0) -> dict[str, pl.DataFrame]:
    call = {"id": ["CL-1"], "icid": ["icid-1"], "sip_call_id": ["c1"], "leg": ["mo"],
            "started_at": [later(10)],
            "t_end": [None if end is None else later(end)], "calling_number": ["1"], "called_number": ["2"],
            "first_ecgi": [None], "final_status": [200], "imsi": [None]}  # fmt: skip
    registration = {"id": ["RG-1"], "started_at": [later(2)], "ended_at": [later(2.5)], "imsi": [IMSI],
                    "impi": ["i"], "impu": ["u"], "ecgi": [None], "final_status": [200]}  # fmt: skip
    types = {
        "t_end": pl.Datetime("us", "UTC"),
        "imsi": pl.String(),
        "first_ecgi": pl.String(),
        "ecgi": pl.String(),
    }
    return {
        "call": pl.DataFrame(call, schema_overrides={k: v for k, v in types.items() if k in call}),
        "registration": pl.DataFrame(registration, schema_overrides={"ecgi": pl.String()}),
    }


def join(
    *messages: tuple[float, Message], given: dict[str, pl.DataFrame] | None = None
) -> tuple[dict[str, dict[str, Any]], AccessPart]:
    access, policy = AccessPart(), PolicyPart()
    for at, message in messages:
        sighting = Sighting(later(at), ENB, MME, "sctp", "x", message)
        access.take(sighting)
        policy.take(sighting)
    hosts = {("c1", "mo"): {PHONE}}
    made = joined(
        frames() if given is None else given, access, policy, lambda call, leg: hosts.get((call, leg), set())
    )
    return {
        row["id"]: row for kind in ("call", "registration") if kind in made for row in made[kind].to_dicts()
    }, access


def test_the_voice_bearer_of_the_phones_address_gives_the_call_its_times_and_cell() -> None:
    rows, _ = join(
        *ATTACH, *VOICE_BEARER, (60.1, s1ap("E-RAB RELEASE COMMAND", bearer=7, group="NAS", cause=0))
    )
    call = rows["CL-1"]
    assert (call["t_qci1_requested"], call["t_qci1_established"]) == (later(11.0), later(11.2))
    assert (call["t_qci1_released"], call["first_ecgi"], call["imsi"]) == (
        later(60.1),
        "460-00-345678-2",
        IMSI,
    )


def test_a_bearer_of_another_phone_or_another_time_is_not_the_calls() -> None:
    other = s1ap("E-RAB SETUP REQUEST", bearer=7, qci=1, ue_address="10.1.0.99")
    rows, _ = join((11.0, other))
    assert rows["CL-1"].get("t_qci1_requested") is None
    rows, _ = join((300.0, VOICE_BEARER[0][1]))
    assert rows["CL-1"].get("t_qci1_requested") is None


def test_a_bearer_that_could_not_be_set_up_tells_group_and_cause() -> None:
    failed = s1ap("E-RAB SETUP RESPONSE", bearer=7, group="RNL", cause=25, fields=(("failed", True),))
    call = join(VOICE_BEARER[0], (11.3, failed))[0]["CL-1"]
    assert (call["erab_fail_group"], call["erab_fail_cause"], call["t_qci1_established"]) == ("RNL", 25, None)


def test_a_lost_radio_link_in_the_call_tells_its_s1ap_cause() -> None:
    lost = s1ap("UE CONTEXT RELEASE REQUEST", group="RNL", cause=21)
    freed = s1ap("UE CONTEXT RELEASE COMMAND", group="RNL", cause=21)
    call = join(*VOICE_BEARER, (40.0, lost), (40.1, freed))[0]["CL-1"]
    assert (call["s1ap_group"], call["s1ap_cause"], call["t_qci1_released"]) == ("RNL", 21, later(40.0))


def test_a_release_long_after_the_call_is_not_why_it_ended() -> None:
    call = join(*VOICE_BEARER, (300.0, s1ap("UE CONTEXT RELEASE REQUEST", group="RNL", cause=20)))[0]["CL-1"]
    assert call.get("s1ap_cause") is None


def rx(command: str, request: bool, **fields: Any) -> DiameterMessage:
    return DiameterMessage("Rx", command, request, hop_by_hop=9, end_to_end=9, **fields)


@pytest.mark.parametrize("about", [{"icid": "icid-1"}, {"framed_address": PHONE}], ids=["icid", "address"])
def test_the_rx_result_finds_its_call_by_icid_or_address(about: dict[str, str]) -> None:
    asked, told = rx("AAR", True, **about), rx("AAR", False, vendor=10415, code=5065)
    call = join((10.5, asked), (10.6, told))[0]["CL-1"]
    assert (call["rx_vendor"], call["rx_code"]) == (10415, 5065)


def test_an_abort_and_a_failed_rule_find_their_call() -> None:
    abort = rx("ASR", True, icid="icid-1", abort_cause=0)
    rule = DiameterMessage("Gx", "CCR", True, framed_address=PHONE, rule_failure_code=10)
    call = join((30.0, abort), (30.1, rule))[0]["CL-1"]
    assert (call["rx_abort_cause"], call["gx_rule_failure_code"]) == (0, 10)


def test_a_registration_takes_the_stages_of_the_attach_before_it() -> None:
    accept = nas("ATTACH ACCEPT", fields=(("combined_result", "eps_only"), ("ims_vops", False)))
    pdn = nas(
        "ACTIVATE DEFAULT EPS BEARER CONTEXT REQUEST", apn="ims", fields=(("pdn_type_assigned", "IPv6"),)
    )
    rows, access = join(*ATTACH, (0.5, accept), (0.6, pdn))
    row = rows["RG-1"]
    assert (row["attach_result"], row["combined_result"], row["ims_vops"]) == ("accept", "eps_only", False)
    assert (row["pdn_result"], row["pdn_type_assigned"], row["ecgi"], row["tac"]) == (
        *("accept", "IPv6", "460-00-345678-2", 9811),
    )
    assert access.counts["attach_with_register"] == 1


def test_a_user_known_by_temporary_identity_gets_the_imsi_of_its_pdn_session() -> None:
    request = GtpMessage("GTPv2", "Create Session Request", user="t1", imsi=IMSI, apn="ims")
    response = GtpMessage("GTPv2", "Create Session Response", cause=16, user="t1", ue_address="10.2.0.7",
                          fields=(("teid", "10.0.0.5/33"),))  # fmt: skip
    unknown = nas("ATTACH REQUEST", fields=(("attach_type", "eps"),))
    bearer = s1ap("E-RAB SETUP REQUEST", bearer=6, qci=5, fields=(("teid", "10.0.0.5/33"), ("failed", False)))
    done = s1ap("E-RAB SETUP RESPONSE", bearer=6, fields=(("failed", False),))
    rows, _ = join((0.1, unknown), (0.2, request), (0.3, response), (0.4, bearer), (0.5, done))
    assert (rows["RG-1"]["attach_type"], rows["RG-1"]["qci5_bearer_result"]) == ("eps", "established")


def test_attaches_without_register_are_rows_where_they_failed_or_wanted_the_ims() -> None:
    refused = nas("ATTACH REJECT", cause=8)
    rows, access = join(*ATTACH, (1.0, refused), given={})
    (row,) = rows.values()
    assert (row["imsi"], row["attach_result"], row["emm_cause"], row["final_status"]) == (
        IMSI,
        "reject",
        8,
        None,
    )
    for_data = nas("ACTIVATE DEFAULT EPS BEARER CONTEXT REQUEST", apn="internet")
    rows, access = join(*ATTACH, (0.5, nas("ATTACH ACCEPT")), (0.6, for_data), given={})
    assert (rows, access.counts["attach_for_data"]) == ({}, 1)
    no_imsi = nas("ATTACH REQUEST")
    rows, access = join((0.0, no_imsi), given={})
    assert (rows, access.counts["attach_without_imsi"]) == ({}, 1)


def test_copies_of_access_messages_are_counted_and_change_nothing() -> None:
    doubled = [one for at, m in VOICE_BEARER for one in ((at, m), (at + 0.0001, m))]
    rows, access = join(*doubled)
    assert access.counts["access_duplicate"] == 2
    assert rows["CL-1"]["t_qci1_established"] == later(11.2)


# --- what tshark tells, in any shape


def test_a_plmn_is_decoded_with_two_and_three_digits_of_the_network() -> None:
    assert plmn_of("64:f0:00") == "460-00"
    assert plmn_of("13:00:14") == "310-410"
    assert plmn_of("zz") == plmn_of(None) == plmn_of("ff:ff:ff") == ""
    assert ecgi_text("460-00", 345678 * 256 + 2) == "460-00-345678-2"


NAMES = st.sampled_from(
    ["s1ap.procedureCode", "s1ap.S1AP_PDU", "s1ap.e_RAB_ID", "s1ap.qCI", "s1ap.radioNetwork", "s1ap.gTP_TEID",
     "s1ap.transportLayerAddressIPv4", "s1ap.pLMNidentity", "s1ap.CellIdentity", "nas-eps",
     "s1ap.ENB_UE_S1AP_ID",
     "nas_eps.nas_msg_emm_type", "nas_eps.nas_msg_esm_type", "nas_eps.emm.cause",
     "s1ap.E_RABFailedToSetupList",
     "gtpv2.message_type", "gtpv2.seq", "gtpv2.f_teid_interface_type", "gtpv2.f_teid_gre_key",
     "gtpv2.f_teid_ipv4", "gtpv2.ecgi_eci", "e212.ecgi.mcc", "e212.ecgi.mnc", "gtpv2.pdn_type"]
)  # fmt: skip
TEXTS = st.sampled_from(
    ["0", "1", "33", "0x41", "0xc1", "12", "64:f0:00", "", "x", "-1", "10.0.0.1"]
) | st.text(max_size=4)
TREES = st.recursive(
    st.lists(st.tuples(NAMES, TEXTS), max_size=6).map(Tree),
    lambda inner: st.lists(st.tuples(NAMES, inner | TEXTS), max_size=5).map(Tree),
    max_leaves=12,
)


@given(tree=TREES)
@settings(max_examples=150, deadline=None)
def test_any_tree_gives_messages_or_nothing(tree: Tree) -> None:
    layer = Layer("s1ap", b"", tree, ENB, MME, "sctp", False)
    part = AccessPart()
    for message in [*read_s1ap(layer), *read_gtp(layer)]:
        part.take(Sighting(AT, ENB, MME, "sctp", "", message))
    joined({}, part, PolicyPart(), lambda *_: set())


def test_output_of_tshark_that_cannot_be_read_is_counted_and_the_next_packet_read() -> None:
    good = {
        "_source": {
            "layers": {
                "frame": {"frame.time_epoch": "1.5", "frame.number": "7"},
                "sip_raw": ["41", 0],
                "sip": {},
            }
        }
    }
    text = json.dumps([good, good], indent=2).encode()
    broken = text.replace(b'"frame.number": "7"', b'"frame.number": oops', 1)
    undecoded: list[int] = []
    (packet,) = read_packets(broken.splitlines(keepends=True), WANTED, undecoded)
    assert (packet.number, [layer.data for layer in packet.layers], len(undecoded)) == (7, [b"A"], 1)


@given(
    lines=st.lists(
        st.sampled_from([b"  {\n", b"  }\n", b"  },\n", b"[\n", b'    "a": 1\n', b'"', b"\xff\n"]),
        max_size=12,
    )
)
@settings(max_examples=100, deadline=None)
def test_any_lines_end_in_packets_or_are_counted(lines: list[bytes]) -> None:
    undecoded: list[int] = []
    assert list(read_packets(lines, WANTED, undecoded)) == []
