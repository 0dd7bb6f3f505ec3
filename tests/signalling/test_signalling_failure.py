"""Which node of a forwarded request failed first or fell silent, for trees of transactions of any shape."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.signalling.failure import first_failure
from collectors.signalling.hop import Hop
from collectors.signalling.nodes import Node, NodeBook
from collectors.signalling.sighting import Endpoint
from collectors.signalling.transaction import Transaction, roots, transactions

START = datetime(2026, 3, 2, tzinfo=UTC)
PLACES = [Endpoint(f"10.0.0.{n}", 5060) for n in range(1, 10)]
TYPES = ("ue", "pcscf", "icscf", "scscf", "as", "mgcf", "sbc", "rtp_proxy", "")


def hop(ms: float, at: int, status: int | None = None, **more: Any) -> Hop:
    """A message on the hop from place `at` to the next one, or its answer."""
    ends = (PLACES[at], PLACES[at + 1]) if status is None else (PLACES[at + 1], PLACES[at])
    told = {
        "at": START + timedelta(milliseconds=ms), "source": ends[0], "destination": ends[1], "tap": "1",
        "method": "INVITE", "status": status, "text": "", "uri": "", "call_id": "c", "branch": f"b{at}",
        "parent": f"b{at - 1}" if at else "", "vias": at + 1, "cseq": 1, "from_tag": "", "to_tag": "",
        "from_uri": "", "to_uri": "", "sent_by": "", "headers": {}, "codecs": None,
    }  # fmt: skip
    return Hop(**{**told, **more})


def transaction(at: int, *hops: Hop, children: Sequence[Transaction] = ()) -> Transaction:
    ends = (Node("a", TYPES[at]), Node("b", TYPES[at + 1]))
    made = Transaction("c", "INVITE", 1, PLACES[at], PLACES[at + 1], *ends, list(hops))
    made.children = list(children)
    return made


def chain(*statuses: int | None) -> Transaction:
    """A request forwarded from node to node; each answers with its status, or not."""
    below: list[Transaction] = []
    for at in reversed(range(len(statuses))):
        hops = [hop(at, at)]
        if statuses[at] is not None:
            hops.append(hop(100 - at, at, statuses[at]))
        below = [transaction(at, *hops, children=below)]
    return below[0]


@pytest.mark.parametrize(
    ("statuses", "node", "status"),
    [
        ((500, 500, 503), "scscf", 503),
        ((500, 404), "icscf", 404),
        ((480,), "pcscf", 480),
        ((408, 408, None), "scscf", None),
        ((None, None), "icscf", None),
        ((500, 200), "pcscf", 500),
        ((500, 487), "pcscf", 500),
        ((603, 603, 603, 603, 603), "mgcf", 603),
    ],
)
def test_the_deepest_node_that_failed_is_the_one_that_failed_first(
    statuses: tuple[int | None, ...], node: str, status: int | None
) -> None:
    failure = first_failure(chain(*statuses))
    assert failure is not None
    assert (failure.node_type, failure.status) == (node, status)


@pytest.mark.parametrize("statuses", [(200,), (200, 500), (302,), (487,), (487, 487), (401,), (407, 407)])
def test_who_was_answered_well_challenged_or_cancelled_did_not_fail(statuses: tuple[int, ...]) -> None:
    assert first_failure(chain(*statuses)) is None


def test_a_challenge_that_nobody_answers_is_a_failure_where_it_is_asked_for() -> None:
    failure = first_failure(chain(401, 401), challenge_fails=True)
    assert failure is not None
    assert (failure.node_type, failure.status) == ("icscf", 401)


def test_who_rang_is_not_silent_and_who_only_said_trying_is() -> None:
    rang = transaction(0, hop(0, 0), hop(5, 0, 180))
    trying = transaction(0, hop(0, 0), hop(5, 0, 100))
    assert first_failure(rang) is None
    failure = first_failure(trying)
    assert failure is not None
    assert failure.status is None


def test_of_two_forks_the_one_that_failed_earlier_counts() -> None:
    early = transaction(1, hop(1, 1), hop(20, 1, 486))
    late = transaction(1, hop(1, 1), hop(30, 1, 503))
    failure = first_failure(transaction(0, hop(0, 0), hop(40, 0, 503), children=[late, early]))
    assert failure is not None
    assert failure.status == 486


def test_a_node_that_no_record_field_knows_is_other_and_one_without_a_type_unknown() -> None:
    for at, told in ((6, "other"), (7, "unknown")):
        failure = first_failure(transaction(at, hop(0, at), hop(1, at, 500)))
        assert failure is not None
        assert failure.node_type == told


STATUSES = st.sampled_from([None, 180, 200, 404, 480, 487, 500, 503])


@given(st.lists(STATUSES, min_size=1, max_size=8))
def test_a_failure_is_one_that_a_node_of_the_chain_really_showed(statuses: list[int | None]) -> None:
    failure = first_failure(chain(*statuses))
    if failure is None:
        return
    at = [n for n in range(len(statuses)) if Node("b", TYPES[n + 1]) == failure.node]
    assert [statuses[n] for n in at] == [failure.status]
    # All nodes above it failed too: the failure is what came of it there.
    assert all(s is None or s < 200 or s >= 400 for s in statuses[: at[0]])


@given(st.lists(STATUSES, min_size=1, max_size=7), st.randoms(use_true_random=False))
def test_messages_in_any_order_become_one_chain(statuses: list[int | None], random: Any) -> None:
    hops = [hop(at, at) for at in range(len(statuses))]
    hops += [hop(100 - at, at, status) for at, status in enumerate(statuses) if status is not None]
    random.shuffle(hops)
    made = transactions(hops, NodeBook(()))
    (root,) = roots(made)
    walked = list(root.walk())
    assert [one.request.branch for one in walked if one.request] == [f"b{n}" for n in range(len(statuses))]
    assert [one.status for one in walked] == [s if s is not None and s >= 200 else None for s in statuses]


def test_vias_that_name_each_other_in_a_circle_do_not_hang_the_reader() -> None:
    first, second = hop(0, 0, parent="b1"), hop(1, 1)
    made = transactions([first, second], NodeBook(()))
    assert len(made) == 2
    assert len(roots(made)) == 1
    assert first_failure(roots(made)[0]) is not None


def test_a_request_forwarded_thousands_of_times_is_followed_to_its_end() -> None:
    depth = 3000
    below: list[Transaction] = []
    for at in reversed(range(depth)):
        below = [transaction(1, hop(at, 1), hop(9000 - at, 1, 503), children=below)]
    failure = first_failure(below[0])
    assert failure is not None
    assert failure.at == START + timedelta(milliseconds=9000 - depth + 1)
