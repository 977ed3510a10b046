"""Files people download: harmless in a spreadsheet, exact in their numbers."""

from __future__ import annotations

import io

import pandas as pd
import pytest

from ui import downloads

NASTY = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "name": ["=1+1", "好友邀请", None],
            "=head": [-0.1, 1 / 3, float("nan")],
            "at": pd.to_datetime(["2026-01-05 10:00", None, "2026-01-06 00:00"]),
        }
    )


@pytest.mark.parametrize("text", NASTY)
def test_no_text_starts_a_formula(text: str):
    assert downloads.harmless(pd.DataFrame({"a": [text]}))["a"][0] == "'" + text


def test_csv_is_read_by_excel_and_keeps_every_digit(frame: pd.DataFrame):
    content = downloads.csv_bytes(frame)
    assert content.startswith(b"\xef\xbb\xbf")
    back = pd.read_csv(io.BytesIO(content), encoding="utf-8-sig")
    assert list(back.columns) == ["name", "'=head", "at"]
    assert back["name"].tolist()[:2] == ["'=1+1", "好友邀请"]
    assert back["'=head"].tolist()[:2] == [-0.1, 1 / 3], "a negative number is a number, not a formula"


def test_xlsx_keeps_texts_as_texts_and_numbers_as_numbers(frame: pd.DataFrame):
    back = pd.read_excel(io.BytesIO(downloads.xlsx_bytes(frame, "a[1]/b")), engine="calamine")
    assert back["name"].tolist()[0] == "'=1+1"
    assert back["'=head"].tolist()[:2] == [-0.1, pytest.approx(1 / 3)]
    assert back["at"][0] == pd.Timestamp("2026-01-05 10:00")


def test_zones_do_not_stop_excel():
    frame = pd.DataFrame({"at": pd.to_datetime(["2026-01-05 10:00"]).tz_localize("Asia/Shanghai")})
    back = pd.read_excel(io.BytesIO(downloads.xlsx_bytes(frame, "x")), engine="calamine")
    assert back["at"][0] == pd.Timestamp("2026-01-05 10:00")


def test_our_dates_are_written_as_a_person_would_type_them():
    frame = pd.DataFrame({"9\u2060月": ["9\u2060月\u20607\u2060日", "7\u00a0Sep\u00a02026", "u\u00a01"]})
    text = downloads.csv_bytes(frame).decode("utf-8-sig")
    assert text.split("\r\n")[:4] == ["9月", "9月7日", "7 Sep 2026", "u\u00a01"]
