"""Which characters the bytes of a file mean, and the same file as UTF-8.

Order of evidence: byte order mark, zero bytes in every second place (UTF-16 without a mark), strict UTF-8, then the
legacy code page whose decoded text reads most like writing: shares of everyday characters for the East Asian ones,
neighbourhood of letters for the single-byte ones. A few stray bytes in UTF-8 are repaired and reported by line.
"""

from __future__ import annotations

import codecs
import functools
import itertools
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from charset_normalizer import from_bytes

from ops_core.errors import IntakeError
from ops_core.intake.frequent import FREQUENT

WINDOW = 1 << 18
_BLOCK = 1 << 22
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
EAST_ASIAN = ("gb18030", "big5", "shift_jis", "euc_kr")
SINGLE_BYTE = ("cp1251", "cp1252", "mac_roman")
# One undecodable byte in this many is a slip; more is another encoding.
_STRAY_PER_BYTES = 200
_BINARY_SHARE = 0.1
_CONVINCING = 0.45
# These letters are about 80 % of Russian, Ukrainian and Bulgarian text, and 45 % of the alphabet.
_USUAL_CYRILLIC, _USUAL_SHARE = frozenset("оеаинтсрвлкмдпу"), 0.7

# What else stands in Russian and Ukrainian tables; the signs and letters that are not here are bytes of something else.
_BESIDE_CYRILLIC = frozenset("ёЁіїєґІЄ№«»–—’\u00a0")


@dataclass(frozen=True)
class _Level:
    """The first bytes of a standard's everyday characters; how many of them, at what share, are worth which score."""

    first: bytes
    last: bytes
    standard: str
    share: float
    fewest: int
    score: float


# Rare words hit no list, but nearly all characters of real text are of a standard's first level. Chinese text may look
# Korean by that, so that Korean needs many characters.
_LEVELS = {
    "gb18030": _Level(b"\xb0", b"\xd7", "gb2312", 0.9, 1, 0.42),
    "big5": _Level(b"\xa4", b"\xc6", "big5", 0.9, 1, 0.44),
    "euc_kr": _Level(b"\xb0", b"\xc8", "euc_kr", 0.98, 20, 0.55),
}


@dataclass(frozen=True)
class Encoding:
    """A decided encoding. `evidence` is `mark`, `zeros`, `strict`, `characters`, `helper`, `stray` or `chosen`."""

    name: str
    evidence: str
    confidence: float
    mark_bytes: int = 0

    @property
    def is_plain(self) -> bool:
        """Whether the bytes are UTF-8 already, with nothing in front."""
        return self.name == "utf-8" and not self.mark_bytes and self.evidence != "stray"


def windows(path: Path) -> bytes:
    """Beginning, middle and end of a file, cut where lines end so that no character is torn."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(WINDOW)
        if size <= 4 * WINDOW:
            return head + file.read()
        parts = [head[: head.rfind(b"\n") + 1] or head]
        for start in (size // 2, size - WINDOW):
            file.seek(start)
            part = file.read(WINDOW)
            parts.append(part[part.find(b"\n") + 1 : part.rfind(b"\n") + 1])
    return b"".join(parts)


def bad_window(path: Path) -> bytes:
    """The beginning of a file and the surroundings of its first bytes that are not UTF-8."""
    with path.open("rb") as file:
        head = file.read(WINDOW)
        file.seek(0)
        position = 0
        for block in _blocks(file, "utf-8"):
            try:
                block.decode("utf-8")
            except UnicodeDecodeError as error:
                start = max(0, block.rfind(b"\n", 0, max(0, error.start - WINDOW // 2)) + 1)
                part = block[start : error.start + WINDOW]
                return head[: head.rfind(b"\n") + 1] + part if position else part
            position += len(block)
    return head


def detect(sample: bytes, chosen: str | None = None) -> Encoding:
    """Encoding of a sample.

    Raises:
        IntakeError: `not_text` when the bytes read as no writing at all, `unknown_encoding` for a bad choice.
    """
    mark = next((found for found in _MARKS if sample.startswith(found[0])), None)
    if chosen:
        return Encoding(_known(chosen), "chosen", 1.0, len(mark[0]) if mark else 0)
    if mark:
        return Encoding(mark[1], "mark", 1.0, len(mark[0]))
    zeros = _utf16_by_zeros(sample)
    if zeros:
        return zeros
    _refuse_binary(sample)
    bad = undecodable(sample)
    if bad == 0:
        return Encoding("utf-8", "strict", 1.0)
    high = sum(byte >= 0x80 for byte in sample[:WINDOW])
    legacy = _legacy(sample)
    if bad * _STRAY_PER_BYTES <= len(sample) and _utf8_letters(sample) >= bad:
        return Encoding("utf-8", "stray", 0.8)
    if legacy.confidence < 0.1 and high > 8:
        raise IntakeError("not_text")
    return legacy


def undecodable(sample: bytes) -> int:
    """How many bytes of a sample are not UTF-8 (a cut last character is forgiven)."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(sample, final=False)
    return text.count("\ufffd") - sample.count("\ufffd".encode())


def utf8_copy(source: Path, target: Path, encoding: Encoding) -> tuple[tuple[int, ...], int]:
    """Write `source` as UTF-8 without a mark.

    Returns the first (≤ 20) lines in which a byte had to be repaired, and how many bytes that were in all. A byte that
    is not valid is read as Windows-1252, as stray bytes nearly always are; where that means nothing it becomes U+FFFD,
    which the tokenizer rejects.
    """
    repairs = _Repairs()
    codecs.register_error("opsdeck_repair", repairs)
    decoder = codecs.getincrementaldecoder(encoding.name)("opsdeck_repair")
    lines_before = 0
    with source.open("rb") as original, target.open("wb") as copy:
        original.seek(encoding.mark_bytes)
        for block in _blocks(original, encoding.name):
            repairs.lines_before, repairs.text_block = lines_before, block
            text = decoder.decode(block)
            lines_before += text.count("\n")
            copy.write(text.encode("utf-8", "replace"))
        copy.write(decoder.decode(b"", final=True).encode("utf-8", "replace"))
    return tuple(sorted(repairs.lines))[:20], repairs.count


class _Repairs:
    """A codec error handler that repairs and remembers where."""

    def __init__(self) -> None:
        self.count = 0
        self.lines: set[int] = set()
        self.lines_before = 0
        self.text_block = b""

    def __call__(self, error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeDecodeError):
            raise error
        bad = error.object[error.start : error.end]
        self.count += len(bad)
        if len(self.lines) < 1000:
            self.lines.add(self.lines_before + error.object.count(b"\n", 0, error.start) + 1)
        return bad.decode("cp1252", "replace"), error.end


def _blocks(file: object, name: str) -> Iterator[bytes]:
    """Blocks that end where a line ends (any byte for UTF-16), so that a repair can name its line."""
    rest = b""
    while block := file.read(_BLOCK):
        block = rest + block
        cut = len(block) if name.startswith("utf-") and name != "utf-8" else block.rfind(b"\n") + 1
        if cut == 0:
            rest = block
            continue
        rest = block[cut:]
        yield block[:cut]
    if rest:
        yield rest


def _known(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise IntakeError("unknown_encoding", encoding=name) from None


def _utf16_by_zeros(sample: bytes) -> Encoding | None:
    head = sample[:4096]
    if head.count(0) < len(head) * 0.2:
        return None
    even, odd = head[0::2].count(0), head[1::2].count(0)
    for name, zero, other in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if zero > 10 * other and zero > len(head) * 0.2:
            text = head[: len(head) // 2 * 2].decode(name, "replace")
            if "\ufffd" not in text and _control_share(text) < 0.02:
                return Encoding(name, "zeros", 0.95)
    return None


def _refuse_binary(sample: bytes) -> None:
    head = sample[:65536]
    control = sum(head.count(byte) for byte in range(32) if byte not in (0, 1, 9, 10, 12, 13, 26, 27, 28, 29, 30, 31))
    if head and (control > len(head) * 0.02 or head.count(0) > len(head) * _BINARY_SHARE):
        raise IntakeError("not_text")


def _control_share(text: str) -> float:
    return sum(unicodedata.category(char) in ("Cc", "Cn", "Co") and char not in "\r\n\t" for char in text) / len(text)


def _utf8_letters(sample: bytes) -> int:
    text = sample[:WINDOW].decode("utf-8", "ignore")
    return sum(char > "\x7f" for char in text)


def _legacy(sample: bytes) -> Encoding:
    """The code page whose decoded text reads best."""
    cut = sample[:WINDOW]
    cut = cut[: cut.rfind(b"\n") + 1] or cut
    scores = {name: _east_asian_score(cut, name) for name in EAST_ASIAN}
    scores |= {name: _single_byte_score(cut, name) for name in SINGLE_BYTE}
    # Ties go to the code page of the people this is made for.
    best = max(scores, key=lambda name: (scores[name] + (0.08 if name == "gb18030" else 0.0), name == "gb18030"))
    if scores[best] >= _CONVINCING:
        return Encoding(best, "characters", min(0.99, scores[best]))
    match = from_bytes(cut[:20_000]).best()
    if match is not None and scores[best] < 0.2:
        return Encoding(codecs.lookup(match.encoding).name, "helper", 0.5)
    return Encoding(best, "characters", max(scores[best], 0.0))


def _decoded(sample: bytes, name: str) -> str | None:
    """The text, or None when more than one character in a hundred cannot be read."""
    text = sample.decode(name, "replace")
    high = sum(char > "\x7f" for char in text)
    return None if text.count("\ufffd") * 100 > high else text


def _east_asian_score(sample: bytes, name: str) -> float:
    text = _decoded(sample, name)
    if text is None:
        return 0.0
    high = [char for char in text if char > "\x7f"]
    if not high:
        return 0.0
    frequent = _frequent(name)
    share = sum(char in frequent for char in high) / len(high)
    level = _LEVELS.get(name)
    if level is None or len(high) < level.fewest:
        return share
    everyday = sum(level.first <= char.encode(level.standard, "replace")[:1] <= level.last for char in high)
    return max(share, level.score) if everyday >= level.share * len(high) else share


def _single_byte_score(sample: bytes, name: str) -> float:
    text = _decoded(sample, name)
    if text is None:
        return 0.0
    if name == "cp1251":
        return _cyrillic_score([char for char in text if char > "\x7f"])
    return _latin_score(text)


def _cyrillic_score(high: list[str]) -> float:
    """Cyrillic letters, mostly the usual ones (bytes of another script hit all letters alike), few capitals inside, and
    next to no signs.
    """
    cyrillic = [char for char in high if "А" <= char <= "я" or char in "ёЁ№"]
    if not cyrillic:
        return 0.0
    usual = sum(char.lower() in _USUAL_CYRILLIC for char in cyrillic) / len(cyrillic)
    inner_capitals = sum(a.islower() and b.isupper() for a, b in itertools.pairwise(high))
    share, spread = len(cyrillic) / len(high), min(1.0, usual / _USUAL_SHARE)
    foreign = sum(char not in _BESIDE_CYRILLIC and not "А" <= char <= "я" for char in high)
    return 0.9 * share * spread - (0.5 * inner_capitals + 2 * foreign) / len(high)


def _latin_score(text: str) -> float:
    """Accented letters lean on plain letters; quotes, dashes and signs do not stand inside words."""
    padded = f" {text} "
    good = total = 0.0
    for before, char, after in zip(padded, padded[1:], padded[2:], strict=False):
        if char <= "\x7f":
            continue
        total += 1
        plain = before.isascii() and before.isalpha(), after.isascii() and after.isalpha()
        if char.isalpha():
            good += 0.9 if any(plain) and (char.islower() or not (before.islower())) else 0.1
        else:
            good += 0.0 if all(plain) and char not in "’–-" else 0.8 if char in "“”‘’–—…€£°©®™«»§ \u00a0" else 0.3
    return good / total if total else 0.0


@functools.cache
def _frequent(name: str) -> frozenset[str]:
    marks = "，。、：；！？（）《》“”‘’—…【】·％￥＋－／　"
    hiragana_katakana = "".join(map(chr, [*range(0x3041, 0x3094), *range(0x30A1, 0x30FB), 0x30FC]))
    extra = {"shift_jis": hiragana_katakana}.get(name, "")
    return frozenset(FREQUENT[name] + marks + extra)
