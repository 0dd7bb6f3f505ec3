"""Severity, priority and escalation (section 4, RULES).

Major escalated complaints, levels, joint complaints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Priority = Literal["P1", "P2", "P3"]
JOINT = 3
"""A joint complaint by three or more customers is a major escalated one (RULES)."""
HANDLED_OFTEN = 3
"""Handled this many times and still not settled (rule 2 gives no number; default-unverified)."""
LEVELS = {0: "10086", 1: "10080", 2: "12300"}
"""Escalation ladder: operator line, group supervision line, regulator (CH)."""
_CHANNEL_LEVEL = {
    "supervision_10080": 1,
    "group_supervision_4001110086": 1,
    "regulator_12300": 2,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What severity is judged by.

    `serious`: a person says that it shows a serious shortcoming that cannot be solved in the short term
    (rule 1); `times_handled`: how often it was resolved and came back, or was handed on; `disturbs`: it
    disturbs normal business or tends to escalate (rule 2); `joint_count`: customers who complain together,
    `wide`: cause common, wide and of large effect (rule 3).
    """

    serious: bool = False
    times_handled: int = 0
    disturbs: bool = False
    joint_count: int = 1
    wide: bool = False
    level: int = 0
    repeat: bool = False
    in_cluster: bool = False


def level_of_channel(channel: str | None) -> int:
    """Escalation level that a channel stands for; 0 for every channel of the operator."""
    return _CHANNEL_LEVEL.get(channel or "", 0)


def major_rules(standing: Standing) -> tuple[int, ...]:
    """Return which of the three rules make it a major escalated complaint (重大升级投诉)."""
    rules = {
        1: standing.serious,
        2: standing.times_handled >= HANDLED_OFTEN or standing.disturbs,
        3: standing.joint_count >= JOINT or standing.wide,
    }
    return tuple(number for number, holds in rules.items() if holds)


def severity(standing: Standing) -> Literal["major", "normal"]:
    """`major` when any of the three rules holds."""
    return "major" if major_rules(standing) else "normal"


def priority(standing: Standing) -> Priority:
    """P1: major, or regulator level; P2: repeat, cluster or group level.

    P3: the rest (section 2, default).
    """
    if major_rules(standing) or standing.level >= 2:
        return "P1"
    return "P2" if standing.repeat or standing.in_cluster or standing.level == 1 else "P3"
