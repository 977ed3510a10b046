"""The reader's language: messages, numbers, money, dates."""

from __future__ import annotations

import datetime as dt
import functools
import gettext
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from string import Formatter

from babel import Locale, UnknownLocaleError
from babel.core import get_global, parse_locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, get_territory_currencies

from ops_core.locale.catalogue import messages

LANGUAGES = ("zh", "en")
UNDEFINED = "—"
_MINUS = "\u2212"
_WORD_JOINER = "\u2060"  # keeps 9月14日 on one line: Chinese breaks between any two characters
_LOCALES = {"en": Locale("en", "US"), "zh": Locale("zh", "CN", "Hans")}
_SHORT_DATE = {"en": "d MMM", "zh": "M月d日"}
_LONG_DATE = {"en": "d MMM yyyy", "zh": "yyyy年M月d日"}
_COMPACT = {
    "en": ((1e9, "B"), (1e6, "M"), (1e4, "K")),
    "zh": ((1e8, "亿"), (1e4, "万")),
}
_COMPACT_DIVISOR = {"K": 1e3}
_LATIN = re.compile("[A-Za-z]")


@dataclass(frozen=True)
class Translator:
    """Speaks one language. Build it with `translator(language)`.

    Undefined numbers (`None`, `nan`) become an em dash; minus is U+2212 everywhere a person reads.
    """

    language: str
    currency: str = "CNY"
    _texts: gettext.GNUTranslations = field(repr=False, compare=False, kw_only=True)

    def __call__(self, key: str, n: float | None = None, **values: object) -> str:
        """The message of a key with its placeholders filled; `n` chooses the plural and fills `{n}`.

        Raises:
            KeyError: the catalogue has no such key, or a placeholder got no value.
        """
        if n is None:
            text = self._texts.gettext(key)
        else:
            text = self._texts.ngettext(key, key, int(abs(n)) if float(n).is_integer() else 2)
            if text == key:
                text = self._texts.gettext(key)
            values.setdefault("n", self.number(n))
        if text == key:
            raise KeyError(f"no message {key!r} in {self.language}")
        if "{" not in text:
            return text
        named = self.language == "zh" and any(isinstance(one, str) and _LATIN.search(one) for one in values.values())
        return _set_apart(text, values) if named else text.format(**values)

    def has(self, key: str) -> bool:
        """Whether the catalogue knows the key."""
        return self._texts.gettext(key) != key or self._texts.ngettext(key, key, 2) != key

    def with_currency(self, currency: str) -> Translator:
        """The same language speaking of another currency (ISO code)."""
        return replace(self, currency=currency)

    # Numbers ---------------------------------------------------------------------------------------------------

    def number(self, value: float | None, digits: int = 0) -> str:
        """A number with grouped thousands and exactly `digits` decimals."""
        if _undefined(value):
            return UNDEFINED
        # Both languages group by thousands and use a point; the locale library takes forty times as long to say so.
        return _true_minus(f"{Decimal(repr(_rounded(value, digits))):,.{digits}f}")

    def compact(self, value: float | None) -> str:
        """Big numbers as people say them: 1.84万 / 18.4K; numbers below 10,000 in full."""
        if _undefined(value):
            return UNDEFINED
        for limit, unit in _COMPACT[self.language]:
            if abs(value) >= limit * 0.99995:
                scaled = value / _COMPACT_DIVISOR.get(unit, limit)
                digits = 2 if abs(scaled) < 9.995 else 1 if abs(scaled) < 99.95 else 0
                return self._significant(scaled, digits) + unit
        if float(value).is_integer() or abs(value) >= 1000:
            return self.number(value)
        return self.number(value, 1 if abs(value) >= 10 else 2)

    def share(self, share: float | None, digits: int = 1) -> str:
        """A fraction 0–1 as a percentage."""
        return UNDEFINED if _undefined(share) else self.number(share * 100, digits) + "%"

    def points(self, difference: float | None, digits: int = 1) -> str:
        """A difference of two shares in percentage points, signed, without unit: −4.9."""
        return UNDEFINED if _undefined(difference) else self.signed(difference * 100, digits)

    def signed(self, value: float | None, digits: int = 0) -> str:
        """A number with its sign; zero after rounding has none."""
        if _undefined(value):
            return UNDEFINED
        text = self.number(value, digits)
        return "+" + text if _rounded(value, digits) > 0 else text

    def signed_share(self, share: float | None, digits: int = 1) -> str:
        """A relative change as a signed percentage: +12.9%."""
        return UNDEFINED if _undefined(share) else self.signed(share * 100, digits) + "%"

    def money(self, value: float | None) -> str:
        """An amount in the workspace's currency, compact: ¥40.4万."""
        if _undefined(value):
            return UNDEFINED
        if abs(value) < 10_000:
            return self.money_exact(value, 0 if abs(value) >= 100 else 2)
        return (_MINUS if value < 0 else "") + self.currency_symbol + self.compact(abs(value))

    def signed_money(self, value: float | None, digits: int = 2) -> str:
        """An amount in full with its sign; zero after rounding has none."""
        if _undefined(value):
            return UNDEFINED
        return ("+" if _rounded(value, digits) > 0 else "") + self.money_exact(value, digits)

    def money_exact(self, value: float | None, digits: int = 2) -> str:
        """An amount in full with `digits` decimals."""
        if _undefined(value):
            return UNDEFINED
        shape = "¤#,##0" + ("." + "0" * digits if digits else "")
        text = format_currency(
            abs(_rounded(value, digits)), self.currency, shape, locale=_LOCALES[self.language], currency_digits=False
        )
        return _MINUS + text.replace("CN¥", "¥") if _rounded(value, digits) < 0 else text.replace("CN¥", "¥")

    @property
    def currency_symbol(self) -> str:
        """The sign before an amount."""
        return self.money_exact(0, 0).rstrip("0\u00a0 ")

    def p_value(self, p: float | None) -> str:
        """A p-value with three decimals, or `<0.001`."""
        if _undefined(p):
            return UNDEFINED
        return "<" + self.number(0.001, 3) if p < 0.001 else self.number(p, 3)

    def interval(self, low: str, high: str) -> str:
        """Two texts as a range: `0.6 to 5.5`, `0.6 至 5.5`."""
        return self("format.interval", low=low, high=high)

    # Time ------------------------------------------------------------------------------------------------------

    def date(self, day: dt.date | None, year: bool = False) -> str:
        """A day: 7 Sep, 9月7日; with its year when asked."""
        if day is None or day != day:
            return UNDEFINED
        return _date_text(self.language, day, year)

    def month(self, day: dt.date) -> str:
        """The month of a day: Sep 2026, 2026年9月."""
        return _unbroken(format_date(day, "MMM yyyy" if self.language == "en" else "yyyy年M月", locale=self._locale))

    def date_range(self, first: dt.date, last: dt.date, year: bool = False) -> str:
        """Two inclusive days: 7–13 Sep, 9月7日至13日."""
        if first == last:
            return self.date(first, year)
        same_month = (first.year, first.month) == (last.year, last.month)
        year = year or first.year != last.year
        if self.language == "zh":
            end = f"{last.day}日" if same_month else self.date(last, year and first.year != last.year)
            return _unbroken(f"{self.date(first, year)}至{end}")
        start = str(first.day) if same_month else self.date(first, year and first.year != last.year)
        return f"{start}–{self.date(last, year)}" if same_month else f"{start} – {self.date(last, year)}"

    def datetime(self, moment: dt.datetime | None) -> str:
        """A day and a minute."""
        if moment is None or moment != moment:
            return UNDEFINED
        shape = _LONG_DATE[self.language] + " HH:mm"
        return _unbroken(format_datetime(moment, shape, locale=self._locale))

    def duration(self, seconds: float | None) -> str:
        """A length of time in its natural unit: 45 s, 41 min, 3.2 h, 2.5 days."""
        if _undefined(seconds):
            return UNDEFINED
        for limit, size, unit in ((90, 1, "seconds"), (5400, 60, "minutes"), (172_800, 3600, "hours")):
            if seconds < limit:
                value = seconds / size
                return self(f"format.{unit}", value=self.number(value, 0 if unit != "hours" or value >= 10 else 1))
        days = seconds / 86_400
        return self("format.days", value=self.number(days, 0 if days >= 10 or days == int(days) else 1))

    # Lists -----------------------------------------------------------------------------------------------------

    def join(self, items: Sequence[str]) -> str:
        """Several names in one line."""
        return self("format.list_separator").join(str(item) for item in items) if len(items) else UNDEFINED

    def sentences(self, parts: Sequence[str]) -> str:
        """Whole sentences one after the other: Chinese ones need no space."""
        return ("" if self.language == "zh" else " ").join(parts)

    @property
    def _locale(self) -> Locale:
        return _LOCALES[self.language]

    def _significant(self, value: float, digits: int) -> str:
        text = self.number(value, digits)
        return text.rstrip("0").rstrip(".") if "." in text else text


@functools.cache
def translator(language: str = "en", currency: str = "CNY") -> Translator:
    """The translator of a language, one of `LANGUAGES`.

    Raises:
        ValueError: an unknown language.
    """
    if language not in LANGUAGES:
        raise ValueError(f"unknown language {language!r}; known: {', '.join(LANGUAGES)}")
    return Translator(language, currency, _texts=messages(language))


def usual_currency(locale: str) -> str | None:
    """The currency of the region that a browser's locale names (`en-GB`: GBP, `zh`: CNY), `None` without one."""
    try:
        spoken = Locale.parse(locale, sep="-")
    except (UnknownLocaleError, ValueError):
        return None
    likely = get_global("likely_subtags")
    full = likely.get(str(spoken)) or likely.get(spoken.language, str(spoken))  # not each script has an entry
    region = spoken.territory or parse_locale(full)[1]
    return next(iter(get_territory_currencies(region)), None) if region else None


def _set_apart(text: str, values: Mapping[str, object]) -> str:
    """The message filled, with a space where a Latin name comes to stand beside a Chinese character."""
    filled, after_name = "", False
    for literal, field_name, _, _ in Formatter().parse(text):
        for piece in (literal, str(values[field_name]) if field_name else ""):
            if piece:
                is_name = piece is not literal and bool(_LATIN.search(piece))
                left, right = filled[-1:], piece[0]
                if (after_name and _is_latin(left) and _is_chinese(right)) or (
                    is_name and _is_latin(right) and _is_chinese(left)
                ):
                    filled += " "
                filled, after_name = filled + piece, is_name
    return filled


def _is_latin(letter: str) -> bool:
    return letter.isascii() and letter.isalnum()


def _is_chinese(letter: str) -> bool:
    return "\u4e00" <= letter <= "\u9fff"


def _undefined(value: float | None) -> bool:
    return value is None or value != value or (isinstance(value, float) and math.isinf(value))


def _rounded(value: float, digits: int) -> float:
    # Half away from zero, as people round; repr-based decimals keep 2.675 from becoming 2.67.
    scaled = math.floor(abs(float(value)) * 10**digits + 0.5 + 1e-9) / 10**digits
    return math.copysign(scaled, value) if scaled else 0.0


def _true_minus(text: str) -> str:
    return text.replace("-", _MINUS)


@functools.lru_cache(maxsize=4096)
def _date_text(language: str, day: dt.date, year: bool) -> str:
    shape = (_LONG_DATE if year else _SHORT_DATE)[language]
    return _unbroken(format_date(day, shape, locale=_LOCALES[language]))


def _unbroken(text: str) -> str:
    joined = re.sub(r"(?<=\d)([年月])(?=\d)", rf"{_WORD_JOINER}\1{_WORD_JOINER}", text)
    return re.sub(r"(?<=\d)([年月日])", rf"{_WORD_JOINER}\1", joined).replace(" ", "\u00a0")
