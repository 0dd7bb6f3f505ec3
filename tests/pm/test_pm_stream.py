"""What the streaming parser makes of a PM file, and what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pm_samples import ELEMENT, HEADER, PERIOD, compact, document, info, keyed, plain_document, saved

from collectors.errors import BadFile
from collectors.pm import Limits, PmBlock, read_blocks, stream_blocks
from collectors.pm.scan import scan_blocks

PARSERS = pytest.mark.parametrize("parse", [stream_blocks, scan_blocks, read_blocks])


def one(folder: Path, text: str) -> PmBlock:
    (block,) = stream_blocks(saved(folder, text))
    return block


def refused(folder: Path, text: str | bytes, limits: Limits | None = None) -> BadFile:
    with pytest.raises(BadFile) as caught:
        list(stream_blocks(saved(folder, text), limits or Limits()))
    assert caught.value.file == str(folder / "a.xml")
    return caught.value


def test_a_block_says_who_measured_what_and_when(tmp_path: Path) -> None:
    block = one(tmp_path, plain_document())
    assert (block.managed_element, block.user_label, block.vendor) == ("ManagedElement=1", "One", "VendorA")
    assert (block.software_version, block.meas_info_id, block.job_id) == ("V1", "i1", "j1")
    assert block.begin == datetime(2024, 3, 11, 1, 0, tzinfo=UTC)
    assert block.end == datetime(2024, 3, 11, 1, 15, tzinfo=UTC)
    assert (block.period_s, block.counters, block.objects) == (900, ("a", "b"), ("Cell=1", "Cell=2"))
    assert block.values.tolist() == [[1, 2], [3, 4]]
    assert not block.suspect.any()
    assert block.notes == {}


@PARSERS
@pytest.mark.parametrize("root", ["measCollecFile", "measDataFile"])
@pytest.mark.parametrize("form", [keyed, compact])
@pytest.mark.parametrize("packed", [False, True])
def test_both_roots_and_both_value_forms_give_the_same(tmp_path, parse, root, form, packed) -> None:
    text = document(
        info(form(["a", "b"], {"Cell=1": ["1", "2.5"], "Cell=2": ["-3", "NIL"]}, ["Cell=2"])), root=root
    )
    (block,) = parse(saved(tmp_path, text, packed))
    assert np.array_equal(block.values, [[1, 2.5], [-3, np.nan]], equal_nan=True)
    assert block.suspect.tolist() == [[False, False], [True, True]]


def test_the_element_of_ts_28_532_is_read_and_its_header_is_no_data_section(tmp_path: Path) -> None:
    header = '<fileHeader vendorName="N"><measData beginTime="2024-03-11T09:00:00+08:00"/></fileHeader>'
    text = document(
        info(keyed(["a"], {"C=1": ["1"]})),
        header=header,
        element='<measEntity localDn="Gnb=1"/>',
        root="measDataFile",
    )
    block = one(tmp_path, text)
    assert (block.managed_element, block.vendor, block.notes) == ("Gnb=1", "N", {})


def test_prefixes_and_releases_of_the_namespace_do_not_matter(tmp_path: Path) -> None:
    text = plain_document().replace("<", "<x:").replace("<x:/", "</x:").replace("<x:?", "<?")
    text = text.replace("xmlns=", "xmlns:x=").replace("32.435#", "32.435.v17#")
    assert one(tmp_path, text).values.tolist() == [[1, 2], [3, 4]]


def test_each_meas_data_has_its_own_managed_element(tmp_path: Path) -> None:
    text = plain_document()
    section = text[text.index("<measData>") : text.index("</measData>") + 11]
    other = section.replace(ELEMENT, "<managedElement localDn='Two'/>")
    without = section.replace(ELEMENT, "")
    blocks = list(stream_blocks(saved(tmp_path, text.replace(section, section + other + without))))
    assert [block.managed_element for block in blocks] == ["ManagedElement=1", "Two", ""]
    assert [block.vendor for block in blocks] == ["VendorA"] * 3
    assert blocks[2].notes == {"no_managed_element": 1}


def test_places_follow_p_and_not_the_order(tmp_path: Path) -> None:
    types = '<measType p="7">a</measType><measType p="3">b</measType>'
    row = '<measValue measObjLdn="C"><r p="3">30</r><r p="7">70</r><r p="9">1</r></measValue>'
    block = one(tmp_path, document(info(types + row)))
    assert block.values.tolist() == [[70, 30]]
    assert block.notes == {"unknown_position": 1}


def test_a_result_that_is_not_there_is_no_value(tmp_path: Path) -> None:
    texts = ["", " ", "NIL", "null", "N/A", "NaN", "inf", "-", "junk", "1_0"]
    block = one(tmp_path, document(info(keyed([f"c{i}" for i in range(11)], {"C": [*texts, "5"]}))))
    assert np.isnan(block.values[0, :10]).all()
    assert block.values[0, 10] == 5
    assert block.notes == {"unreadable_value": 2}


def test_comma_lists_become_vectors_with_their_gaps(tmp_path: Path) -> None:
    block = one(tmp_path, document(info(keyed(["a", "b", "c"], {"C": ["0,12,,3", " , , ", "4"]}))))
    assert list(block.vectors) == [(0, 0)]
    assert np.array_equal(block.vectors[0, 0], (0, 12, np.nan, 3), equal_nan=True)
    assert np.isnan(block.values[0, 0])
    assert np.isnan(block.values[0, 1])


def test_suspect_marks_a_value_or_a_whole_object(tmp_path: Path) -> None:
    text = document(
        info(keyed(["a", "b"], {"C=1": ["1", "2"], "C=2": ["3", "4"], "C=3": ["5", "6"]}, ["C=2"]))
    )
    text = text.replace('<r p="1">1</r>', '<r p="1" suspect="true">1</r>')
    text = text.replace('<r p="2">6</r>', '<r p="2">6<suspect>true</suspect></r>')
    block = one(tmp_path, text)
    assert block.suspect.tolist() == [[True, False], [True, True], [False, True]]
    assert block.values.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_results_that_do_not_fit_the_types_are_not_guessed(tmp_path: Path) -> None:
    block = one(tmp_path, document(info(compact(["a", "b"], {"C=1": ["1"], "C=2": ["1", "2"]}))))
    assert np.isnan(block.values[0]).all()
    assert block.values[1].tolist() == [1, 2]
    assert block.notes == {"misaligned_row": 1}


def test_a_missing_header_is_noted_and_not_fatal(tmp_path: Path) -> None:
    block = one(tmp_path, document(info(keyed(["a"], {"C": ["1"]})), header=""))
    assert (block.vendor, block.notes) == ("", {"no_header": 1})


def test_the_period_keeps_its_own_end_even_years_before_the_file_began(tmp_path: Path) -> None:
    head = '<granPeriod duration="PT15M" endTime="2018-10-02T12:15:00Z"/>'
    block = one(tmp_path, document(info(keyed(["a"], {"C": ["1"]}), head)))
    assert block.end == datetime(2018, 10, 2, 12, 15, tzinfo=UTC)
    assert block.notes == {"end_before_begin": 1}


def test_a_period_without_end_begins_with_the_file(tmp_path: Path) -> None:
    block = one(tmp_path, document(info(keyed(["a"], {"C": ["1"]}), '<granPeriod duration="PT300S"/>')))
    assert block.begin == datetime(2024, 3, 11, 1, 0, tzinfo=UTC)
    assert (block.period_s, block.notes) == (300, {"no_period_end": 1})


def test_a_period_without_duration_reaches_back_to_the_begin_of_the_file(tmp_path: Path) -> None:
    block = one(
        tmp_path,
        document(info(keyed(["a"], {"C": ["1"]}), '<granPeriod endTime="2024-03-11T09:30:00+08:00"/>')),
    )
    assert (block.period_s, block.notes) == (1800, {"no_period_duration": 1})


def test_the_reporting_period_stands_in_for_a_missing_granularity_period(tmp_path: Path) -> None:
    head = '<repPeriod duration="PT1H" endTime="2024-03-11T10:00:00+08:00"/>'
    block = one(tmp_path, document(info(keyed(["a"], {"C": ["1"]}), head)))
    assert (block.period_s, block.end) == (3600, datetime(2024, 3, 11, 2, 0, tzinfo=UTC))


def test_a_time_without_zone_is_in_the_configured_zone_and_counted(tmp_path: Path) -> None:
    head = '<granPeriod duration="PT900S" endTime="2024-03-11T09:15:00"/>'
    path = saved(tmp_path, document(info(keyed(["a"], {"C": ["1"]}), head)))
    (block,) = stream_blocks(path, zone=ZoneInfo("Asia/Shanghai"))
    assert block.end == datetime(2024, 3, 11, 1, 15, tzinfo=UTC)
    assert block.notes == {"no_zone": 1}


def test_a_huge_meas_info_comes_in_blocks_of_whole_rows(tmp_path: Path) -> None:
    text = document(info(keyed(["a", "b"], {f"C={at}": [str(at), "0"] for at in range(7)})))
    for parse in (stream_blocks, scan_blocks):
        blocks = list(parse(saved(tmp_path, text), Limits(block_values=6)))
        assert [len(block.objects) for block in blocks] == [3, 3, 1]
        assert [name for block in blocks for name in block.objects] == [f"C={at}" for at in range(7)]


def test_entities_of_xml_itself_are_read(tmp_path: Path) -> None:
    block = one(tmp_path, document(info(keyed(["a&amp;b"], {"C=&lt;1&#62;": ["&#49;2"]}))))
    assert (block.counters, block.objects, block.values[0, 0]) == (("a&b",), ("C=<1>",), 12)


@pytest.mark.parametrize("encoding", ["utf-16", "gb18030", "iso-8859-1", "utf-8-sig"])
def test_other_encodings_are_translated(tmp_path: Path, encoding: str) -> None:
    name = "Zelle=ü" if encoding == "iso-8859-1" else "小区=昆明"
    text = plain_document().replace("Cell=1", name).replace("UTF-8", encoding.removesuffix("-sig"))
    for parse in (stream_blocks, scan_blocks):
        (block,) = parse(saved(tmp_path, text.encode(encoding)))
        assert block.objects[0] == name


# -- refusals ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtd", [
    "<!DOCTYPE measCollecFile>", '<!DOCTYPE measCollecFile SYSTEM "http://127.0.0.1:9/x.dtd">',
    '<!DOCTYPE a [<!ENTITY a "x"><!ENTITY b "&a;&a;">]>', '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
])  # fmt: skip
def test_a_document_type_declaration_is_refused(tmp_path: Path, dtd: str) -> None:
    error = refused(tmp_path, plain_document().replace("?>\n", f"?>\n{dtd}\n", 1))
    assert (error.code, error.line) == ("dtd_refused", 2)


def test_an_entity_that_nobody_declared_is_an_error(tmp_path: Path) -> None:
    assert refused(tmp_path, plain_document().replace(">1<", ">&x;<")).code == "not_well_formed"


def test_a_truncated_file_is_refused_with_its_line(tmp_path: Path) -> None:
    text = plain_document()
    error = refused(tmp_path, text[: text.index("</measInfo>")])
    assert error.code == "truncated"
    assert error.line == text[: text.index("</measInfo>")].count("\n") + 1
    assert "measInfo" in str(error)


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_file_is_refused_as_truncated(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path, text).code == "truncated"


def test_another_root_is_refused_by_name_with_a_suggestion(tmp_path: Path) -> None:
    error = refused(tmp_path, plain_document().replace("measCollecFile", "measCollecFle"))
    assert error.code == "wrong_root"
    assert "measCollecFile" in str(error.hint)
    assert refused(tmp_path, "<measInfo/>").code == "wrong_root"
    assert refused(tmp_path, "<html/>").code == "wrong_root"


@pytest.mark.parametrize("body", ["", info(""), info(keyed(["a"], {})), info(keyed(["a"], {"C": ["NIL"]}))])
def test_a_file_without_any_value_is_refused(tmp_path: Path, body: str) -> None:
    assert refused(tmp_path, document(body)).code == "empty_yield"


def test_a_template_with_literal_words_for_times_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, plain_document().replace("2024-03-11T09:00:00+08:00", "BEGINTIME"))
    assert (error.code, error.key) == ("bad_header", "fileHeader beginTime")
    assert "BEGINTIME" in str(error)


@pytest.mark.parametrize("head", [
    '<granPeriod duration="PT0S" endTime="2024-03-11T09:15:00Z"/>',
    '<granPeriod duration="P1Y" endTime="2024-03-11T09:15:00Z"/>',
    '<granPeriod duration="PT900S" endTime="ENDTIME"/>',
    '<granPeriod duration="PT900S" endTime="0001-01-01T00:00:00Z"/>',
])  # fmt: skip
def test_a_period_that_cannot_be_is_refused(tmp_path: Path, head: str) -> None:
    assert refused(tmp_path, document(info(keyed(["a"], {"C": ["1"]}), head))).code == "bad_header"


def test_without_any_period_nothing_is_guessed(tmp_path: Path) -> None:
    assert refused(tmp_path, document(info(keyed(["a"], {"C": ["1"]}), ""), header="")).code == "bad_header"


@pytest.mark.parametrize(("old", "new"), [
    ("</measInfo>", '<measType p="9">z</measType></measInfo>'), ("</measInfo>", PERIOD + "</measInfo>"),
    ('<measType p="2">', '<measType p="1">'), ("<measType", "<measInfo/><measType"),
])  # fmt: skip
def test_heads_out_of_place_are_refused(tmp_path: Path, old: str, new: str) -> None:
    assert refused(tmp_path, plain_document().replace(old, new, 1)).code == "bad_header"


def test_too_deep_a_file_is_refused(tmp_path: Path) -> None:
    assert (
        refused(tmp_path, plain_document().replace("<r ", "<v>" * 40 + "</v>" * 40 + "<r ")).code
        == "too_deep"
    )


def test_too_long_a_text_and_too_long_a_tag_are_refused(tmp_path: Path) -> None:
    limits = Limits(text_bytes=100_000)
    assert (
        refused(tmp_path, plain_document().replace(">1<", f">{'1' * 300_000}<"), limits).code == "too_large"
    )
    assert refused(tmp_path, plain_document().replace("Cell=1", "C" * 300_000), limits).code == "too_large"


def test_too_large_a_file_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, plain_document(), Limits(total_bytes=100)).code == "too_large"


def test_text_that_is_no_xml_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, '{"measDataFile": 1}').code == "not_well_formed"
    assert refused(tmp_path, HEADER.encode("utf-16")[3:]).code == "not_well_formed"
