"""A tiny writer of pcap files: Ethernet, IPv4, IPv6, UDP, TCP, SCTP, GTP-U, IP-in-IP, fragments."""

from __future__ import annotations

import ipaddress
import struct
from pathlib import Path

Address = tuple[str, int]


def checksum(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip(
    source: str, destination: str, protocol: int, payload: bytes, *, ident: int = 0, flags: int = 0
) -> bytes:
    if ":" in source:
        ends = ipaddress.IPv6Address(source).packed + ipaddress.IPv6Address(destination).packed
        return struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64) + ends + payload
    ends = ipaddress.IPv4Address(source).packed + ipaddress.IPv4Address(destination).packed
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), ident, flags, 64, protocol, 0) + ends
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def udp_segment(source: Address, destination: Address, payload: bytes) -> bytes:
    return struct.pack(">HHHH", source[1], destination[1], 8 + len(payload), 0) + payload


def udp(source: Address, destination: Address, payload: bytes) -> bytes:
    return ip(source[0], destination[0], 17, udp_segment(source, destination, payload))


def fragments(source: Address, destination: Address, payload: bytes, size: int = 800) -> list[bytes]:
    """One UDP datagram in IP fragments; `size` a multiple of 8."""
    whole = udp_segment(source, destination, payload)
    parts = [whole[at : at + size] for at in range(0, len(whole), size)]
    return [
        ip(source[0], destination[0], 17, part, ident=77,
           flags=(0x2000 if n < len(parts) - 1 else 0) | n * size // 8)
        for n, part in enumerate(parts)
    ]  # fmt: skip


def tcp(source: Address, destination: Address, sequence: int, payload: bytes, flags: int = 0x18) -> bytes:
    head = struct.pack(">HHIIBBHHH", source[1], destination[1], sequence, 1, 0x50, flags, 65_535, 0, 0)
    return ip(source[0], destination[0], 6, head + payload)


def sctp(source: Address, destination: Address, tsn: int, payload: bytes, protocol: int) -> bytes:
    """One DATA chunk that holds a whole message; payload protocol 46 Diameter, 18 S1AP."""
    chunk = struct.pack(">BBHIHHI", 0, 3, 16 + len(payload), tsn, 0, 0, protocol) + payload
    chunk += bytes(-len(chunk) % 4)
    return ip(source[0], destination[0], 132, struct.pack(">HHII", source[1], destination[1], 1, 0) + chunk)


def gtp_u(source: Address, destination: Address, teid: int, inner: bytes) -> bytes:
    return udp(
        (source[0], 2152), (destination[0], 2152), struct.pack(">BBHI", 0x30, 255, len(inner), teid) + inner
    )


def ip_in_ip(source: str, destination: str, inner: bytes) -> bytes:
    return ip(source, destination, 4, inner)


def rtp(sequence: int, timestamp: int, ssrc: int = 1, payload_type: int = 8, size: int = 160) -> bytes:
    return struct.pack(">BBHII", 0x80, payload_type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + bytes(
        size
    )


def pcap(packets: list[tuple[float, bytes]]) -> bytes:
    """A pcap file in microseconds; packets are given as seconds and IP packet, in any order."""
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)]
    for at, packet in sorted(packets, key=lambda one: one[0]):
        frame = b"\x02" * 6 + b"\x04" * 6 + (b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00") + packet
        micro = round(at * 1_000_000)
        out.append(
            struct.pack("<IIII", micro // 1_000_000, micro % 1_000_000, len(frame), len(frame)) + frame
        )
    return b"".join(out)


def write(path: Path, packets: list[tuple[float, bytes]]) -> Path:
    path.write_bytes(pcap(packets))
    return path
