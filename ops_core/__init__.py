"""OpsDeck's core: files in, a workspace, questions answered. No web framework in here.

from ops_core import Period, Workspace
from ops_core.analyses import funnel
"""

from ops_core.errors import EngineError, IntakeError, OpsError, QueryError, StoreError
from ops_core.intake.report import IntakeReport
from ops_core.model import Filter, Period, Segment, TimeRules
from ops_core.workspace import Workspace

__all__ = [
    "EngineError",
    "Filter",
    "IntakeError",
    "IntakeReport",
    "OpsError",
    "Period",
    "QueryError",
    "Segment",
    "StoreError",
    "TimeRules",
    "Workspace",
]
