"""Milenage against the test sets of TS 35.207, and the AKA that a SIM and an HSS play."""

from __future__ import annotations

import base64

import pytest
from lab_milenage import (
    Digest,
    Milenage,
    OldSequenceError,
    Sim,
    WrongKeyError,
    challenge_of,
    opc_of,
    sqn_of_auts,
    vector,
)

# TS 35.207 clause 4.3 and following: K, RAND, SQN, AMF, OP, then what the functions give.
SET_1 = {
    "K": "465b5ce8b199b49faa5f0a2ee238a6bc",
    "RAND": "23553cbe9637a89d218ae64dae47bf35",
    "SQN": "ff9bb4d0b607",
    "AMF": "b9b9",
    "OP": "cdc202d5123e20f62b6d676ac72cb318",
    "OPc": "cd63cb71954a9f4e48a5994e37a02baf",
    "f1": "4a9ffac354dfafb3",
    "f1*": "01cfaf9ec4e871e9",
    "f2": "a54211d5e3ba50bf",
    "f5": "aa689c648370",
    "f3": "b40ba9a3c58b2a05bbf0d987b21bf8cb",
    "f4": "f769bcd751044604127672711c6d3441",
    "f5*": "451e8beca43b",
}
SET_3 = {
    "K": "fec86ba6eb707ed08905757b1bb44b8f",
    "RAND": "9f7c8d021accf4db213ccff0c7f71a6a",
    "SQN": "9d0277595ffc",
    "AMF": "725c",
    "OP": "dbc59adcb6f9a0ef735477b7fadf8374",
    "OPc": "1006020f0a478bf6b699f15c062e42b3",
    "f1": "9cabc3e99baf7281",
    "f1*": "95814ba2b3044324",
    "f2": "8011c48c0c214ed2",
    "f5": "33484dc2136b",
    "f3": "5dbdbb2954e8f3cde665b046179a5098",
    "f4": "59a92d3b476a0443487055cf88b2307b",
    "f5*": "deacdd848cc6",
}


def _bytes(given: dict[str, str]) -> dict[str, bytes]:
    return {name: bytes.fromhex(value) for name, value in given.items()}


@pytest.mark.parametrize("given", [SET_1, SET_3], ids=["set 1", "set 3"])
def test_milenage_gives_what_the_standard_prints(given: dict[str, str]) -> None:
    v = _bytes(given)
    milenage = Milenage(v["K"], opc_of(v["K"], v["OP"]))
    assert milenage.opc == v["OPc"]
    assert milenage.f1(v["RAND"], v["SQN"], v["AMF"]) == (v["f1"], v["f1*"])
    assert milenage.f2_f5(v["RAND"]) == (v["f2"], v["f5"])
    assert milenage.f3(v["RAND"]) == v["f3"]
    assert milenage.f4(v["RAND"]) == v["f4"]
    assert milenage.f5_star(v["RAND"]) == v["f5*"]


def _pair() -> tuple[Milenage, Sim]:
    v = _bytes(SET_1)
    milenage = Milenage(v["K"], v["OPc"])
    return milenage, Sim(milenage)


def test_a_sim_answers_a_fresh_challenge_with_the_expected_response() -> None:
    milenage, sim = _pair()
    made = vector(milenage, 33, b"r" * 16)
    assert sim.answer(made.rand, made.autn) == made.xres
    assert sim.sqn == 33


def test_a_sim_with_another_key_refuses_the_challenge() -> None:
    milenage, _ = _pair()
    made = vector(milenage, 33, b"r" * 16)
    stranger = Sim(Milenage(b"x" * 16, milenage.opc))
    with pytest.raises(WrongKeyError):
        stranger.answer(made.rand, made.autn)


def test_an_old_sequence_number_is_answered_with_an_auts_that_the_hss_understands() -> None:
    milenage, sim = _pair()
    sim.sqn = 4_000
    made = vector(milenage, 33, b"r" * 16)
    with pytest.raises(OldSequenceError) as caught:
        sim.answer(made.rand, made.autn)
    assert sqn_of_auts(milenage, made.rand, caught.value.auts) == 4_000
    forged = bytes(14)
    assert sqn_of_auts(milenage, made.rand, forged) is None


def test_the_digest_response_follows_rfc_2617() -> None:
    # The worked example of RFC 2617 clause 3.5.
    digest = Digest(
        "Mufasa",
        "testrealm@host.com",
        "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        "GET",
        "/dir/index.html",
        "0a4f113b",
    )
    assert digest.response(b"Circle Of Life") == "6629fae49393a05397450978507c4ef1"


def test_a_nonce_carries_rand_and_autn() -> None:
    nonce = base64.b64encode(bytes(range(32))).decode()
    assert challenge_of(nonce) == (bytes(range(16)), bytes(range(16, 32)))
