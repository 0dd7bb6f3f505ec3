"""SIP messages as the lab's phones write and read them (RFC 3261), no more than a phone needs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

PARAMETER = re.compile(r'(\w[\w-]*)\s*=\s*(?:"([^"]*)"|([^\s,;]+))')


class BadSipError(Exception):
    """Bytes that are no SIP message."""


@dataclass(slots=True)
class Sip:
    """One message: start line, headers in order, body."""

    start: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""

    def encoded(self) -> bytes:
        """Return the message on the wire."""
        body = self.body.encode()
        lines = [self.start, *(f"{name}: {value}" for name, value in self.headers)]
        lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def all(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for known, value in self.headers if known.lower() == name.lower()]

    def get(self, name: str) -> str:
        """Return the first value of a header, "" where it is absent."""
        return next(iter(self.all(name)), "")

    @property
    def is_request(self) -> bool:
        return not self.start.startswith("SIP/2.0 ")

    @property
    def status(self) -> int:
        return 0 if self.is_request else int(self.start.split(" ", 2)[1])

    @property
    def reason(self) -> str:
        return "" if self.is_request else self.start.split(" ", 2)[2]

    @property
    def method(self) -> str:
        """The method, also of the request that an answer belongs to."""
        return self.start.split(" ", 1)[0] if self.is_request else self.get("CSeq").split()[1]

    @property
    def branch(self) -> str:
        return parameters(self.get("Via")).get("branch", "")

    def answer(self, status: int, reason: str, tag: str, extra: list[tuple[str, str]], body: str = "") -> Sip:
        """Make the answer to this request."""
        copied = [
            (n, v) for n, v in self.headers if n.lower() in ("via", "from", "call-id", "cseq", "record-route")
        ]
        to = self.get("To")
        copied.append(("To", to if "tag=" in to else f"{to};tag={tag}"))
        return Sip(f"SIP/2.0 {status} {reason}", [*copied, *extra], body)


def read(data: bytes) -> Sip:
    """Read one message; BadSipError where it is none."""
    head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
    start, *lines = head.split("\r\n")
    if "SIP/2.0" not in start:
        raise BadSipError("no start line")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers.extend((name.strip(), part) for part in _parts(name.strip(), value.strip()))
    return Sip(start, [(n, v) for n, v in headers if n.lower() != "content-length"], body)


def _parts(name: str, value: str) -> list[str]:
    """Several values in one line stand for several lines, for the headers whose order matters here."""
    if name.lower() not in ("via", "route", "record-route", "service-route"):
        return [value]
    return [part.strip() for part in re.split(r",(?![^<]*>)", value)]


def parameters(value: str) -> dict[str, str]:
    """Return `name=value` pairs of a header, quotes taken off."""
    return {name.lower(): quoted or plain for name, quoted, plain in PARAMETER.findall(value)}


def uri_in(value: str) -> str:
    """Return the URI of a name-addr."""
    found = re.search(r"<([^>]+)>", value)
    return found.group(1) if found else value.split(";")[0].strip()
