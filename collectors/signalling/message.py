"""SIP messages (RFC 3261), read tolerantly and only as far as they are asked.

Accepted beyond the grammar: bare line feeds, blanks around the colon, leading empty lines (keep-alives), any
header order, bytes that are no UTF-8. Refused with BadMessage: no SIP start line, no line that ends the
header where one is needed, no Via, From, To, Call-ID or CSeq.
"""

from __future__ import annotations

import re

from collectors.signalling.errors import BadMessage
from collectors.signalling.header_value import parameter, split_values, uri_of

METHODS = frozenset(
    {"INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "PRACK", "SUBSCRIBE", "NOTIFY", "PUBLISH"}
    | {"INFO", "REFER", "MESSAGE", "UPDATE"}
)
"""Methods with a name of their own in counters and records; all else is `other`."""

MAX_HEADER_BYTES = 65_536
MAX_HEADER_LINES = 512
# RFC 3261 7.3.3 and 20; RFC 3515, 3841, 3892, 4028, 6665, 8224.
_COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
_WORD = r"([!%'*+\-.\w`~]{1,64})"
_REQUEST_LINE = re.compile(_WORD + r"[ \t]+(\S.*?)[ \t]+SIP/\d\.\d[ \t]*", re.IGNORECASE | re.ASCII)
_STATUS_LINE = re.compile(r"SIP/\d\.\d[ \t]+([1-6]\d\d)(?:[ \t]+(.*))?", re.IGNORECASE | re.ASCII)
_CSEQ = re.compile(r"(\d{1,10})[ \t]+" + _WORD, re.ASCII)
_FOLD = re.compile(r"\r?\n[ \t]+")
_REQUIRED = ("via", "from", "to", "call-id", "cseq")


class SipMessage:
    """One request or answer.

    `status` is None for a request, `uri` is "" for an answer. `method` is that of the CSeq for both (an
    answer to INVITE is INVITE), in upper case, `other` where it is not of the list. `headers` has lower-case
    full names; a header that came several times has several texts, in order.
    """

    __slots__ = ("_vias", "body", "call_id", "cseq", "headers", "method", "reason", "status", "uri")

    def __init__(
        self, status: int | None, uri: str, reason: str, headers: dict[str, list[str]], body: bytes
    ) -> None:
        self.status, self.uri, self.reason = status, uri, reason
        self.headers, self.body = headers, body
        self._vias: list[str] | None = None
        for name in _REQUIRED:
            if name not in headers:
                raise BadMessage(
                    "header_missing", "a header that every message must have is missing", key=name
                )
        self.call_id = headers["call-id"][0]
        self.cseq, self.method = _read_cseq(headers["cseq"][0])

    @property
    def is_request(self) -> bool:
        """Whether it is a request."""
        return self.status is None

    def get(self, name: str) -> str:
        """Return the first text of a header by its lower-case full name, "" where it is not there."""
        texts = self.headers.get(name)
        return texts[0] if texts else ""

    def values(self, name: str) -> list[str]:
        """Return all values of a header that may hold several, split at commas (RFC 3261 7.3.1)."""
        texts = self.headers.get(name)
        return [value for text in texts for value in split_values(text)] if texts else []

    @property
    def vias(self) -> list[str]:
        """Return the Via values, that of the sender first."""
        if self._vias is None:
            self._vias = self.values("via")
        return self._vias

    @property
    def branch(self) -> str:
        """Branch of the topmost Via: names the transaction (RFC 3261 17)."""
        return parameter(self.vias[0], "branch")

    @property
    def from_tag(self) -> str:
        """Tag of From."""
        return parameter(self.get("from"), "tag")

    @property
    def to_tag(self) -> str:
        """Tag of To; "" in a request outside of a dialog."""
        return parameter(self.get("to"), "tag")

    @property
    def from_uri(self) -> str:
        """URI of From, without parameters of the header."""
        return uri_of(self.get("from"))

    @property
    def to_uri(self) -> str:
        """URI of To, without parameters of the header."""
        return uri_of(self.get("to"))

    def __repr__(self) -> str:
        # No content: it may hold identities.
        return f"SipMessage(method={self.method!r}, status={self.status})"


def parse_sip(data: bytes) -> SipMessage:
    """Read one message: a datagram, or a cut of StreamSplitter. BadMessage when it is none."""
    start = _skip_blank(data)
    head_end, body_start = _head_end(data, start)
    if head_end - start > MAX_HEADER_BYTES:
        raise BadMessage("too_large", f"the header is longer than {MAX_HEADER_BYTES} bytes")
    lines = _lines(data[start:head_end])
    status, uri, reason, method = _start_line(lines[0])
    headers = _headers(lines)
    message = SipMessage(status, uri, reason, headers, _body(data, body_start, headers))
    if method and message.method != method:
        raise BadMessage("bad_header", "CSeq names another method than the request line", key="cseq")
    return message


def known_method(method: str) -> str:
    """Return the method in upper case, or `other`. RFC 3261 7.1 has methods case-sensitive; phones err."""
    upper = method.upper()
    return upper if upper in METHODS else "other"


def _skip_blank(data: bytes) -> int:
    start, end = 0, len(data)
    while start < end and data[start] in b"\r\n\0":
        start += 1
    if start == end:
        raise BadMessage("empty", "nothing but a keep-alive")
    return start


def _head_end(data: bytes, start: int) -> tuple[int, int]:
    """Return where the header ends and where the body begins; without an empty line, none begins."""
    end = data.find(b"\r\n\r\n", start)
    if end >= 0:
        return end, end + 4
    end = data.find(b"\n\n", start)
    if end >= 0:
        return end, end + 2
    return len(data), len(data)


def _lines(head: bytes) -> list[str]:
    text = head.decode("utf-8", "replace")
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    lines = text.split("\n")
    if len(lines) > MAX_HEADER_LINES:
        raise BadMessage("too_large", f"more than {MAX_HEADER_LINES} header lines")
    return lines


def _start_line(line: str) -> tuple[int | None, str, str, str]:
    """Return status, URI, reason phrase and method of a start line."""
    line = line.rstrip("\r")
    if line[:4].upper() == "SIP/":
        found = _STATUS_LINE.fullmatch(line)
        if found:
            return int(found[1]), "", (found[2] or "").strip(), ""
    else:
        found = _REQUEST_LINE.fullmatch(line)
        if found:
            return None, found[2], "", known_method(found[1])
    raise BadMessage("bad_start_line", "the first line is no request line and no status line of SIP")


def _headers(lines: list[str]) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            if line.strip():
                raise BadMessage("bad_header", "a header line has no colon")
            continue
        name = name.strip().lower()
        name = _COMPACT.get(name, name)
        texts = headers.get(name)
        if texts is None:
            headers[name] = [value.strip()]
        else:
            texts.append(value.strip())
    return headers


def content_length(headers: dict[str, list[str]]) -> int | None:
    """Return Content-Length, None where there is none or it is no number."""
    texts = headers.get("content-length")
    if not texts:
        return None
    text = texts[0]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _body(data: bytes, start: int, headers: dict[str, list[str]]) -> bytes:
    length = content_length(headers)
    # RFC 3261 18.3: what follows Content-Length in a datagram is dropped; without it the rest is the body.
    return data[start:] if length is None else data[start : start + length]


def _read_cseq(text: str) -> tuple[int, str]:
    found = _CSEQ.fullmatch(text)
    if not found:
        raise BadMessage("bad_header", "CSeq is no number and method", key="cseq")
    return int(found[1]), known_method(found[2])
