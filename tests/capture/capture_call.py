"""A call as packets: two phones, one proxy, media between the phones."""

from __future__ import annotations

from capture_writer import Address, rtp, udp

START = 1_770_000_000.0
ALICE: Address = ("10.1.0.2", 5060)
PROXY: Address = ("10.9.0.1", 5060)
BOB: Address = ("10.1.0.3", 5060)
ALICE_MEDIA: Address = ("10.1.0.2", 40_000)
BOB_MEDIA: Address = ("10.1.0.3", 50_000)
NUMBER = "+8613800000001"


def sdp(media: Address, payload_type: int = 8) -> str:
    return (
        f"v=0\r\no=- 1 1 IN IP4 {media[0]}\r\ns=-\r\nc=IN IP4 {media[0]}\r\nt=0 0\r\n"
        f"m=audio {media[1]} RTP/AVP {payload_type}\r\na=sendrecv\r\n"
    )


def message(
    first: str, method: str, *, vias: int = 1, cseq: int = 1, tag: str = "", body: str = "", extra: str = ""
) -> bytes:
    hops = [("10.1.0.2", "z9hG4bKa"), ("10.9.0.1", "z9hG4bKp")]
    if method == "BYE":
        hops = [(host, branch + "bye") for host, branch in hops]
    via = "".join(f"Via: SIP/2.0/UDP {host}:5060;branch={branch}\r\n" for host, branch in hops[:vias][::-1])
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return (
        f"{first}\r\n{via}From: <sip:{NUMBER}@ims.example>;tag=fa\r\n"
        f"To: <sip:+8613800000002@ims.example>{tag}\r\nCall-ID: call-1@10.1.0.2\r\nCSeq: {cseq} {method}\r\n"
        f"P-Charging-Vector: icid-value=icid-1\r\n{extra}{kind}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


INVITE = "INVITE sip:+8613800000002@ims.example SIP/2.0"
FORWARDED = "INVITE sip:bob@10.1.0.3:5060 SIP/2.0"
BOB_TAG = ";tag=tb"


def signalling(start: float = START, end: float = 14.0) -> list[tuple[float, bytes]]:
    """Set-up, answer at 2 s, BYE by the caller at `end`."""
    ok = sdp(BOB_MEDIA)
    return [
        (start, udp(ALICE, PROXY, message(INVITE, "INVITE", body=sdp(ALICE_MEDIA)))),
        (start + 0.01, udp(PROXY, ALICE, message("SIP/2.0 100 Trying", "INVITE"))),
        (start + 0.02, udp(PROXY, BOB, message(FORWARDED, "INVITE", vias=2, body=sdp(ALICE_MEDIA)))),
        (start + 0.5, udp(BOB, PROXY, message("SIP/2.0 180 Ringing", "INVITE", vias=2, tag=BOB_TAG))),
        (start + 0.51, udp(PROXY, ALICE, message("SIP/2.0 180 Ringing", "INVITE", tag=BOB_TAG))),
        (start + 2.0, udp(BOB, PROXY, message("SIP/2.0 200 OK", "INVITE", vias=2, tag=BOB_TAG, body=ok))),
        (start + 2.01, udp(PROXY, ALICE, message("SIP/2.0 200 OK", "INVITE", tag=BOB_TAG, body=ok))),
        (start + 2.05, udp(ALICE, BOB, message("ACK sip:bob@10.1.0.3:5060 SIP/2.0", "ACK", tag=BOB_TAG))),
        (start + end, udp(ALICE, BOB, message("BYE sip:bob@10.1.0.3 SIP/2.0", "BYE", cseq=2, tag=BOB_TAG))),
        (start + end + 0.05, udp(BOB, ALICE, message("SIP/2.0 200 OK", "BYE", cseq=2, tag=BOB_TAG))),
    ]  # fmt: skip


def media(
    source: Address,
    destination: Address,
    *,
    begin: float = START + 2.1,
    packets: int = 500,
    lost: frozenset[int] = frozenset(),
    first: int = 65_400,
    ssrc: int = 1,
) -> list[tuple[float, bytes]]:
    """RTP at 50 packets/s; the sequence numbers wrap."""
    return [
        (begin + n * 0.02, udp(source, destination, rtp(first + n, 160 * n, ssrc)))
        for n in range(packets)
        if n not in lost
    ]
