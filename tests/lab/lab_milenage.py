"""Milenage (TS 35.206) and the AKA values of TS 33.102, for the SIM of a lab phone and for the lab's HSS."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def _aes(key: bytes, block: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _rotated(block: bytes, bits: int) -> bytes:
    number = int.from_bytes(block, "big")
    turned = ((number << bits) | (number >> (128 - bits))) & ((1 << 128) - 1) if bits else number
    return turned.to_bytes(16, "big")


def opc_of(key: bytes, operator: bytes) -> bytes:
    """Return OPc of a key K and the operator's OP (TS 35.206 clause 4.1)."""
    return _xor(_aes(key, operator), operator)


@dataclass(frozen=True, slots=True)
class Milenage:
    """The functions f1 to f5* for one K and OPc."""

    key: bytes
    opc: bytes

    def _temp(self, rand: bytes) -> bytes:
        return _aes(self.key, _xor(rand, self.opc))

    def _out(self, rand: bytes, rotation: int, constant: int) -> bytes:
        block = _xor(_rotated(_xor(self._temp(rand), self.opc), rotation), constant.to_bytes(16, "big"))
        return _xor(_aes(self.key, block), self.opc)

    def f1(self, rand: bytes, sqn: bytes, amf: bytes) -> tuple[bytes, bytes]:
        """Return MAC-A (f1) and MAC-S (f1*)."""
        mixed = _xor(_rotated(_xor(sqn + amf + sqn + amf, self.opc), 64), self._temp(rand))
        out = _xor(_aes(self.key, mixed), self.opc)
        return out[:8], out[8:]

    def f2_f5(self, rand: bytes) -> tuple[bytes, bytes]:
        """Return RES (f2) and AK (f5)."""
        out = self._out(rand, 0, 1)
        return out[8:], out[:6]

    def f3(self, rand: bytes) -> bytes:
        """Return CK."""
        return self._out(rand, 32, 2)

    def f4(self, rand: bytes) -> bytes:
        """Return IK."""
        return self._out(rand, 64, 4)

    def f5_star(self, rand: bytes) -> bytes:
        """Return the AK that hides SQN in AUTS."""
        return self._out(rand, 96, 8)[:6]


@dataclass(frozen=True, slots=True)
class Vector:
    """One authentication vector of an HSS."""

    rand: bytes
    autn: bytes
    xres: bytes
    ck: bytes
    ik: bytes


def vector(milenage: Milenage, sqn: int, rand: bytes, amf: bytes = b"\x80\x00") -> Vector:
    """Make the vector for a sequence number (TS 33.102 clause 6.3.2)."""
    number = sqn.to_bytes(6, "big")
    xres, ak = milenage.f2_f5(rand)
    mac, _ = milenage.f1(rand, number, amf)
    return Vector(rand, _xor(number, ak) + amf + mac, xres, milenage.f3(rand), milenage.f4(rand))


class WrongKeyError(Exception):
    """The MAC of a challenge does not fit the key of this SIM."""


class OldSequenceError(Exception):
    """The challenge's sequence number is not fresh; the AUTS to answer with is the argument."""

    def __init__(self, auts: bytes) -> None:
        super().__init__("the sequence number is not fresh")
        self.auts = auts


@dataclass(slots=True)
class Sim:
    """A SIM: its key and the highest sequence number that it has accepted."""

    milenage: Milenage
    sqn: int = 0

    def answer(self, rand: bytes, autn: bytes) -> bytes:
        """Return RES; WrongKeyError or OldSequenceError (TS 33.102 clause 6.3.3)."""
        res, ak = self.milenage.f2_f5(rand)
        number, amf = _xor(autn[:6], ak), autn[6:8]
        if self.milenage.f1(rand, number, amf)[0] != autn[8:16]:
            raise WrongKeyError("MAC failure")
        if int.from_bytes(number, "big") <= self.sqn:
            raise OldSequenceError(self.auts(rand))
        self.sqn = int.from_bytes(number, "big")
        return res

    def auts(self, rand: bytes) -> bytes:
        """Return AUTS: the SIM's own sequence number, hidden and sealed."""
        own = self.sqn.to_bytes(6, "big")
        return _xor(own, self.milenage.f5_star(rand)) + self.milenage.f1(rand, own, b"\x00\x00")[1]


def sqn_of_auts(milenage: Milenage, rand: bytes, auts: bytes) -> int | None:
    """Return the sequence number in an AUTS, None where its MAC is wrong."""
    number = _xor(auts[:6], milenage.f5_star(rand))
    sealed = milenage.f1(rand, number, b"\x00\x00")[1]
    return int.from_bytes(number, "big") if sealed == auts[6:14] else None


def _md5(*parts: bytes) -> str:
    return hashlib.md5(b":".join(parts)).hexdigest()


@dataclass(frozen=True, slots=True)
class Digest:
    """What AKAv1-MD5 (RFC 3310) computes its response from."""

    username: str
    realm: str
    nonce: str
    method: str
    uri: str
    cnonce: str
    nc: str = "00000001"
    qop: str = "auth"

    def response(self, password: bytes) -> str:
        """Return the response for a password (RES of AKA, empty with AUTS)."""
        first = _md5(self.username.encode(), self.realm.encode(), password)
        second = _md5(self.method.encode(), self.uri.encode())
        middle = (self.nonce, self.nc, self.cnonce, self.qop)
        return _md5(first.encode(), *(part.encode() for part in middle), second.encode())


def challenge_of(nonce: str) -> tuple[bytes, bytes]:
    """Return RAND and AUTN of a nonce."""
    raw = base64.b64decode(nonce)
    return raw[:16], raw[16:32]
