"""Values inside SIP headers: what is written by the grammar of RFC 3261 25.1 is read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.signalling.header_value import (
    host_of,
    parameter,
    split_parameters,
    split_values,
    uri_of,
    user_of,
)

TOKENS = st.text("abcXYZ019-._~", min_size=1, max_size=8)
QUOTED = st.text('ab ,;<>="\\1', max_size=10)
HOSTS = st.from_regex(r"[a-z][a-z0-9]{0,6}(\.[a-z]{2,4}){1,2}", fullmatch=True)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@st.composite
def values(draw: st.DrawFn) -> str:
    """One name-addr with a display name and parameters, as a Contact holds it."""
    name = draw(st.sampled_from(["", "quoted"])) and quoted(draw(QUOTED)) + " "
    uri = f"<sip:{draw(TOKENS)}@{draw(HOSTS)};lr>"
    pairs = draw(st.dictionaries(st.sampled_from(["expires", "q", "tag"]), QUOTED, max_size=3))
    return name + uri + "".join(f";{key}={quoted(value)}" for key, value in pairs.items())


@given(st.lists(values(), min_size=1, max_size=4))
def test_a_list_is_split_where_it_was_joined(parts: list[str]) -> None:
    assert split_values(", ".join(parts)) == parts


@given(st.dictionaries(TOKENS.map(str.lower), QUOTED, min_size=1, max_size=4))
def test_a_quoted_parameter_is_read_as_it_was_meant(pairs: dict[str, str]) -> None:
    header = "<sip:a@b;lr=1>" + "".join(f";{name}={quoted(value)}" for name, value in pairs.items())
    assert {name: parameter(header, name) for name in pairs} == pairs
    assert parameter(header, "lr") == ""
    assert len(split_parameters(header)) == len(pairs) + 1


@pytest.mark.parametrize(
    ("value", "name", "read"),
    [
        ('SIP;cause=503;text="P-CSCF -> UE lost"', "cause", "503"),
        ('SIP;text="x;cause=404";cause=503', "cause", "503"),
        ('"<Bob>;tag=0" <sip:bob@h;tag=2>;tag=1', "tag", "1"),
        ('SIP;cause="16"', "CAUSE", "16"),
        ('SIP;text="never closed;cause=16', "cause", "16"),
        ('"never closed <sip:bob@h;lr=1>;tag=1', "lr", ""),
        ("<sip:bob@h;tag=2>", "tag", ""),
        ('SIP;text="say \\"hi\\""', "text", 'say "hi"'),
    ],
)
def test_a_parameter_is_read_beside_quoted_text_that_looks_like_one(value: str, name: str, read: str) -> None:
    assert parameter(value, name) == read


@given(TOKENS, HOSTS, st.integers(1, 65_535))
def test_user_and_host_are_read_whatever_stands_around_them(user: str, host: str, port: int) -> None:
    for uri in (f"sip:{user}@{host}", f"sips:{user}@{host}:{port};transport=tcp", f"SIP:{user}@{host}?x=1"):
        assert user_of(uri_of(f'"<x>" <{uri}>;tag=1')) == user
        assert host_of(uri_of(f"<{uri}>")) == host


@pytest.mark.parametrize(
    ("uri", "user", "host"),
    [
        ("tel:+8613800000001;phone-context=x", "+8613800000001", "+8613800000001"),
        ("sip:+8613800000001;npdi@h.example;user=phone", "+8613800000001", "h.example"),
        ("sip:a%40b@h", "a@b", "h"),
        ("sip:alice:secret@h.example", "alice", "h.example"),
        ("sip:[2001:DB8::1]:5060", "", "2001:db8::1"),
        ("h.example:5060", "", "h.example"),
        ("", "", ""),
    ],
)
def test_odd_uris(uri: str, user: str, host: str) -> None:
    assert user_of(uri) == user
    if not uri.startswith("tel:"):
        assert host_of(uri) == host


@given(st.text('abc;,<>"\\=: @[]', max_size=40), TOKENS)
def test_no_text_breaks_a_reader_and_nothing_but_blanks_is_lost(text: str, name: str) -> None:
    for reader in (uri_of, user_of, host_of):
        assert isinstance(reader(text), str)
    assert isinstance(parameter(text, name), str)
    kept = "".join("".join(part.split()) for part in split_values(text))
    assert kept.replace(",", "") == "".join(text.split()).replace(",", "")
