"""Counter maps: what ships, what an operator adds, and what is wrong in one."""

from __future__ import annotations

import pickle
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from collectors.errors import ConfigError
from collectors.pm.counter_map import CounterMaps, load_maps, loose, source, unmapped_as_map


@pytest.fixture(scope="module")
def shipped() -> CounterMaps:
    return load_maps()


def with_map(folder: Path, text: str, name: str = "extra.yaml") -> CounterMaps:
    (folder / name).write_text(text)
    return load_maps(folder)


def refused(folder: Path, text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        with_map(folder, text)
    assert caught.value.exit_status == 2
    return caught.value


def test_the_shipped_maps_are_3gpp_and_ericsson(shipped: CounterMaps) -> None:
    assert shipped.names == ("3gpp", "ericsson")
    assert shipped["ericsson"].objects[-1] == shipped["3gpp"].objects[-1]  # inherited


def test_a_place_of_a_list_becomes_the_counter_of_that_qci(shipped: CounterMaps) -> None:
    (way,) = shipped["ericsson"].ways("ERAB.EstabAddSuccNbr.1")
    assert [part.key for part in way.add] == ["pmErabEstabSuccAddedQci[1]"]
    (way,) = shipped["ericsson"].ways("ERAB.EstabAddSuccNbr.5")
    assert [part.key for part in way.add] == ["pmErabEstabSuccAddedQci[5]"]


def test_formulas_add_subtract_divide_and_scale(shipped: CounterMaps) -> None:
    first, *_ = shipped["ericsson"].ways("RRC.ConnEstabAtt.sum")
    assert [(part.name, part.sign) for part in first.add] == [
        ("pmRrcConnEstabAtt", 1),
        ("pmRrcConnEstabAttReatt", -1),
    ]
    (loss,) = shipped["ericsson"].ways("DRB.PdcpSduLossRateUl.1")
    assert loss.scale == 1e6
    assert [part.key for part in loss.over] == ["pmPdcpPktReceivedUlQci[1]", "pmPdcpPktLostUlQci[1]"]


def test_the_vendor_of_the_header_chooses_the_map_whatever_its_case(shipped: CounterMaps) -> None:
    assert shipped.choose("ERICSSON AB").name == "ericsson"
    assert shipped.choose("VendorA", counters=["RRC.ConnEstabAtt.sum"]).name == "3gpp"
    assert shipped.choose().name == "3gpp"


def test_counter_names_choose_the_map_where_the_vendor_is_not_known(shipped: CounterMaps) -> None:
    assert shipped.choose("", counters=["pmRrcConnEstabAtt", "pmPagReceived", "x"]).name == "ericsson"
    assert shipped.choose("", counters=["pmRrcConnEstabAtt", "x", "y"]).name == "3gpp"


def test_more_conditions_win_and_all_must_hold(tmp_path: Path) -> None:
    maps = with_map(tmp_path, "name: new\nextends: ericsson\nvendors: [ericsson]\n"
                              "software_versions: ['^R9']\nobject_forms: ['^ManagedElement=']\n")  # fmt: skip
    assert maps.choose("Ericsson", "R99", ["ManagedElement=1,Cell=2"]).name == "new"
    assert maps.choose("Ericsson", "R44", ["ManagedElement=1,Cell=2"]).name == "ericsson"
    assert maps.choose("Ericsson", "R99", ["Cell=2"]).name == "ericsson"


def test_a_map_inherits_and_overrides(tmp_path: Path) -> None:
    maps = with_map(tmp_path, "name: own\nextends: ericsson\n"
                              "counters: {pmPagReceived: Own.Name, mine: RRC.ConnMax}\n"
                              "no_values: [-1]\nmcc: '460'\ns1ap_cause_offsets: {TL: 100}\n")  # fmt: skip
    own = maps["own"]
    assert own.counters["pmPagReceived"] == "Own.Name"
    assert own.counters["pmPagDiscarded"] == "PAG.DiscardedNbr"
    assert (own.no_values, own.mcc, own.mnc, own.s1ap_cause_offsets) == ((-1.0,), "460", None, {"TL": 100})


def test_a_map_of_the_same_name_replaces_the_shipped_one(tmp_path: Path) -> None:
    maps = with_map(tmp_path, "name: ericsson\nextends: 3gpp\nvendors: [ericsson]\ncounters: {a: B}\n")
    assert dict(maps["ericsson"].counters) == {"a": "B"}


@pytest.mark.parametrize(("written", "name"), [
    ("ERAB.EstabAddAttNbr.QCI1", "ERAB.EstabAddAttNbr.1"), ("erab.estabaddattnbr.1", "ERAB.EstabAddAttNbr.1"),
    ("RRC.ConnEstabAtt.Sum", "RRC.ConnEstabAtt.sum"), ("DRB.PdcpSduLossRateUl.Qci.1",
    "DRB.PdcpSduLossRateUl.1"),
    ("DRB.PdcpSduLossRateUl_QCI_1", "DRB.PdcpSduLossRateUl.1"),
])  # fmt: skip
def test_spellings_of_3gpp_names_are_the_same(written: str, name: str) -> None:
    assert loose(written) == loose(name)


def test_names_that_differ_stay_apart() -> None:
    assert loose("ERAB.EstabAddAttNbr.1") != loose("ERAB.EstabAddAttNbr.11")
    assert loose("ERAB.SessionTimeQCI.1") == "erab.sessiontime.1"
    assert loose("ERAB.SessionTime.1") == "erab.sessiontime.1"


# -- errors --------------------------------------------------------------------------------------------------


def test_a_misspelt_key_is_named_with_its_line_and_a_suggestion(tmp_path: Path) -> None:
    error = refused(tmp_path, "name: a\ncounter: {}\n")
    assert (error.line, error.key, error.hint) == (2, "counter", "did you mean 'counters'?")
    assert error.file == str(tmp_path / "extra.yaml")


def test_an_unknown_parent_is_named_with_a_suggestion(tmp_path: Path) -> None:
    error = refused(tmp_path, "name: a\nextends: ericson\n")
    assert (error.line, error.hint) == (2, "did you mean 'ericsson'?")


def test_maps_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("name: b\nextends: a\n")
    assert "extends it in turn" in str(refused(tmp_path, "name: a\nextends: b\n"))


@pytest.mark.parametrize(("text", "word"), [
    ("vendors: ['(']", "regular expression"), ("vendors: ['(?=a)']", "regular expression"),
    ("objects: ['Cell=(?P<cel_name>x)']", "did you mean 'cell_name'?"), ("objects: ['Cell=1']",
    "enb_id and cell_id"),
    ("objects: ['(?P<enb_id>1)']", "enb_id and cell_id"),
    ("counters: {'a[x]': B}", "no counter name"), ("formulas: {A: [{add: []}]}", "at least 1"),
    ("formulas: {A: [{add: ['b[']}]}", "no counter name"), ("mcc: '46'", "pattern"), ("no_values: [x]",
    "number"),
    ("counters: [a]", "dictionary"),
])  # fmt: skip
def test_what_is_wrong_in_a_map_is_named_with_its_line(tmp_path: Path, text: str, word: str) -> None:
    error = refused(tmp_path, f"name: a\n{text}\n")
    assert word in str(error)
    assert error.line == 2


@pytest.mark.parametrize("text", ["", "[", "- a", "name: [", "\tname: a", "name: a\nname: b: c", "\x00"])
def test_a_file_that_is_no_map_is_refused(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path, text).file == str(tmp_path / "extra.yaml")


def test_two_maps_of_one_name_in_one_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("name: a\n")
    assert "is also in" in str(refused(tmp_path, "name: a\n"))


def test_a_missing_folder_and_a_missing_map_are_named(tmp_path: Path, shipped: CounterMaps) -> None:
    with pytest.raises(ConfigError, match="no folder"):
        load_maps(tmp_path / "none")
    with pytest.raises(ConfigError, match="did you mean 'ericsson'"):
        shipped["erikson"]


@given(st.text(max_size=60) | st.text("name: \n[]{}-'\"&*!|>%@`abc", max_size=60))
def test_any_text_as_a_map_loads_or_is_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "a.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    with suppress(ConfigError):
        load_maps(folder)


@pytest.mark.parametrize("text", ["", "a[", "a[1", "a]", "[1]", "a[-1]", "--a", " a", "a[1][2]"])
def test_what_is_no_source_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="no counter name"):
        source(text)


# -- the map to fill in --------------------------------------------------------------------------------------


@given(st.dictionaries(st.text(min_size=1, max_size=12), st.integers(1, 10**6), max_size=6))
def test_the_map_of_unmapped_counters_loads_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, counts: dict[str, int]
) -> None:
    folder = tmp_path_factory.mktemp("own")
    text = unmapped_as_map(counts, vendors=["Vendor (A)"])
    (folder / "own.yaml").write_text(text, encoding="utf-8")
    own = load_maps(folder).choose("vendor (a)")
    assert own.name == "my-vendor"
    assert not own.names_used()
    assert set(own.file.counters) <= set(counts)


def test_the_map_to_fill_in_lists_the_most_frequent_first_and_can_be_filled(tmp_path: Path) -> None:
    text = unmapped_as_map({"L.Rare": 1, "L.E-RAB.Att": 900, "a[0]": 5}, vendors=["V"])
    assert list(yaml.safe_load(text)["counters"]) == ["L.E-RAB.Att", "L.Rare"]
    assert "no map can name" in text
    maps = with_map(tmp_path, text.replace("\"L.E-RAB.Att\": ''", '"L.E-RAB.Att": ERAB.EstabAddAttNbr.1'))
    assert maps.choose("V").ways("ERAB.EstabAddAttNbr.1")[0].add[0].name == "L.E-RAB.Att"


def test_a_map_filled_in_for_a_vendor_refines_the_shipped_one(tmp_path: Path) -> None:
    text = unmapped_as_map({"pmNew": 3}, vendors=["Ericsson AB"]).replace(
        "\"pmNew\": ''", '"pmNew": RRC.ConnMax'
    )
    own = with_map(tmp_path, text).choose("Ericsson AB")
    assert (own.name, own.counters["pmNew"]) == ("my-vendor", "RRC.ConnMax")
    assert own.counters["pmPagReceived"] == "PAG.ReceivedNbr"


def test_maps_travel_to_worker_processes(shipped: CounterMaps) -> None:
    again = pickle.loads(pickle.dumps(shipped))
    assert again.names == shipped.names
    assert again["ericsson"].ways("RRC.ConnMax") == shipped["ericsson"].ways("RRC.ConnMax")
