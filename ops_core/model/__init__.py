"""The vocabulary: time, periods, filters, segments. No I/O."""

from ops_core.model.filters import Filter
from ops_core.model.period import Period
from ops_core.model.segment import Segment
from ops_core.model.time import GRAINS, TimeRules

__all__ = ["GRAINS", "Filter", "Period", "Segment", "TimeRules"]
