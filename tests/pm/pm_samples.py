"""PM files for the tests: plain ones, and strategies for odd ones."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from collectors.errors import BadFile
from collectors.pm.block import PmBlock

COLLEC = "http://www.3gpp.org/ftp/specs/archive/32_series/32.435#measCollec"
DATA = "http://www.3gpp.org/ftp/specs/archive/28_series/28.532#measData"
END = "2024-03-11T09:15:00+08:00"
HEADER = '<fileHeader vendorName="VendorA"><measCollec beginTime="2024-03-11T09:00:00+08:00"/></fileHeader>'
PERIOD = f'<job jobId="j1"/><granPeriod duration="PT900S" endTime="{END}"/><repPeriod duration="PT900S"/>'
ELEMENT = '<managedElement localDn="ManagedElement=1" swVersion="V1" userLabel="One"/>'


def keyed(counters: Sequence[str], rows: dict[str, Sequence[str]], suspect: Sequence[str] = ()) -> str:
    """A measInfo of the form measType p, r p; rows by measObjLdn, `suspect` names some of them."""
    types = "".join(f'<measType p="{at}">{name}</measType>' for at, name in enumerate(counters, 1))
    values = "".join(
        f'<measValue measObjLdn="{ldn}">'
        + "".join(f'<r p="{at}">{value}</r>' for at, value in enumerate(row, 1))
        + ("<suspect>true</suspect>" if ldn in suspect else "")
        + "</measValue>\n"
        for ldn, row in rows.items()
    )
    return types + "\n" + values


def compact(counters: Sequence[str], rows: dict[str, Sequence[str]], suspect: Sequence[str] = ()) -> str:
    """A measInfo of the form measTypes, measResults."""
    values = "".join(
        f'<measValue measObjLdn="{ldn}"><measResults>{" ".join(row)}</measResults>'
        + ("<suspect>true</suspect>" if ldn in suspect else "")
        + "</measValue>\n"
        for ldn, row in rows.items()
    )
    return f"<measTypes>{' '.join(counters)}</measTypes>\n{values}"


def info(body: str, head: str = PERIOD, info_id: str = "i1") -> str:
    """A measInfo around its types and values."""
    return f'<measInfo measInfoId="{info_id}">{head}{body}</measInfo>\n'


def document(*infos: str, header: str = HEADER, element: str = ELEMENT, root: str = "measCollecFile") -> str:
    """A whole file with one measData."""
    space = COLLEC if root == "measCollecFile" else DATA
    footer = f'<fileFooter><measCollec endTime="{END}"/></fileFooter>'
    data = f"<measData>{element}\n{''.join(infos)}</measData>"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{space}">{header}{data}{footer}</{root}>\n'
    )


def plain_document() -> str:
    """A small file with two cells and two counters."""
    return document(info(keyed(["a", "b"], {"Cell=1": ["1", "2"], "Cell=2": ["3", "4"]})))


def saved(folder: Path, text: str | bytes, packed: bool = False) -> Path:
    """The file on disk."""
    data = text.encode() if isinstance(text, str) else text
    path = folder / ("a.xml.gz" if packed else "a.xml")
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


@dataclass(frozen=True)
class Outcome:
    """What a parser made of a file: blocks, or the reason and place of a refusal."""

    blocks: list[PmBlock]
    refusal: tuple[str, int | None, str] | None


def outcome(parse: Callable[[], Iterator[PmBlock]]) -> Outcome:
    """Run a parser to its end; the blocks before a refusal count for nothing."""
    try:
        return Outcome(list(parse()), None)
    except BadFile as error:
        return Outcome([], (error.code, error.line, str(error)))


# -- odd files -----------------------------------------------------------------------------------------------

RESULTS = st.sampled_from([
    "0", "1", "42", "-7", "007", "123456789012345678", "9223372036854775808", "99999999999999999999999", "-0",
    "0.5", "-3.25", "1.", ".5", "0.1", "86.123", "123456.7890123", "0.12345678901234567", "1e5",
    "-2E-3", "1e400",
    "+5", "1_000", "4-2", "--1", "0x10",
    "", " ", "NIL", "null", "N/A", "NaN", "inf", "-", "abc", "1,2,3", "0,,5", ", ,", " , 1", "1,x",
    "2,1,5,5,7",
]) | st.integers(-10**19, 10**19).map(str) | st.floats(allow_nan=False).map(repr)  # fmt: skip
NAMES = ["A=1,B=2", "小区=昆明", "A=1, B = 2", "", "x&amp;y", "q&#65;", "a\tb", "a'b", "é>", "\ufffd"]
BETWEEN = ["  \r\n\t", "<!-- <measValue > -->", "<?pi <measValue ?>", "text ", "<vs/>", "&#10;",
           "<vs a='1'>t</vs>", "<![CDATA[<measValue ]]>"]  # fmt: skip


def mostly(draw: st.DrawFn, usual: str, odd: Sequence[str]) -> str:
    """The usual text nine times of ten, so that most rows of most files are regular."""
    return usual if draw(st.integers(0, 9)) else draw(st.sampled_from(odd))


@st.composite
def odd_keyed_row(draw: st.DrawFn, places: Sequence[str]) -> str:
    """r elements, some of them odd."""
    parts = []
    if not draw(st.integers(0, 5)):
        places = draw(st.lists(st.sampled_from([*places, "99"]), max_size=len(places) + 1))
    for place in places:
        value = draw(RESULTS)
        usual = draw(
            st.sampled_from(
                [f'<r p="{place}">{value}</r>', f'<r p="{place}">{value}</r>\n', f'<r p="{place}"/>']
            )
        )
        parts.append(mostly(draw, usual, [
            f"<r p='{place}'>{value}</r>", f"<r>{value}</r>", f'<r p=" {place}">{value}</r>', "",
            f'<r p="{place}"> {value} </r>', f'<r p="{place}" suspect="true">{value}</r>',
            f'<r p="{place}">{value}</r >',
            f'<r p="{place}">{value}<suspect>true</suspect></r>', f'<r p="{place}"><!-- c -->{value}</r>',
            f'<r p="{place}"><![CDATA[{value}]]></r>', f'<r p="{place}"><vs>1</vs>{value}</r>',
        ]))  # fmt: skip
    return "".join(parts)


@st.composite
def odd_compact_row(draw: st.DrawFn, width: int) -> str:
    """A measResults, mostly with as many results as counters."""
    count = int(mostly(draw, str(width), [str(width + 1), str(max(0, width - 1))]))
    results = [draw(RESULTS).replace(" ", "") or "NIL" for _ in range(count)]
    inner = draw(st.sampled_from([" ", " ", "\n", "  "])).join(results)
    edge = draw(st.sampled_from(["", "", " ", "\n"]))
    usual = f"<measResults>{edge}{inner}{edge}</measResults>"
    return mostly(draw, usual, [f"<measResults><![CDATA[{inner}]]></measResults>", "<measResults/>", ""])


@st.composite
def odd_value(draw: st.DrawFn, row: st.SearchStrategy[str]) -> str:
    """A measValue and what follows it."""
    flag = draw(
        st.sampled_from(
            ["", "<suspect>false</suspect>", "<suspect>true</suspect>", "<suspect>true</suspect>\n"]
        )
    )
    flag = mostly(draw, flag, ["<suspect>1</suspect>", "<suspect/>", "<suspect> TRUE </suspect>", flag * 2])
    body = mostly(draw, draw(row) + flag, [flag + draw(row), draw(row) + draw(row)])
    tail = mostly(draw, "", ["\n", " suspect='true'", " x='1'"])
    name, inner, after = (mostly(draw, *pair) for pair in (("Cell=1", NAMES), ("", BETWEEN), ("\n", BETWEEN)))
    return f'<measValue measObjLdn="{name}"{tail}>{inner}{body}</measValue>{after}'


@st.composite
def odd_info(draw: st.DrawFn) -> str:
    """A measInfo of either form."""
    width = draw(st.integers(1, 4))
    names, places = [f"c{at}" for at in range(width)], [str(at) for at in range(1, width + 1)]
    if draw(st.booleans()):
        shuffled = draw(st.permutations(places))
        places = draw(st.sampled_from([places, shuffled, [f"0{places[0]}", *places[1:]], ["x", *places[1:]]]))
        types = "".join(f'<measType p="{p}">{name}</measType>' for p, name in zip(places, names, strict=True))
        usual, other = odd_keyed_row(places), odd_compact_row(width)
    else:
        types = f"<measTypes>{' '.join(names)}</measTypes>"
        usual, other = odd_compact_row(width), odd_keyed_row(places)
    rows = st.one_of(usual, usual, usual, other)
    values = draw(st.lists(odd_value(rows), max_size=6))
    return info(types + mostly(draw, "\n", BETWEEN) + "".join(values))


@st.composite
def odd_document(draw: st.DrawFn) -> str:
    """A file of odd measInfos, whole."""
    infos = draw(st.lists(odd_info(), min_size=1, max_size=3))
    header = mostly(draw, HEADER, [""])
    element = mostly(draw, ELEMENT, ["", "<measEntity localDn='E'/>"])
    text = document(
        *infos, header=header, element=element, root=draw(st.sampled_from(["measCollecFile", "measDataFile"]))
    )
    return mostly(draw, text, [text.replace("<meas", "<m:meas").replace("</meas", "</m:meas")])
