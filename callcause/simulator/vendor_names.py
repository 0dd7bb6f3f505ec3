"""Counters of a RAN vendor that has names of its own: what TS 32.425 counts, written as pm counters.

Ratios of TS 32.425 come from the counts that the vendor keeps; counters that are not named here have the same
name at both.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counters = dict[str, NDArray[Any]]
VENDOR = "Ericsson"
PACKETS_PER_SECOND = 25.0  # one voice frame of 20 ms each way, half of the time
NAMES = {
    "RRC.ConnEstabAtt.sum": "pmRrcConnEstabAtt",
    "RRC.ConnEstabSucc.sum": "pmRrcConnEstabSucc",
    "RRC.ConnReEstabAtt.sum": "pmRrcConnReestAtt",
    "RRC.ConnReEstabSucc.sum": "pmRrcConnReestSucc",
    "RRC.ConnMax": "pmRrcConnMax",
    "S1SIG.ConnEstabAtt": "pmS1SigConnEstabAtt",
    "S1SIG.ConnEstabSucc": "pmS1SigConnEstabSucc",
    "PAG.ReceivedNbr": "pmPagReceived",
    "PAG.DiscardedNbr": "pmPagDiscarded",
    "ERAB.RelActNbr.1": "pmErabRelAbnormalEnbActQci[1]",
    "HO.IntraEnbOutAtt.sum": "pmCellHoExeAttLteIntraF",
    "HO.IntraEnbOutSucc.sum": "pmCellHoExeSuccLteIntraF",
    "HO.InterEnbOutAtt.sum": "pmCellHoExeAttLteInterF",
    "HO.InterEnbOutSucc.sum": "pmCellHoExeSuccLteInterF",
    "HO.IartOutAtt.sum": "pmCellHoExeAttSrvccGeran",
    "HO.IartOutSucc.sum": "pmCellHoExeSuccSrvccGeran",
    "RRU.CellUnavailableTime": "pmCellDowntimeAuto",
}
PATTERNS = (
    (re.compile(r"ERAB\.EstabInitAttNbr\.(\d)"), "pmErabEstabAttInitQci[{}]"),
    (re.compile(r"ERAB\.EstabInitSuccNbr\.(\d)"), "pmErabEstabSuccInitQci[{}]"),
    (re.compile(r"ERAB\.EstabAddAttNbr\.(\d)"), "pmErabEstabAttAddedQci[{}]"),
    (re.compile(r"ERAB\.EstabAddSuccNbr\.(\d)"), "pmErabEstabSuccAddedQci[{}]"),
    (re.compile(r"ERAB\.SessionTimeQCI\.(\d)"), "pmSessionTimeDrbQci[{}]"),
)
# ratio in parts per million -> (counter of the part, counter of the rest or of the whole, whole is the sum)
RATIOS = {
    "DRB.PdcpSduLossRateUl.1": ("pmPdcpPktLostUlQci[1]", "pmPdcpPktReceivedUlQci[1]", True),
    "DRB.PdcpSduAirLossRateDl.1": ("pmPdcpPktDiscDlPelrUuQci[1]", "pmPdcpPktTransDlQci[1]", False),
    "DRB.PdcpSduDropRateDl.1": ("pmPdcpPktDiscDlPelrQci[1]", "pmPdcpPktReceivedDlQci[1]", False),
}


def in_vendor_names(counters: Counters) -> Counters:
    """Return the counters as the vendor writes them; arrays keep their shape."""
    packets = np.floor(counters["ERAB.SessionTimeQCI.1"] * PACKETS_PER_SECOND)
    written: Counters = {}
    for name, values in counters.items():
        if name in RATIOS:
            part, other, is_sum = RATIOS[name]
            lost = np.round(packets * values / 1e6)
            written[part], written[other] = lost, packets - lost if is_sum else packets
        elif name == "DRB.PdcpSduDelayDl.1":
            written["pmPdcpLatTimeDlQci[1]"] = np.round(values * packets)
            written["pmPdcpLatPktTransDlQci[1]"] = packets
        elif name == "ERAB.UsageNbrMean.1":
            written["pmErabQciLevSum[1]"], written["pmErabQciLevSamp"] = _sampled(values)
        else:
            written[_renamed(name)] = values
    return written


def _sampled(mean: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Levels read every five seconds of a quarter of an hour: their sum, and how many."""
    samples = np.full(mean.shape, 180.0)
    return np.round(mean * samples), samples


def _renamed(name: str) -> str:
    for pattern, form in PATTERNS:
        found = pattern.fullmatch(name)
        if found:
            return form.format(found.group(1))
    return NAMES.get(name, name)
