from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from runbook_samples import cause, check, condition, precedence, write

from runbooks.errors import RunbookError
from runbooks.loader import PACKAGED, load_runbooks, read_codes
from runbooks.yaml_reader import MAX_DEPTH, parse_yaml

ON_DISK = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def refused(folder: Path) -> RunbookError:
    with pytest.raises(RunbookError) as wrong:
        load_runbooks(folder)
    return wrong.value


def drop_file(*checks: dict[str, Any]) -> dict[str, Any]:
    return {"runbook": "drop", "checks": list(checks)}


def test_an_overlay_replaces_a_check_whole(tmp_path: Path) -> None:
    mine = check(
        id="DRP-04", order=4, conditions=[condition(when="call.rsrp_last < -115", cause="drop-weak-coverage")]
    )
    books = load_runbooks(write(tmp_path, "mine.yaml", drop_file(mine)))
    assert [str(c.condition) for c in books.checks["DRP-04"].conditions] == ["call.rsrp_last < -115"]
    assert len(books.checks) == 110
    assert load_runbooks().checks["DRP-04"] != books.checks["DRP-04"]


def test_an_overlay_adds_checks_causes_names_and_orders(tmp_path: Path) -> None:
    write(tmp_path, "drop.yaml", drop_file(check(id="DRP-21", order=21)))
    write(tmp_path, "causes.yaml", {"causes": [cause()], "departments": {"Roaming desk": "漫游组"}})
    write(tmp_path, "order.yaml", {"precedence": [precedence(after=["drop-weak-*"])]})
    write(tmp_path, "names.yaml", {"names": {"n1": {"type": "bool", "definition": "Something was seen."}}})
    books = load_runbooks(tmp_path)
    assert books.by_category["drop"][-1].id == "DRP-21"
    assert books.causes["drop-a"].departments[0].zh == "传输"
    assert books.precedence[-1].after == ("drop-weak-coverage",)
    assert books.names["n1"].type == "bool"
    assert books.departments["Roaming desk"] == "漫游组"


def test_later_overlays_win(tmp_path: Path) -> None:
    first = write(tmp_path / "a", "x.yaml", drop_file(check(rule="first")))
    second = write(tmp_path / "b", "x.yaml", drop_file(check(rule="second")))
    assert load_runbooks(first, second).checks["DRP-X1"].rule == "second"


def test_the_version_follows_the_content(tmp_path: Path) -> None:
    folder = write(tmp_path, "x.yaml", drop_file(check()))
    changed = load_runbooks(folder).version
    assert changed != load_runbooks().version
    assert len(changed) == 12
    write(tmp_path, "x.yaml", drop_file(check(rule="another rule of the same check")))
    assert load_runbooks(folder).version != changed


def test_the_version_does_not_depend_on_the_hash_seed() -> None:
    code = "from runbooks.loader import load_runbooks; print(load_runbooks().version)"
    seeds = ("0", "4711")
    versions = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(PACKAGED.parent)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in seeds
    }
    assert versions == {load_runbooks().version + "\n"}


def test_unchanged_files_are_read_once() -> None:
    assert load_runbooks() is load_runbooks()


def test_an_unknown_key_is_named_with_file_line_and_suggestion(tmp_path: Path) -> None:
    text = yaml.safe_dump(drop_file(check()), sort_keys=False).replace("    miss:", "    mis:")
    wrong = refused(write(tmp_path, "mine.yaml", text))
    assert wrong.file == "mine.yaml"
    assert text.splitlines()[(wrong.line or 0) - 1].strip() == "mis: -2"
    assert wrong.key == "conditions.1.mis"
    assert wrong.hint == "did you mean 'miss'?"


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"conditions": [condition(when="call.rsrp_last = -110")]}, "conditions.1", "unknown operator '='"),
        ({"conditions": [condition(sql="x > 1")]}, "conditions.1", "one of the keys"),
        ({"conditions": [condition(when=None)]}, "conditions.1", "one of the keys"),
        ({"conditions": [condition(hit="much")]}, "conditions.1.hit", "valid number"),
        ({"conditions": [condition(hit=99)]}, "conditions.1.hit", "less than or equal"),
        ({"conditions": [condition(level="mine")]}, "conditions.1.level", "'own'"),
        ({"scope": "world"}, "scope", "'ticket'"),
        ({"order": 0}, "order", "greater than or equal"),
        ({"applies_when": "?"}, None, "is no comparison"),
        ({"question": {"en": "x"}}, "question.zh", "required"),
        ({"question": {"en": "x", "zh": "y", "fr": "z"}}, "question.fr", "unknown key"),
        ({"cases": [{"name": "n", "expect": "PERHAPS"}]}, "cases.1.expect", "'HIT'"),
        ({"id": "no blanks here"}, "id", "match pattern"),
        ({"place": 1}, None, "reserved"),
    ],
)
def test_a_wrong_value_is_located(
    tmp_path: Path, changes: dict[str, Any], key: str | None, words: str
) -> None:
    raw = check(**changes)
    raw["conditions"] = [{k: v for k, v in c.items() if v is not None} for c in raw["conditions"]]
    wrong = refused(write(tmp_path, "mine.yaml", drop_file(raw)))
    assert (wrong.file, wrong.key) == ("mine.yaml", key)
    assert wrong.line
    assert words in str(wrong)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n", "is a mapping"),
        ("", "is a mapping"),
        ("runbook: drop\nchekcs: []\n", "did you mean 'checks'?"),
        ("runbook: dorp\nchecks: []\n", "did you mean 'drop'?"),
        ("checks: []\n", "None is no runbook"),
        ("runbook: drop\nchecks: {}\n", "is a list"),
        ("runbook: drop\nchecks: [1]\n", "which is no mapping"),
        ("names: [a]\n", "is a mapping"),
        ("names: {a: 1}\n", "is a mapping"),
        ("departments: {Transport: 1}\n", "is text"),
        ("runbook: drop\nrunbook: drop\n", "stands twice"),
        ("a: &x 1\nb: *x\n", "anchors"),
        ("a: !!python/object/apply:os.system [ls]\n", "tag"),
        ("a: 1\n---\nb: 2\n", "more than one document"),
        ("? [a, b]\n: 1\n", "a key is plain text"),
        ("a: [1\n", "no YAML"),
        ("a: " + "[" * 60 + "]" * 60 + "\n", "nested deeper"),
        ("a: \x01\n", "no YAML"),
    ],
)
def test_a_file_of_the_wrong_shape_is_refused(tmp_path: Path, text: str, words: str) -> None:
    wrong = refused(write(tmp_path, "mine.yaml", text))
    assert wrong.file == "mine.yaml"
    assert words in str(wrong)


def test_an_id_that_stands_twice_in_a_folder_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", drop_file(check()))
    wrong = refused(write(tmp_path, "b.yaml", drop_file(check())))
    assert (wrong.file, wrong.key) == ("b.yaml", "id")
    assert "'DRP-X1' stands twice" in str(wrong)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "is no folder" in str(refused(tmp_path / "absent"))


def test_bytes_that_are_no_text_are_refused_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"runbook: drop\nchecks: \xff\n")
    wrong = refused(tmp_path)
    assert (wrong.file, wrong.line) == ("x.yaml", 2)


def test_a_folder_named_like_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").mkdir()
    assert "cannot be read" in str(refused(tmp_path))


def test_off_and_yes_are_words_and_not_truth_values() -> None:
    read = parse_yaml(b"a: off\nb: yes\nc: true\nd: 1\ne: -1.5\nf: 'true'\ng:\nh: 1e3\ni: .5\n", "x")
    values = {
        "a": "off",
        "b": "yes",
        "c": True,
        "d": 1,
        "e": -1.5,
        "f": "true",
        "g": None,
        "h": 1000.0,
        "i": 0.5,
    }
    assert dict(read) == values


def test_lines_of_keys_are_kept() -> None:
    read = parse_yaml(b"a: 1\nb:\n  c: 2\n", "x")
    assert read.key_lines == {"a": 1, "b": 2}
    assert (read["b"].line, read["b"].key_lines) == (3, {"c": 3})


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=6), inner, max_size=3)
    ),
    max_leaves=12,
)
SECTION = st.sampled_from(
    ["runbook", "checks", "causes", "precedence", "names", "also_runs", "unanswerable", "x"]
)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200))
@example(b"\xef\xbb\xbfrunbook: drop\n")
@example(b"a: " + b"9" * 5000)
@example(b"{" * 3000)
@example(b"%YAML 9.9\n---\na: 1\n")
def test_any_bytes_are_read_or_refused_by_name(raw: bytes) -> None:
    with contextlib.suppress(RunbookError):
        parse_yaml(raw, "x")


@ON_DISK
@given(st.dictionaries(SECTION, JSONISH, max_size=4))
def test_any_document_loads_or_is_refused_by_name(tmp_path: Path, document: dict[str, Any]) -> None:
    write(tmp_path, "x.yaml", yaml.safe_dump(document, allow_unicode=True))
    with contextlib.suppress(RunbookError):
        load_runbooks(tmp_path)


KEYS = st.sampled_from(sorted(check()) + sorted(condition()) + ["sql", "shares", "against", "routes"])


@ON_DISK
@given(KEYS, JSONISH, st.booleans())
def test_any_value_of_any_key_loads_or_is_refused_by_name(
    tmp_path: Path, key: str, value: object, in_condition: bool
) -> None:
    raw = check(conditions=[condition(**{key: value})]) if in_condition else check(**{key: value})
    write(tmp_path, "x.yaml", yaml.safe_dump(drop_file(raw), allow_unicode=True))
    with contextlib.suppress(RunbookError):
        load_runbooks(tmp_path)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_runbook_is_read_or_refused_by_name(data: st.DataObject) -> None:
    text = (PACKAGED / "precedence.yaml").read_bytes()
    at = data.draw(st.integers(0, len(text) - 1))
    piece = data.draw(st.binary(max_size=6))
    with contextlib.suppress(RunbookError):
        parse_yaml(text[:at] + piece + text[at + len(piece) :], "precedence.yaml")


def test_depth_at_the_limit_is_read() -> None:
    assert parse_yaml(b"a: " + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1), "x")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "columns are not"),
        (
            "protocol,vendor,code,name_en,fault_class,meaning,check_ids,departments\nX,,1,n,maybe,m,,\n",
            "fault_class",
        ),
        (
            "protocol,vendor,code,name_en,fault_class,meaning,check_ids,departments\nX,v,1,n,none,m,,\n",
            "vendor",
        ),
        ("protocol,vendor,code,name_en,fault_class,meaning,check_ids,departments\nX\n", "codes.csv:2"),
    ],
)
def test_a_wrong_table_of_codes_is_located(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "codes.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RunbookError, match=words):
        read_codes(path)


def test_a_cause_named_on_one_side_of_an_order_is_not_drawn_to_the_other_by_a_pattern(tmp_path: Path) -> None:
    orders = [
        precedence(id="tree-first", before=["csfb-*"], after=["csfb-not-registered"]),
        precedence(id="end-first", before=["csfb-counter-artefact"], after=["csfb-*"]),
    ]
    write(tmp_path, "order.yaml", {"precedence": orders})
    by_id = {entry.id: entry for entry in load_runbooks(tmp_path).precedence}
    assert by_id["tree-first"].after == ("csfb-not-registered",)
    assert "csfb-not-registered" not in by_id["tree-first"].before
    assert len(by_id["tree-first"].before) == 22
    assert "csfb-counter-artefact" not in by_id["end-first"].after
