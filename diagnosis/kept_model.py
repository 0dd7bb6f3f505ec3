"""The trained text model on disk, so that a new process need not train it again.

One file for each digest of all that training depends on, in the user's cache folder: it may be deleted at any
moment, and an old one is never read. It holds plain arrays: nothing in it can run as code.
"""

from __future__ import annotations

import logging
import os
import platform
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LIBRARIES = ("numpy", "polars", "scikit-learn", "scipy")
UNREADABLE = (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
logger = logging.getLogger(__name__)
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Learned:
    """What training found: for each `bucket` (rising) `idf` and `weights` (buckets x categories); `bias`."""

    bucket: NDArray[np.int64]
    idf: Floats
    weights: Floats
    bias: Floats


def digest(files: Iterable[Path], *facts: object) -> str:
    """Name what the same training would give again: the data and code in `files`, libraries, `facts`."""
    told = [platform.machine(), *(f"{name} {version(name)}" for name in LIBRARIES), *map(str, facts)]
    parts = [sha256(path.read_bytes()).hexdigest() for path in files]
    return sha256("\n".join([*told, *parts]).encode()).hexdigest()


def cache_folder() -> Path | None:
    """Folder for what can be made again, or None for a user without a home."""
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:
        return None
    return Path(base) / "callcause"


def learned(name: str, buckets: int, categories: int, train: Callable[[], Learned]) -> Learned:
    """Return the model of that digest from disk, or train it and keep it where there is a place."""
    folder = cache_folder()
    if folder is None:
        return train()
    path = folder / f"text-model-{name[:32]}.npz"
    found = _read(path, buckets, categories)
    if found is None:
        found = train()
        _write(path, found)
    return found


def _read(path: Path, buckets: int, categories: int) -> Learned | None:
    """Read a model; None where there is none, or where the file is not one."""
    try:
        with np.load(path, allow_pickle=False) as file:
            model = Learned(**{name: file[name] for name in Learned.__slots__})
    except FileNotFoundError:
        return None
    except UNREADABLE as error:
        logger.info("%s is not a text model and is written anew: %s", path.name, error)
        return None
    return model if _fits(model, buckets, categories) else None


def _fits(model: Learned, buckets: int, categories: int) -> bool:
    """Whether the arrays are those of a model: types, shapes, rising buckets, finite numbers."""
    count = model.bucket.size
    shapes: Mapping[str, tuple[int, ...]] = {
        "bucket": (count,), "idf": (count,), "weights": (count, categories), "bias": (categories,),
    }  # fmt: skip
    arrays = {name: getattr(model, name) for name in shapes}
    types = {name: np.int64 if name == "bucket" else np.float64 for name in shapes}
    if any(arrays[n].shape != shapes[n] or arrays[n].dtype != types[n] for n in shapes) or not count:
        return False
    inside = model.bucket[0] >= 0 and model.bucket[-1] < buckets and bool((np.diff(model.bucket) > 0).all())
    return inside and all(bool(np.isfinite(array).all()) for array in arrays.values())


def _write(path: Path, model: Learned) -> None:
    """Write aside and rename, so that a reader sees a whole file or none; without a place nothing is kept."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as aside:
            try:
                np.savez(aside, **{name: getattr(model, name) for name in Learned.__slots__})
                aside.close()
                Path(aside.name).replace(path)
            except BaseException:  # whatever ends it, no half file stays
                Path(aside.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        logger.info("the text model is not kept: %s", error)
