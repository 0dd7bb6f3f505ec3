"""The E-model against published values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.voice.codecs import codec_name, find_codec, score, static_codec
from collectors.voice.e_model import (
    Line,
    absolute_delay,
    equipment,
    mos,
    mos_wide,
    rating,
    rating_wide,
    signal_to_noise,
    simultaneous,
)

SMALL = {"max_examples": 60, "deadline": None}
# The default R of the first edition of G.107 (12/98), which the study below used, over today's 93.2.
FIRST_EDITION = 94.15 - 93.2


def test_the_default_line_has_the_rating_and_the_score_that_g107_gives_for_it() -> None:
    assert float(rating(0.0)) == pytest.approx(93.2, abs=0.05)
    assert float(mos(rating(0.0))) == pytest.approx(4.41, abs=0.005)
    assert signal_to_noise() == pytest.approx(94.77, abs=0.01)
    assert float(simultaneous()) == pytest.approx(1.41, abs=0.01)


@pytest.mark.parametrize(("r", "published"), [(90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58)])
def test_the_scale_of_g107_annex_b_is_met(r: float, published: float) -> None:
    assert float(mos(r)) == pytest.approx(published, abs=0.01)


@pytest.mark.parametrize(
    ("codec_impairment", "no_echo_ms", "echo_loss_50_ms"),
    [(0, 400, 291), (5, 342, 256), (10, 294, 223), (15, 251, 187)],
    ids=["G.711", "GSM-EFR", "G.729", "G.723.1"],
)
def test_tolerable_delays_are_those_of_the_published_study(
    codec_impairment: float, no_echo_ms: float, echo_loss_50_ms: float
) -> None:
    # Janssen, De Vleeschauwer, Buchli, Petit, "Assessing voice quality in packet-based telephony", IEEE
    # Internet Computing 6(3), 2002, table 3: the delay at which R falls to 70, with perfect echo control and
    # with an echo loss of 50 dB (TELR = 50 + SLR + RLR).
    t = np.arange(0, 600)
    for telr, published in ((1000.0, no_echo_ms), (60.0, echo_loss_50_ms)):
        line = Line(telr=telr, advantage=FIRST_EDITION)
        good = rating(0, codec_impairment, 10, t, line=line) >= 70
        assert t[good].max() == pytest.approx(published, abs=4)


def test_delay_costs_nothing_up_to_100_ms_and_ever_more_after() -> None:
    assert absolute_delay([0, 50, 100]).tolist() == [0, 0, 0]
    rising = absolute_delay([150, 200, 300, 400, 600])
    assert (np.diff(rising) > 0).all()
    assert rising[1] == pytest.approx(3.0, abs=0.1)


def test_loss_costs_as_the_robustness_of_the_codec_says() -> None:
    # (7-29) worked by hand: 95 * 1 / (1 + 4.3)
    assert float(equipment(0, 4.3, 1.0)) == pytest.approx(17.92, abs=0.01)
    assert float(equipment(11, 19, 0.0)) == 11
    assert float(equipment(0, 4.3, 100.0)) < 95
    assert float(equipment(0, 4.3, 1.0, burst_ratio=0.5)) > float(equipment(0, 4.3, 1.0)) - 10


def test_a_wide_band_line_begins_at_129_and_scores_above_a_narrow_one() -> None:
    assert float(rating_wide(0.0)) == 129
    assert float(mos_wide(129)) == 4.5
    wide, narrow = score("AMR-WB", 23.05, 0.0), score("AMR", 12.2, 0.0)
    assert wide is not None
    assert narrow is not None
    assert wide.mos > narrow.mos
    assert wide.r == 128


@given(
    loss=st.floats(0, 100),
    more=st.floats(0, 20),
    delay=st.floats(0, 2000),
    ie=st.floats(0, 40),
    bpl=st.floats(1, 30),
)
@settings(**SMALL)
def test_more_loss_never_scores_better_and_scores_stay_on_the_scale(
    loss: float, more: float, delay: float, ie: float, bpl: float
) -> None:
    first, second = rating([loss, min(loss + more, 100)], ie, bpl, delay)
    assert second <= first + 1e-9
    for of, to_mos in ((rating, mos), (rating_wide, mos_wide)):
        value = float(to_mos(of(loss, ie, bpl, delay)))
        assert 1.0 <= value <= 4.5


@given(low=st.floats(-50, 150), step=st.floats(0, 50))
@settings(**SMALL)
def test_a_better_rating_is_never_a_worse_score(low: float, step: float) -> None:
    assert float(mos(low + step)) >= float(mos(low)) - 1e-9


def test_a_codec_without_known_impairment_is_not_scored() -> None:
    assert score("EVS", 13.2, 0.0) is None
    assert score("AMR", None, 0.0) is None
    assert score("AMR", 4.75, 0.0) is None
    assert score("", None, 0.0) is None


def test_names_of_codecs_in_the_field_are_known() -> None:
    names = ("G.711 A-Law", "pcma/8000", "AMR-WB/16000/1", "amr", "G.722.2", "opus")
    assert [codec_name(n) for n in names] == ["PCMA", "PCMA", "AMR-WB", "AMR", "AMR-WB", "OPUS"]
    assert static_codec(8) == "PCMA"
    assert static_codec(111) == ""
    known = find_codec("G722")
    assert known is not None
    assert known.clock_hz == 8000  # RFC 3551 4.5.2: the RTP clock is 8 kHz by mistake, and stays so
