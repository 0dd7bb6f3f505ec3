"""Which cell or node a PM object is."""

from __future__ import annotations

import pickle

import polars as pl
import pytest

from collectors.pm.counter_map import CounterMaps, load_maps
from collectors.pm.objects import OBJECT_SCHEMA, ObjectMatcher, no_inventory


@pytest.fixture(scope="module")
def maps() -> CounterMaps:
    return load_maps()


def cells(*rows: tuple[str, str | None, str | None, str | None]) -> pl.DataFrame:
    fields = ("ecgi", "cell_name", "managed_element_dn", "meas_obj_ldn")
    return pl.DataFrame(rows, schema=dict.fromkeys(fields, pl.String), orient="row")


NODES = pl.DataFrame({
    "node_id": ["SCSCF-3", "MME-1", "ENB-345678", "A", "B"],
    "node_type": ["scscf", "mme", "enb", "other", "other"],
    "names": [["SCSCF-3",
    "sip:scscf3.ims.example.net:5060;lr"], ["mme1.epc"], ["345678"], ["twin"], ["twin"]],
})  # fmt: skip


def found(
    matcher: ObjectMatcher, dn: str, ldn: str, map_name: str = "3gpp", label: str = ""
) -> tuple[str, str, str]:
    return matcher.entities([(dn, ldn, map_name, label)]).row(0)


def test_both_names_come_first_and_blanks_around_commas_and_equals_do_not_count(maps: CounterMaps) -> None:
    matcher = ObjectMatcher(
        cells(("460-00-1-1", None, "ManagedElement=1", "Cell=7"), ("460-00-2-1", None,
        "ManagedElement=2", "Cell=7")),
        pl.DataFrame(), maps,
    )  # fmt: skip
    assert found(matcher, "ManagedElement = 2", "Cell =7") == ("460-00-2-1", "cell", "both_names")
    assert found(matcher, "ManagedElement=3", "Cell=7")[2] == "none"  # the LDN alone names two cells


def test_the_ldn_alone_is_enough_where_it_names_one_cell(maps: CounterMaps) -> None:
    matcher = ObjectMatcher(cells(("460-00-1-1", None, "ManagedElement=1", "Cell=7")), pl.DataFrame(), maps)
    assert found(matcher, "elsewhere", "Cell=7") == ("460-00-1-1", "cell", "ldn")
    assert found(matcher, "elsewhere", "cell=7")[2] == "none"  # text is compared as written


def test_numbers_of_the_pattern_find_the_cell_of_the_inventory(maps: CounterMaps) -> None:
    matcher = ObjectMatcher(
        cells(("460-00-345678-2", None, None, None), ("461-01-9-9", None, None, None)), pl.DataFrame(), maps
    )
    assert found(matcher, "x", "ENBFunction=0345678,EUtranCellTDD=2") == (
        "460-00-345678-2",
        "cell",
        "pattern",
    )
    assert (
        found(matcher, "ManagedElement=345678", "ENodeBFunction=1,EUtranCellFDD=2", "ericsson")[0]
        == "460-00-345678-2"
    )
    # two networks in the inventory: which one an unknown cell belongs to is not known
    assert found(matcher, "x", "ENBFunction=7,EUtranCellTDD=2")[2] == "none"


def test_numbers_give_the_ecgi_of_a_cell_that_the_inventory_lacks_where_the_network_is_known(
    maps: CounterMaps,
) -> None:
    matcher = ObjectMatcher(cells(("460-00-345678-2", None, None, None)), pl.DataFrame(), maps)
    assert found(matcher, "x", "ENBFunction=7,EUtranCellTDD=3") == ("460-00-7-3", "cell", "pattern")


def test_the_name_in_the_pattern_is_looked_up_among_cell_names(maps: CounterMaps) -> None:
    matcher = ObjectMatcher(cells(("460-00-1-1", "KM-Market-2", None, None),
                                  ("460-00-1-2", "twice", None, None),
                                  ("460-00-1-3", "twice", None, None)), pl.DataFrame(), maps)  # fmt: skip
    assert found(matcher, "x", "ENBFunction=1,EUtranCellTDD=KM-Market-2")[0] == "460-00-1-1"
    assert found(matcher, "x", "ENodeBFunction=1,EUtranCellFDD=KM-Market-2", "ericsson")[0] == "460-00-1-1"
    assert (
        found(matcher, "x", "eNodeB Function Name=S, Local Cell ID=1, Cell Name=KM-Market-2")[0]
        == "460-00-1-1"
    )
    assert found(matcher, "x", "EUtranCellTDD=twice")[2] == "none"


def test_identities_that_are_written_out_are_taken(maps: CounterMaps) -> None:
    matcher = no_inventory(maps)
    assert found(matcher, "x", "EUtranCellTDD=460-00-345678-2") == ("460-00-345678-2", "cell", "pattern")
    assert found(matcher, "x", "BssFunction=1,GsmCell=460-00-10411-123") == (
        "460-00-10411-123",
        "gsm_cell",
        "pattern",
    )


def test_an_object_of_no_inventory_keeps_its_own_names(maps: CounterMaps) -> None:
    assert found(no_inventory(maps), "A/b%", "Port=1") == ("unmatched:A%2Fb%25/Port=1", "other", "none")


@pytest.mark.parametrize(("dn", "ldn", "label", "node"), [
    ("ManagedElement=scscf3.ims.example.net", "SCSCFFunction=1", "", "SCSCF-3"),
    ("ManagedElement=SCSCF-3", "", "", "SCSCF-3"),
    ("ManagedElement=x", "SCSCFFunction=scscf-3", "", "SCSCF-3"),
    ("SubNetwork=1,ManagedElement=x", "ManagedElement=x,MmeFunction=1", "MME1.epc", "MME-1"),
    ("sip:SCSCF3.IMS.example.net;transport=tcp", "", "", "SCSCF-3"),
    ("", "mme1.epc:3868", "", "MME-1"),
    ("ManagedElement=345678", "ENBFunction=345678", "", "ENB-345678"),
])  # fmt: skip
def test_functions_find_their_node_by_any_of_its_names(
    maps: CounterMaps, dn: str, ldn: str, label: str, node: str
) -> None:
    assert found(ObjectMatcher(pl.DataFrame(), NODES, maps), dn, ldn, "3gpp", label) == (
        node,
        "node",
        "node_name",
    )


@pytest.mark.parametrize(("dn", "ldn"), [
    ("ManagedElement=SCSCF-3", "SCSCFFunction=1,Port=3"), ("ManagedElement=345678",
    "ENBFunction=345678,EUtranCellTDD=9"),
    ("ManagedElement=345678", "Equipment=1,Board=2"), ("ManagedElement=twin", ""), ("", ""),
])  # fmt: skip
def test_a_part_of_a_node_and_a_name_of_two_nodes_are_no_node(maps: CounterMaps, dn: str, ldn: str) -> None:
    assert found(ObjectMatcher(pl.DataFrame(), NODES, maps), dn, ldn)[1:] == ("other", "none")


def test_names_of_nodes_may_come_joined_by_semicolons(maps: CounterMaps) -> None:
    nodes = pl.DataFrame({"node_id": ["N-1"], "names": ["one;sip:two.example"]})
    assert found(ObjectMatcher(pl.DataFrame(), nodes, maps), "two.example", "")[0] == "N-1"


def test_unmatched_entities_are_named_by_inventories_that_come_later(maps: CounterMaps) -> None:
    keys = [
        ("M/1", "ENBFunction=7,EUtranCellTDD=3", "3gpp", ""),
        ("ManagedElement=SCSCF-3", "", "3gpp", ""),
        ("x", "y", "3gpp", ""),
    ]
    names = no_inventory(maps).entities(keys)["entity"].to_list()
    later = ObjectMatcher(cells(("460-00-7-3", None, None, None)), NODES, maps)
    assert later.rematch([*names, "460-00-1-1"]) == {
        names[0]: ("460-00-7-3", "cell"),
        names[1]: ("SCSCF-3", "node"),
    }
    assert later.rematch([]) == {}


def test_rows_keep_their_order_and_their_own_columns(maps: CounterMaps) -> None:
    rows = [("b", "Cell=2", "3gpp", ""), ("a", "Cell=1", "3gpp", ""), ("b", "Cell=2", "3gpp", "")]
    frame = pl.DataFrame(rows, schema=OBJECT_SCHEMA, orient="row").with_columns(n=pl.Series([1, 2, 3]))
    matched = no_inventory(maps).match(frame)
    assert matched["n"].to_list() == [1, 2, 3]
    assert matched["entity"].to_list() == ["unmatched:b/Cell=2", "unmatched:a/Cell=1", "unmatched:b/Cell=2"]


def test_the_matcher_travels_to_worker_processes_and_does_not_depend_on_row_order(maps: CounterMaps) -> None:
    table = cells(
        ("460-00-1-1", "n", "d", "l"), ("460-00-2-1", "n", "d", "l"), ("460-00-3-1", "m", None, "k")
    )
    for frame in (table, table.reverse()):
        matcher = pickle.loads(pickle.dumps(ObjectMatcher(frame, NODES, maps)))
        assert found(matcher, "d", "l")[2] == "none"  # two cells claim it
        assert found(matcher, "d", "k")[0] == "460-00-3-1"
