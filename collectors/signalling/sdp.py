"""Codecs in session descriptions (RFC 8866), also inside multipart bodies."""

from __future__ import annotations

import re

from collectors.signalling.header_value import parameter
from collectors.signalling.message import SipMessage

# RFC 3551 table 4: payload types that need no rtpmap.
_STATIC = {"0": "PCMU", "3": "GSM", "4": "G723", "8": "PCMA", "9": "G722", "15": "G728", "18": "G729"}
# Not speech codecs: RFC 4733, 3389, 2198.
_NOT_SPEECH = frozenset({"TELEPHONE-EVENT", "CN", "RED"})
_RTPMAP = re.compile(r"^a=rtpmap:(\d{1,3})[ \t]+([A-Za-z0-9_.\-]{1,32})/", re.MULTILINE)
_MEDIA = re.compile(r"^m=audio[ \t]+\d{1,5}(?:/\d+)?[ \t]+\S+((?:[ \t]+\d{1,3})+)", re.MULTILINE)
_MAX_SDP_BYTES = 65_536


def codecs_of(message: SipMessage) -> tuple[str, ...] | None:
    """Return the speech codecs of the first audio line, in the order of preference, each once.

    None where the body has no session description with audio.
    """
    body = message.body[:_MAX_SDP_BYTES]
    content_type = message.get("content-type").lower()
    if content_type.startswith("multipart/"):
        body = _sdp_part(body, parameter(message.get("content-type"), "boundary"))
    elif content_type and not content_type.startswith("application/sdp"):
        return None
    return audio_codecs(body.decode("utf-8", "replace").replace("\r", ""))


def audio_codecs(sdp: str) -> tuple[str, ...] | None:
    """Return the speech codecs of a session description, upper case; None where it has no audio."""
    media = _MEDIA.search(sdp)
    if not media:
        return None
    section = sdp[media.end() :].partition("\nm=")[0]
    named = {number: name.upper() for number, name in _RTPMAP.findall(section)}
    names = (named.get(number) or _STATIC.get(number, "") for number in media[1].split())
    return tuple(dict.fromkeys(name for name in names if name and name not in _NOT_SPEECH))


def _sdp_part(body: bytes, boundary: str) -> bytes:
    """Cut the session description out of a multipart body (RFC 2046 5.1); empty where there is none."""
    if not boundary:
        return b""
    for part in body.split(b"--" + boundary.encode()):
        head, _, rest = part.replace(b"\r\n", b"\n").partition(b"\n\n")
        if b"application/sdp" in head.lower():
            return rest
    return b""
