"""The secret that pseudonyms depend on: from the environment or a file, never in a store."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from collectors.errors import ConfigError

KEY_VARIABLE = "CALLCAUSE_PSEUDONYM_KEY"
FILE_VARIABLE = "CALLCAUSE_PSEUDONYM_KEY_FILE"
MIN_KEY_BYTES = 16


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
