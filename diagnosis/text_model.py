"""The text model: character n-gram TF-IDF and a linear model, trained from the seed phrases.

Training is deterministic, so nothing trained is shipped: the phrases are the model. It takes seconds with its
imports, so what it found is kept in the user's cache (`kept_model`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl
import yaml
from numpy.typing import NDArray

from diagnosis import kept_model, ngrams
from diagnosis.kept_model import Learned
from diagnosis.ngrams import BUCKET_BITS, ngrams_of

CATEGORIES = ("registration", "access", "drop", "mos", "csfb", "other")
DATA = Path(__file__).parent / "data"
_VARIANTS = 5
_REGULARISATION = 20.0
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TextModel:
    """`idf`: weight of each bucket (0 = never seen); `weights`: buckets x categories; `bias`: categories."""

    idf: Floats
    weights: Floats
    bias: Floats

    def log_probabilities(self, texts: Sequence[str]) -> Floats:
        """Texts x categories; a text with no known n-gram gets equal probabilities."""
        grams = ngrams_of(texts)
        row, bucket = grams.row, grams.bucket
        known = self.idf[bucket]
        scale = np.sqrt(np.bincount(row, known**2, minlength=grams.texts))
        by_category = [np.bincount(row, known * w[bucket], minlength=grams.texts) for w in self.weights.T]
        raw: Floats = np.stack(by_category, axis=1).astype(np.float64)
        scores = raw / np.maximum(scale, 1e-9)[:, None] + (scale > 0).astype(float)[:, None] * self.bias
        return np.asarray(scores - np.logaddexp.reduce(scores, axis=1)[:, None])

    def deciding_words(self, text: str, category: str, limit: int = 3) -> list[str]:
        """Return the pieces of the text that spoke most for the category over the others, strongest first."""
        grams = ngrams_of([text])
        if not grams.bucket.size:
            return []
        heard = self.weights[grams.bucket]
        gain = self.idf[grams.bucket] * (heard[:, CATEGORIES.index(category)] - heard.mean(axis=1))
        spread = np.zeros(len(text))
        for start, length, value in zip(grams.start, grams.length, gain, strict=True):
            spread[start : start + length] += value / length
        return _peaks(text, spread, limit)


def _peaks(text: str, spread: Floats, limit: int) -> list[str]:
    """Cut the text into runs above a third of the peak, widened to whole Latin words."""
    floor = spread.max(initial=0.0) / 3
    if floor <= 0:
        return []
    runs: dict[str, float] = {}
    start = 0
    while start < len(text):
        if spread[start] <= floor:
            start += 1
            continue
        end = start
        while end < len(text) and spread[end] > floor:
            end += 1
        left, right = _whole_word(text, start, end)
        word = text[left:right].strip(" ,.;:!?，。；：！？、")
        if word:
            runs[word] = max(runs.get(word, 0.0), float(spread[start:end].sum()))
        start = max(end, right)
    return sorted(runs, key=lambda word: (-runs[word], word))[:limit]


def _whole_word(text: str, start: int, end: int) -> tuple[int, int]:
    while start > 0 and _is_latin(text[start - 1]) and _is_latin(text[start]):
        start -= 1
    while end < len(text) and _is_latin(text[end]) and _is_latin(text[end - 1]):
        end += 1
    return start, end


def _is_latin(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "'")


def normalised(text: pl.Expr) -> pl.Expr:
    """Lower case, blanks and digits run together: what the model reads. 2, 3 and 4 stay, as in 2G and 4G."""
    lower = text.fill_null("").str.to_lowercase()
    return (
        lower.str.replace_all(r"\d{3,}", "0")
        .str.replace_all(r"[015-9]", "0")
        .str.replace_all(r"[\s\x00]+", " ")
        .str.strip_chars()
    )


@lru_cache(maxsize=1)
def trained_model() -> TextModel:
    """Train once for the same phrases, code and libraries; the same phrases give the same weights."""
    made_of = (DATA / "phrases.yaml", DATA / "phrase_frames.yaml", Path(__file__), Path(ngrams.__file__))
    known = kept_model.learned(kept_model.digest(made_of), 2**BUCKET_BITS, len(CATEGORIES), train)
    idf, weights = np.zeros(2**BUCKET_BITS), np.zeros((2**BUCKET_BITS, len(CATEGORIES)))
    idf[known.bucket], weights[known.bucket] = known.idf, known.weights
    return TextModel(idf, weights, known.bias)


def train() -> Learned:
    """Train from the phrases."""
    from scipy.sparse import csr_matrix  # here: a second of imports that only classification needs
    from sklearn.linear_model import LogisticRegression

    texts, labels = _training_set()
    grams = ngrams_of(texts)
    buckets, column = np.unique(grams.bucket, return_inverse=True)
    shape = (len(texts), len(buckets))
    counts = csr_matrix((np.ones(len(column)), (grams.row, column)), shape=shape)
    frequency = np.bincount(counts.indices, minlength=len(buckets))
    idf = np.log((1 + len(texts)) / (1 + frequency)) + 1
    norm = np.sqrt(np.bincount(grams.row, idf[column] ** 2, minlength=len(texts)))
    matrix = csr_matrix((idf[column] / norm[grams.row], (grams.row, column)), shape=shape)
    model = LogisticRegression(C=_REGULARISATION, max_iter=40, tol=3e-3).fit(matrix, labels)
    order = [list(model.classes_).index(c) for c in range(len(CATEGORIES))]
    return Learned(buckets, idf, model.coef_[order].T, model.intercept_[order])


def _training_set() -> tuple[list[str], NDArray[np.int64]]:
    phrases: dict[str, dict[str, list[str]]] = yaml.safe_load((DATA / "phrases.yaml").read_text("utf-8"))
    frames: dict[str, dict[str, list[str]]] = yaml.safe_load((DATA / "phrase_frames.yaml").read_text("utf-8"))
    random = np.random.Generator(np.random.PCG64(20160201))
    texts: list[str] = []
    labels: list[int] = []
    for number, category in enumerate(CATEGORIES):
        for language, items in phrases[category].items():
            for phrase in items:
                made = list(_variants(phrase, frames[language], random))
                texts += made
                labels += [number] * len(made)
    written = pl.DataFrame({"text": texts}).select(normalised(pl.col("text")))["text"]
    return written.to_list(), np.array(labels)


def _variants(phrase: str, frames: dict[str, list[str]], random: np.random.Generator) -> Iterator[str]:
    """Yield the phrase, the phrase inside what people write around it, and with a typing slip."""
    yield phrase
    for _ in range(_VARIANTS - 1):
        before = frames["before"][random.integers(len(frames["before"]))]
        after = frames["after"][random.integers(len(frames["after"]))]
        slip = random.random() < 0.35
        yield before + (_slip(phrase, random) if slip else phrase) + after


def _slip(phrase: str, random: np.random.Generator) -> str:
    """Leave out one character or exchange two neighbours."""
    if len(phrase) < 4:
        return phrase
    at = int(random.integers(1, len(phrase) - 1))
    if random.random() < 0.5:
        return phrase[:at] + phrase[at + 1 :]
    return phrase[:at] + phrase[at + 1] + phrase[at] + phrase[at + 2 :]
