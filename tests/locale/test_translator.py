"""Numbers, dates and money as people of each language write them; catalogues complete."""

import datetime as dt
import math
import pickle

import pytest
from babel.localedata import locale_identifiers

from ops_core.errors import IntakeError, QueryError, nearest
from ops_core.locale import translator, usual_currency

EN, ZH = translator("en"), translator("zh")


@pytest.mark.parametrize(
    ("value", "en", "zh"),
    [
        (0, "0", "0"),
        (1234, "1,234", "1,234"),
        (9999, "9,999", "9,999"),
        (18_400, "18.4K", "1.84万"),
        (404_000, "404K", "40.4万"),
        (99_999, "100K", "10万"),
        (999_950, "1M", "100万"),
        (120_000_000, "120M", "1.2亿"),
        (-25_000, "−25K", "−2.5万"),
        (12.25, "12.3", "12.3"),
        (math.nan, "—", "—"),
        (None, "—", "—"),
    ],
)
def test_big_numbers_are_said_as_people_say_them(value, en, zh):
    assert (EN.compact(value), ZH.compact(value)) == (en, zh)


def test_shares_and_differences():
    assert EN.share(0.273) == "27.3%"
    assert EN.points(-0.0485) == "−4.9"  # half away from zero, as people round
    assert EN.points(0.0) == "0.0"
    assert EN.signed(12.34, 1) == "+12.3"
    assert EN.signed_share(0.129) == "+12.9%"
    assert EN.interval("0.6", "5.5") == "0.6 to 5.5"
    assert ZH.interval("0.6", "5.5") == "0.6 至 5.5"


def test_money_follows_the_workspace():
    assert ZH.money(404_000) == "¥40.4万"
    assert EN.with_currency("USD").money_exact(-29.8) == "−$29.80"
    assert EN.money(None) == "—"


@pytest.mark.parametrize(
    ("locale", "currency"),
    [
        ("zh-CN", "CNY"),
        ("zh", "CNY"),
        ("zh-Hant-HK", "HKD"),
        ("en-GB", "GBP"),
        ("de-AT", "EUR"),
        ("en", "USD"),
        ("zh-Hans", "CNY"),
        ("sr-Cyrl", "RSD"),
    ],
)
def test_a_browsers_locale_tells_the_currency_of_its_region(locale, currency):
    assert usual_currency(locale) == currency


def test_no_locale_that_there_is_stops_a_workspace_from_being_made():
    found = {usual_currency(locale.replace("_", "-")) for locale in locale_identifiers()}
    assert {"CNY", "USD", "EUR", None} <= found


@pytest.mark.parametrize("locale", ["", "C", "xx-YY", "en-001"])
def test_a_locale_without_a_region_tells_no_currency(locale):
    assert usual_currency(locale) is None


def test_p_values_have_three_decimals():
    assert EN.p_value(0.0016) == "0.002"
    assert EN.p_value(0.0004) == "<0.001"


def test_dates_stay_on_one_line():
    day, week = dt.date(2026, 9, 7), dt.date(2026, 9, 13)
    assert EN.date(day) == "7\u00a0Sep"
    assert ZH.date(day).replace("\u2060", "") == "9月7日"
    assert ZH.date_range(day, week).replace("\u2060", "") == "9月7日至13日"
    assert EN.date_range(day, week) == "7–13\u00a0Sep"
    assert EN.date_range(dt.date(2025, 12, 31), dt.date(2026, 1, 2)) == "31\u00a0Dec\u00a02025 – 2\u00a0Jan\u00a02026"


def test_durations_use_their_natural_unit():
    assert [EN.duration(s) for s in (45, 41 * 60, 3 * 3600, 60 * 3600)] == ["45 s", "41 min", "3.0 h", "2.5 days"]


def test_an_unknown_key_is_an_error_not_a_blank():
    with pytest.raises(KeyError, match=r"no\.such\.key"):
        EN("no.such.key")


def test_errors_speak_both_languages_and_cross_processes():
    error = QueryError("unknown_event", name="pay", nearest=["payment", "paid"])
    assert str(error) == "There is no event 'pay' in this workspace. Nearest: payment, paid."
    assert "没有事件“pay”" in error.sentence(ZH)
    assert error.name == "pay"
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own object
    assert (type(copy), str(copy)) == (QueryError, str(error))
    assert isinstance(error, ValueError)
    assert issubclass(IntakeError, ValueError)


def test_the_nearest_names_come_first():
    assert nearest("purchse", ["view", "purchase", "cart", "pay"])[0] == "purchase"
    assert nearest("xyz", ["a", "b"]) == ["a", "b"]
    assert nearest("xyz", ["view", "cart", "pay", "refund"]) == []


def test_latin_names_are_set_apart_from_chinese_words():
    said = {"arm": "B", "metric": "retention_7", "difference": "下降 0.82 个百分点"}
    assert ZH("experiments.verdict.worse", **said) == "建议下线「B」：retention_7 下降 0.82 个百分点"
    assert ZH("experiments.metric_goal", event="pay", n=14) == "14 天内 pay 率"
    # Chinese names, numbers and dates stand as they are.
    assert ZH("experiments.metric_goal", event="支付", n=14) == "14 天内支付率"
    assert ZH("overview.table_title", week="9月7日至13日") == "9月7日至13日的指标"
    assert EN("value.headline_payback_one", channel="Feed ads", days="25") == "Feed ads pays back after 25 days"
