"""The colours of the product, light and dark, and the arithmetic on them. Every other file names a role, never a hex.

Good and bad are 30 ΔE apart for people who see red and green alike, and are still always written out: ▲▼, sign, word.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Badge = tuple[str, str]  # text, ground

# Text on a coloured cell: white or the light theme's ink, whichever reads better.
_ON_DARK, _ON_LIGHT = "#FFFFFF", "#141B24"
_READABLE = 4.5


@dataclass(frozen=True, kw_only=True)
class Palette:
    """One theme's colours by role; `LIGHT` and `DARK` are the two there are."""

    name: str
    bg: str
    surface: str
    ink: str
    ink2: str
    grid: str
    axis: str
    border: str
    accent: str
    comp: str
    comp_soft: str
    good: str
    bad: str
    band: str
    badge_good: Badge
    badge_bad: Badge
    badge_warn: Badge
    badge_info: Badge
    badge_neutral: Badge
    categorical: tuple[str, ...]
    sequential: tuple[str, ...]
    diverging: tuple[str, ...]

    @property
    def is_dark(self) -> bool:
        """Whether this is the dark theme."""
        return self.name == "dark"

    def series(self, index: int) -> str:
        """The colour of the n-th series; beyond the last colour the last one, grey, stands for "other"."""
        return self.categorical[min(index, len(self.categorical) - 1)]

    def change(self, value: float, good_when: str = "up", clear: bool = True) -> str:
        """The colour of a change: good or bad when it is `clear`, else ink2. `good_when` is up, down or neither."""
        if not clear or not value or math.isnan(value) or good_when == "neither":
            return self.ink2
        return self.good if (value > 0) == (good_when == "up") else self.bad

    def heat(self, position: float) -> str:
        """The sequential colour at a position 0 (lowest) to 1 (highest), blended between the ten steps."""
        return _blend(self.sequential, position)

    def difference(self, position: float) -> str:
        """The diverging colour at a position -1 (worst) through 0 (neutral) to 1 (best)."""
        return _blend(self.diverging, (position + 1) / 2)


LIGHT = Palette(
    name="light",
    bg="#FFFFFF",
    surface="#F4F6F8",
    ink="#141B24",
    ink2="#55616E",
    grid="#EBEEF2",
    axis="#B8C0CA",
    border="#DDE2E8",
    accent="#2457A6",
    comp="#8793A1",
    comp_soft="#DDE2E8",
    good="#098260",
    bad="#B4430F",
    band="rgba(85,97,110,.13)",
    badge_good=("#086B4F", "#E3F3EC"),
    badge_bad=("#A23C0D", "#FBECE3"),
    badge_warn=("#7A5300", "#FAF1DC"),
    badge_info=("#2457A6", "#E9F0FA"),
    badge_neutral=("#55616E", "#EEF1F4"),
    categorical=("#2457A6", "#C47A00", "#2E9CCA", "#6B3F1D", "#5F6B78"),
    sequential=(
        *("#F2F6FB", "#DFEAF6", "#C9DBF0", "#AFC9E7", "#92B4DC"),
        *("#739DCF", "#5486C0", "#3A6FB0", "#2457A6", "#173F7F"),
    ),
    diverging=(
        *("#8C330A", "#B4430F", "#D27B4E", "#E7B497", "#F3E6DF"),
        *("#E6EDEA", "#A3D2C0", "#57A98B", "#098260", "#06573F"),
    ),
)

DARK = Palette(
    name="dark",
    bg="#11161D",
    surface="#1A2129",
    ink="#E8EDF2",
    ink2="#9FABB8",
    grid="#232C36",
    axis="#4A5663",
    border="#2C3641",
    accent="#7FB0F2",
    comp="#7D8A99",
    comp_soft="#36414D",
    good="#71CCAC",
    bad="#F2915A",
    band="rgba(159,171,184,.16)",
    badge_good=("#86D8BB", "#14322A"),
    badge_bad=("#F5A678", "#3B2317"),
    badge_warn=("#E8C271", "#352A12"),
    badge_info=("#9AC1F6", "#1B2B42"),
    badge_neutral=("#9FABB8", "#232C36"),
    categorical=("#7FB0F2", "#E0A83E", "#BFD9F7", "#A57F5C", "#9FABB8"),
    sequential=(
        *("#16202C", "#1A2C44", "#1F3A5F", "#26497B", "#2F5A97"),
        *("#3D6DB2", "#5283CA", "#6F9CDF", "#93B8EE", "#BFD7F8"),
    ),
    diverging=(
        *("#F5A678", "#F2915A", "#C06A3A", "#7A4527", "#33291F"),
        *("#1E2C2C", "#235A4B", "#3A9479", "#71CCAC", "#A3E2CC"),
    ),
)


def faded(color: str, opacity: float) -> str:
    """A hex colour at an opacity 0–1, as plotly writes it."""
    red, green, blue = _channels(color)
    return f"rgba({red},{green},{blue},{opacity:g})"


def text_on(ground: str) -> str:
    """White or ink, whichever contrasts more with a hex ground; black on the few middle shades that carry neither."""
    best = max((_ON_DARK, _ON_LIGHT), key=lambda ink: contrast(ink, ground))
    return (
        best
        if contrast(best, ground) >= _READABLE
        else max(("#000000", _ON_DARK), key=lambda ink: contrast(ink, ground))
    )


def contrast(one: str, other: str) -> float:
    """The WCAG contrast ratio of two hex colours, 1–21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _luminance(color: str) -> float:
    parts = (channel / 255 for channel in _channels(color))
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _blend(scale: tuple[str, ...], position: float) -> str:
    place = min(max(position, 0.0), 1.0) * (len(scale) - 1)
    index = min(int(place), len(scale) - 2)
    share = place - index
    mixed = (
        round(low + (high - low) * share)
        for low, high in zip(_channels(scale[index]), _channels(scale[index + 1]), strict=True)
    )
    return "#{:02X}{:02X}{:02X}".format(*mixed)
