"""The trained text model is kept on disk: the same, safe to delete, and nothing foreign is taken for it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from diagnosis import kept_model, text_model
from diagnosis.kept_model import Learned, learned

NAME, BUCKETS, CATEGORIES = "a" * 64, 64, 2
MODEL = Learned(
    np.array([3, 9]), np.array([1.5, 2.5]), np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, -0.5])
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "callcause"


def asked() -> tuple[Learned, int]:
    """Return the model and how often it was trained."""
    trained = []

    def train() -> Learned:
        trained.append(1)
        return MODEL

    return learned(NAME, BUCKETS, CATEGORIES, train), len(trained)


def is_model(found: Learned) -> bool:
    return all(np.array_equal(getattr(found, name), getattr(MODEL, name)) for name in Learned.__slots__)


def kept_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_a_second_process_reads_what_the_first_one_trained(folder: Path) -> None:
    assert asked()[1] == 1
    found, trained = asked()
    assert trained == 0
    assert is_model(found)
    assert [path.suffix for path in folder.iterdir()] == [".npz"]


def test_a_deleted_file_is_made_again(folder: Path) -> None:
    asked()
    kept_file(folder).unlink()
    assert asked()[1] == 1
    assert kept_file(folder).exists()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: b"no model",
        lambda data: pickle.dumps({"bucket": [1]}),
        lambda data: data.replace(b"bias.npy", b"bear.npy"),
        lambda data: data[:200] + bytes([data[200] ^ 255]) + data[201:],
    ],
)
def test_a_spoiled_file_is_trained_anew(folder: Path, spoil: Callable[[bytes], bytes]) -> None:
    asked()
    path = kept_file(folder)
    path.write_bytes(spoil(path.read_bytes()))
    found, trained = asked()
    assert trained == 1
    assert is_model(found)
    assert asked()[1] == 0


@pytest.mark.parametrize(
    "foreign",
    [
        Learned(np.array([3, 99]), MODEL.idf, MODEL.weights, MODEL.bias),
        Learned(np.array([9, 3]), MODEL.idf, MODEL.weights, MODEL.bias),
        Learned(MODEL.bucket, MODEL.idf, MODEL.weights[:, :1], MODEL.bias),
        Learned(MODEL.bucket, np.array([np.nan, 1.0]), MODEL.weights, MODEL.bias),
        Learned(MODEL.bucket.astype(float), MODEL.idf, MODEL.weights, MODEL.bias),
        Learned(MODEL.bucket[:0], MODEL.idf[:0], MODEL.weights[:0], MODEL.bias),
    ],
)
def test_arrays_that_are_no_model_are_not_taken_for_one(folder: Path, foreign: Learned) -> None:
    asked()
    np.savez(kept_file(folder), **{name: getattr(foreign, name) for name in Learned.__slots__})
    found, trained = asked()
    assert trained == 1
    assert is_model(found)


def test_objects_in_a_file_are_never_unpickled(folder: Path) -> None:
    asked()
    np.savez(kept_file(folder), bucket=np.array([print], dtype=object))
    assert asked()[1] == 1


def test_without_a_place_to_write_the_model_is_trained(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    found, trained = asked()
    assert trained == 1
    assert is_model(found)


def test_other_phrases_or_libraries_have_another_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phrases = tmp_path / "phrases"
    phrases.write_text("dropped")
    first = kept_model.digest([phrases])
    assert kept_model.digest([phrases]) == first
    phrases.write_text("no icon")
    other = kept_model.digest([phrases])
    monkeypatch.setattr(kept_model, "version", lambda name: "0")
    assert len({first, other, kept_model.digest([phrases])}) == 3


def test_the_model_from_disk_is_the_trained_one_to_the_last_bit() -> None:
    text_model.trained_model.cache_clear()
    first = text_model.trained_model()
    text_model.trained_model.cache_clear()
    again = text_model.trained_model()
    assert all(getattr(first, n).tobytes() == getattr(again, n).tobytes() for n in ("idf", "weights", "bias"))
    assert (
        first.log_probabilities(["电话打不出去"]).tobytes()
        == again.log_probabilities(["电话打不出去"]).tobytes()
    )
