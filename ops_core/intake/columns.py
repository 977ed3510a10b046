"""How the text of a column becomes values: each reading is one SQL expression, and a column is only given one that
reads every cell of the whole column. Until then its source text is kept.

In the expressions `{c}` is the column. A time reading yields wall-clock time of the source zone (`wall`) or, where the
cell itself says the offset, UTC (`utc`).
"""

from __future__ import annotations

from dataclasses import dataclass

from ops_core.intake.looks import MISSING

_TOKENS = ", ".join("'" + word + "'" for word in MISSING)
# Exports put a tab behind long numbers, or write ="123", so that a spreadsheet keeps them; files joined end to end have
# byte order marks inside. Most columns have none of that, and are read without a look at it: see `WORDS`.
_EDGES = "' ' || chr(9) || chr(10) || chr(13) || chr(160) || chr(8239) || chr(12288) || chr(65279)"
_BARE_CELL = "trim({c}, " + _EDGES + ")"
_UNWRAPPED = "regexp_replace(" + _BARE_CELL + ", '^=\"(.*)\"$', '\\1')"
_IS_WRAPPED = "(ord({c}) IN (9, 10, 13, 61, 65279) OR contains({c}, chr(9)) OR contains({c}, chr(10)))"
_TRIMMED = "CASE WHEN " + _IS_WRAPPED + " THEN " + _UNWRAPPED + " ELSE trim({c}) END"


def _known(cell: str) -> str:
    return "CASE WHEN lower(" + cell + ") IN (" + _TOKENS + ") THEN NULL ELSE " + cell + " END"


TEXT = _known(_TRIMMED)
IS_PRESENT = "CASE WHEN {c} IS NULL THEN false ELSE lower(" + _TRIMMED + ") NOT IN (" + _TOKENS + ") END"
# An id has no mark in front of it: '138 is how a spreadsheet is told that a number is a text.
_ID = "CASE WHEN ord({c}) = 39 THEN regexp_replace(" + _BARE_CELL + ", '^''(\\d+)$', '\\1') ELSE " + TEXT + " END"
# A long number that a spreadsheet made 1.23457E+17 tells no order or event from another: it counts as missing.
DAMAGED = "^\\s*\\d(\\.\\d+)?[eE]\\+\\d+\\s*$"
_IS_DAMAGED = "(contains({c}, '+') AND regexp_matches({c}, '" + DAMAGED + "'))"
_KEY = "CASE WHEN " + _IS_DAMAGED + " THEN NULL ELSE " + _ID + " END"
NEEDS_CARE = _IS_WRAPPED + " OR ord({c}) = 39 OR " + _IS_DAMAGED

_FLAG = """CASE lower(trim({c}))
    WHEN 'true' THEN true WHEN 'yes' THEN true WHEN 'y' THEN true WHEN 't' THEN true WHEN '是' THEN true
    WHEN '有' THEN true WHEN 'false' THEN false WHEN 'no' THEN false WHEN 'n' THEN false WHEN 'f' THEN false
    WHEN '否' THEN false WHEN '无' THEN false END"""

# Signs and units go, brackets mean minus; what is left must be a number.
_BARE = (
    "regexp_replace(regexp_replace(regexp_replace(trim({c}),"
    " '[\\s\\x{00a0}\\x{202f}$€£¥￥元]|CNY|RMB|USD|EUR', '', 'g'),"
    " '^\\((.*)\\)$', '-\\1'), '^[−–]', '-')"
)
_POINT = "replace(" + _BARE + ", ',', '')"
_COMMA = "replace(replace(" + _BARE + ", '.', ''), ',', '.')"
_GROUPED = "^-?(\\d{1,3}(,\\d{3})+|\\d+)(\\.\\d+)?$"
# Whole numbers that a number would not give back as they stand are codes: 007, order numbers of more than 15 digits.
_NO_CODE = "({c} NOT LIKE '0_%' OR {c} LIKE '0.%') AND (strlen({c}) < 16 OR contains({c}, '.'))"
_WHOLE = "0|[1-9]\\d{0,14}"
_GROUPED_NO_CODE = "^-?([1-9]\\d{0,2}(,\\d{3})+|" + _WHOLE + ")(\\.\\d+)?$"
_GROUPED_COMMA_NO_CODE = "^-?([1-9]\\d{0,2}(\\.\\d{3})+|" + _WHOLE + ")(,\\d+)?$"
_GROUPED_COMMA = "^-?(\\d{1,3}(\\.\\d{3})+|\\d+)(,\\d+)?$"
_DECIMAL = "DECIMAL(18, 6)"


@dataclass(frozen=True)
class Reading:
    """One way to read a column. `type` as properties have it; `code` names it (`load.reads_<code>`)."""

    code: str
    type: str
    sql: str
    in_utc: bool = False

    def of(self, column: str) -> str:
        """The expression for a column of the staged view (`c0`, `c1`, …)."""
        return self.sql.replace("{c}", column)


def _plain(kind: str, allowed: str = "") -> str:
    number = "try_cast({c} AS " + kind + ")"
    # A cast also takes 1_000, NaN, Infinity and 1e999.
    allowed += "{c} NOT LIKE '%\\_%' ESCAPE '\\'" + (" AND isfinite(" + number + ")" if kind == "DOUBLE" else "")
    return "CASE WHEN " + allowed + " THEN " + number + " END"


def _matching(pattern: str, text: str, kind: str, divisor: str = "") -> str:
    bare = "CASE WHEN regexp_matches(" + _BARE + ", '" + pattern + "') THEN "
    return bare + "try_cast(" + text + " AS " + kind + ")" + divisor + " END"


def _numbers(kind: str, grouped_as: str, comma_as: str, allowed: str = "") -> tuple[Reading, ...]:
    unit = "CASE right(" + _BARE + ", 1) WHEN '万' THEN 10000 WHEN '亿' THEN 100000000 END"
    in_units = (
        "try_cast(replace(left(" + _BARE + ", length(" + _BARE + ") - 1), ',', '') AS " + kind + ") * (" + unit + ")"
    )
    percent = (
        "CASE WHEN right(" + _BARE + ", 1) = '%' THEN try_cast(replace(left(" + _BARE + ", length(" + _BARE
        + ") - 1), ',', '') AS " + kind + ") / 100 END"
    )  # fmt: skip
    grouped = _matching(grouped_as, _POINT, kind)
    return (
        Reading("number", "number", _plain(kind, allowed)),
        Reading("number_grouped", "number", grouped),
        Reading("number_comma", "number", _matching(comma_as, _COMMA, kind)),
        Reading("number_percent", "number", "coalesce(" + percent + ", CASE WHEN " + grouped + " = 0 THEN 0 END)"),
        Reading("number_units", "number", "coalesce(" + in_units + ", " + grouped + ")"),
    )


AMOUNTS = _numbers(_DECIMAL, _GROUPED, _GROUPED_COMMA)
NUMBERS = _numbers("DOUBLE", _GROUPED_NO_CODE, _GROUPED_COMMA_NO_CODE, _NO_CODE + " AND ")
FLAG = Reading("flag", "boolean", _FLAG)
# Plain where nothing in the column needs care, which is told in less time than reading every cell with care takes.
WORDS = Reading("text", "text", _known("trim({c})"))
CAREFUL = Reading("text", "text", TEXT)
ID = Reading("text", "text", _ID)
KEY = Reading("text", "text", _KEY)

# The format is checked to the letter, which a cast would not do: it takes an offset for part of the wall-clock time.
_CLOCK = (
    "CASE WHEN strlen({c}) = {n} THEN try_strptime({c}, '%Y-%m-%d{s}%H:%M:%S{z}')"
    " WHEN strlen({c}) BETWEEN {n} + 2 AND {n} + 7 THEN try_strptime({c}, '%Y-%m-%d{s}%H:%M:%S.%f{z}') END"
)
_ISO_10 = "CASE WHEN strlen({c}) = 10 THEN try_cast({c} AS TIMESTAMP) END"
_HAS_OFFSET = "regexp_matches(trim({c}), '\\d[T\\s]+\\d.*([zZ]|[+-]\\d\\d(:?\\d\\d)?|UTC|GMT)$')"
_HAS_WORD = "regexp_matches({c}, '\\d\\s+[A-Za-z]|[A-Za-z]{2}')"
_IS_DATE_TEXT = "regexp_matches({c}, '^\\s*\\d{4}[-/]')"
_ISO = (
    "CASE WHEN " + _IS_DATE_TEXT + " AND NOT " + _HAS_WORD + " AND NOT " + _HAS_OFFSET
    + " THEN try_cast(trim({c}) AS TIMESTAMP) END"
)  # fmt: skip
_OFFSET = (
    "CASE WHEN " + _IS_DATE_TEXT + " AND " + _HAS_OFFSET
    + " THEN try_cast(replace(trim({c}), ' UTC', 'Z') AS TIMESTAMPTZ)::TIMESTAMP END"
)  # fmt: skip
# 2026年11月16日 10时20分30秒 becomes 2026-11-16 10:20:30.
_CHINESE = (
    "try_strptime(trim(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(trim({c}),"
    " '\\s+', ' ', 'g'), '日\\s*', ' '), '[年月]', '-', 'g'), '[时点分]', ':', 'g'), '秒|:$|-$', '')),"
    " ['%Y-%m-%d %H:%M:%S', '%Y-%m-%d %H:%M', '%Y-%m-%d %H', '%Y-%m-%d', '%Y-%m'])"
)
_HOURS = (" %H:%M:%S", " %H:%M", "", " %H:%M:%S.%f", " %H", " %I:%M:%S %p", " %I:%M %p")


def _parsed(dates: str, text: str = "trim({c})") -> str:
    formats = ", ".join("'" + date + hours + "'" for date in dates.split("|") for hours in _HOURS)
    return "try_strptime(" + text + ", [" + formats + "])"


# Separators / . - are made one, so that day-first and month-first need one list each.
_DASHED = "regexp_replace(replace(trim({c}), ',', ''), '^(\\d{1,2})[-/.](\\d{1,2})[-/.]', '\\1-\\2-')"
_DATE_ONLY_DASHED = (
    "CASE WHEN regexp_matches({c}, '^\\s*\\d{1,2}[-/.]\\d{1,2}[-/.]\\d{4}') THEN " + _parsed("{o}-%Y", _DASHED)
    + " WHEN regexp_matches({c}, '^\\s*\\d{1,2}[-/.]\\d{1,2}[-/.]\\d{2}(\\D|$)') THEN " + _parsed("{o}-%y", _DASHED)
    + " END"
)  # fmt: skip
_EPOCH = (
    "CASE WHEN regexp_matches({c}, '^\\s*\\d{9,10}(\\.\\d+)?\\s*$')"
    " THEN make_timestamp((try_cast({c} AS DECIMAL(24, 6)) * 1000000)::BIGINT)"
    " WHEN regexp_matches({c}, '^\\s*\\d{12,13}\\s*$') THEN make_timestamp(try_cast({c} AS BIGINT) * 1000)"
    " WHEN regexp_matches({c}, '^\\s*\\d{15,16}\\s*$') THEN make_timestamp(try_cast({c} AS BIGINT)) END"
)
_SERIAL = (
    "CASE WHEN regexp_matches({c}, '^\\s*[2-6]\\d{4}(\\.\\d+)?\\s*$') THEN TIMESTAMP '{zero}'"
    " + to_milliseconds((try_cast({c} AS DOUBLE) * 86400000)::BIGINT) END"
)
_COMPACT = (
    "CASE WHEN regexp_matches({c}, '^\\s*(19|20)\\d{6}(\\s|\\d{4}|\\d{6}|$)') THEN try_strptime(trim({c}),"
    " ['%Y%m%d', '%Y%m%d%H%M%S', '%Y%m%d%H%M', '%Y%m%d %H:%M:%S', '%Y%m%d %H:%M']) END"
)
_YEAR_FIRST = _parsed("%Y-%m-%d|%Y/%m/%d|%Y.%m.%d|%Y-%m")
_MONTH_NAMES = _parsed(
    "%d %b %Y|%d-%b-%Y|%d-%b-%y|%b %d %Y|%B %d %Y|%d %B %Y|%a %b %d %Y|%a %d %b %Y",
    "replace(trim({c}), ',', '')",
)


def iso_clock(between: str, in_utc: bool) -> Reading:
    """The fast reading of `2026-11-16 10:20:30`, with a fraction or without; `between`: blank or T; UTC ends in Z."""
    sql = _CLOCK.replace("{n}", "20" if in_utc else "19").replace("{s}", between)
    return Reading("time_offset" if in_utc else "time_iso", "time", sql.replace("{z}", "Z" if in_utc else ""), in_utc)


ISO_DATE = Reading("time_date", "time", _ISO_10)
ISO = Reading("time_iso", "time", _ISO)
OFFSET = Reading("time_offset", "time", _OFFSET, in_utc=True)
YEAR_FIRST = Reading(
    "time_year_first", "time", "CASE WHEN regexp_matches({c}, '^\\s*\\d{4}[-/.]') THEN " + _YEAR_FIRST + " END"
)
COMPACT = Reading("time_compact", "time", _COMPACT)
CHINESE = Reading("time_chinese", "time", "CASE WHEN contains({c}, '年') THEN " + _CHINESE + " END")
MONTH_NAMES = Reading(
    "time_month_names",
    "time",
    "CASE WHEN regexp_matches({c}, '[A-Za-z]{3}') AND regexp_matches({c}, '\\d') THEN " + _MONTH_NAMES + " END",
)
EPOCH = Reading("time_epoch", "time", _EPOCH, in_utc=True)
SERIAL = Reading("time_serial", "time", _SERIAL.replace("{zero}", "1899-12-30"))
SERIAL_1904 = Reading("time_serial", "time", _SERIAL.replace("{zero}", "1904-01-01"))
DAY_FIRST = Reading("time_day_first", "time", _DATE_ONLY_DASHED.replace("{o}", "%d-%m"))
MONTH_FIRST = Reading("time_month_first", "time", _DATE_ONLY_DASHED.replace("{o}", "%m-%d"))
# A cell is made even first: a no-break space is a blank, the fraction follows a point, no blank stands before an offset
# (10:00 +0800), and 下午 3:05 is 3:05 PM. That costs time, so these come last and read what no other reading does.
_BLANKS = "trim(regexp_replace({c}, '[\\s\\x{00a0}\\x{202f}\\x{3000}\\x{feff}]+', ' ', 'g'))"
_HALF_OF_DAY = "regexp_replace(" + _BLANKS + ", '(上午|下午) ?([0-9:.]+)', '\\2 \\1')"
_EVEN = (
    "regexp_replace(regexp_replace(replace(replace(" + _HALF_OF_DAY + ", '上午', 'AM'), '下午', 'PM'),"
    " '(:\\d\\d),(\\d{1,6})', '\\1.\\2'), '(:\\d\\d(?:\\.\\d+)?) ([+-]\\d\\d)', '\\1\\2')"
)
UNEVEN = tuple(Reading(one.code, one.type, one.of(_EVEN), one.in_utc) for one in (ISO, OFFSET, YEAR_FIRST, CHINESE))

# In this order: the first that reads a cell wins. Day-first and month-first are only added on evidence.
TIMES = (ISO, OFFSET, YEAR_FIRST, COMPACT, CHINESE, MONTH_NAMES, EPOCH, SERIAL, *UNEVEN)
DATE_ORDERS = {"day_first": DAY_FIRST, "month_first": MONTH_FIRST}
