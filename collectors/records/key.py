"""The secret that pseudonyms depend on: from the environment or a file, never in a store."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from collectors.errors import ConfigError

PREVIOUS_VARIABLE = "CALLCAUSE_PSEUDONYM_KEY_PREVIOUS"
KEY_VARIABLE = "CALLCAUSE_PSEUDONYM_KEY"
FILE_VARIABLE = "CALLCAUSE_PSEUDONYM_KEY_FILE"
MIN_KEY_BYTES = 16


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """The key in use, and the former one while both are known (`until` None: as long as it is set)."""

    current: bytes
    previous: bytes | None = None
    until: datetime | None = None


def default_key_file() -> Path:
    """Where the key lies when nothing else is said."""
    return Path("~/.config/callcause/pseudonym.key").expanduser()


def load_key() -> bytes:
    """Return `CALLCAUSE_PSEUDONYM_KEY`, else the file of `CALLCAUSE_PSEUDONYM_KEY_FILE`, else the user's own.

    The user's own key file is made on first use, readable by the owner only. ConfigError when a key is too
    short or a named file cannot be read; the message never holds the key.
    """
    if text := os.environ.get(KEY_VARIABLE):
        return _checked(text.encode("utf-8", "surrogateescape"), KEY_VARIABLE)
    if named := os.environ.get(FILE_VARIABLE):
        return _read(Path(named).expanduser())
    path = default_key_file()
    if not path.exists():
        _create(path)
    return _read(path)


def load_keys(now: datetime | None = None) -> Keys:
    """Return the key in use with the former one: `CALLCAUSE_PSEUDONYM_KEY_PREVIOUS`, else of a rotation.

    A former key whose days are over is not returned. ConfigError as for `load_key`.
    """
    current = load_key()
    if text := os.environ.get(PREVIOUS_VARIABLE):
        return Keys(current, _checked(text.encode("utf-8", "surrogateescape"), PREVIOUS_VARIABLE))
    if os.environ.get(KEY_VARIABLE):
        return Keys(current)
    path = _previous_file(_key_file())
    if not path.exists():
        return Keys(current)
    key, _, last = _read(path).rpartition(b" ")
    try:
        until = datetime.fromisoformat(last.decode())
    except ValueError:
        raise ConfigError("expected a key and until when it is known", file=str(path)) from None
    key = _checked(key, str(path))
    known = until > (now or datetime.now(UTC)) and key != current
    return Keys(current, key, until) if known else Keys(current)


def rotate_key(days: float, now: datetime | None = None) -> datetime:
    """Make a new key and keep the former one for some days; returns until when.

    The former key is on the disk before the new one is: stopped between, it is asked for again. ConfigError
    where the key comes from the environment, or an earlier rotation is not over.
    """
    if os.environ.get(KEY_VARIABLE):
        hint = f"set {PREVIOUS_VARIABLE} to the former key and {KEY_VARIABLE} to the new one"
        raise ConfigError("the key comes from the environment", key=KEY_VARIABLE, hint=hint)
    if not 0 < days < 36500:
        raise ConfigError("expected days above 0", key="days")
    now = now or datetime.now(UTC)
    keys, path = load_keys(now), _key_file()
    if keys.previous is not None:
        hint = "`callcause pseudonyms retire` ends it"
        raise ConfigError("an earlier rotation is not over", file=str(_previous_file(path)), hint=hint)
    until = now + timedelta(days=days)
    _replace(_previous_file(path), keys.current + b" " + until.isoformat().encode())
    _replace(path, secrets.token_hex(32).encode())
    return until


def retire_key() -> bool:
    """Destroy the former key; False where there is none."""
    path = _previous_file(_key_file())
    there = path.exists()
    path.unlink(missing_ok=True)
    return there


def _key_file() -> Path:
    named = os.environ.get(FILE_VARIABLE)
    return Path(named).expanduser() if named else default_key_file()


def _previous_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.previous")


def _replace(path: Path, content: bytes) -> None:
    """Write a file of secrets whole or not at all, readable by its owner only."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content + b"\n")
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise ConfigError(f"the pseudonym key cannot be written: {error.strerror}", file=str(path)) from error


def _read(path: Path) -> bytes:
    try:
        return _checked(path.read_bytes().strip(), str(path))
    except OSError as error:
        hint = f"set {KEY_VARIABLE} or {FILE_VARIABLE}"
        raise ConfigError(
            f"the pseudonym key cannot be read: {error.strerror}", file=str(path), hint=hint
        ) from error


def _checked(key: bytes, source: str) -> bytes:
    if len(key) < MIN_KEY_BYTES:
        raise ConfigError(f"the pseudonym key needs at least {MIN_KEY_BYTES} bytes", file=source)
    return key


def _create(path: Path) -> None:
    """Make the key aside and link it in place: of two processes one wins, and no key is half-written."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_hex(32).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, path)
        except FileExistsError:
            return
        finally:
            aside.unlink()
    except OSError as error:
        hint = f"set {KEY_VARIABLE} or {FILE_VARIABLE}"
        raise ConfigError(
            f"the pseudonym key cannot be made: {error.strerror}", file=str(path), hint=hint
        ) from error
