"""A run as tables, figures and one self-contained HTML page, without torch."""

from .compare import write_comparison
from .contact_sheet import write_contact_sheet
from .figures import accuracy_against_cost, progress
from .operation_figures import operations_by_site, operations_by_stage
from .operations import operation_frame, operation_means
from .page import REPORT_FILE, write_report
from .rehearsal import rehearsal_frame, share_of_hypervolume, write_rehearsal
from .retraining import load_trainings, retraining_frame
from .retraining_figures import learning_curves, proxy_against_retrained, retrained_front
from .rungs import longest_against_shortest, rungs_frame
from .space import cost_by_operation, range_of_costs, write_space
from .summary import summary
from .table import front_frame, front_of, trials_frame
from .watch import LiveReport, ReportServer

__all__ = [
    "REPORT_FILE",
    "LiveReport",
    "ReportServer",
    "accuracy_against_cost",
    "cost_by_operation",
    "front_frame",
    "front_of",
    "learning_curves",
    "load_trainings",
    "longest_against_shortest",
    "operation_frame",
    "operation_means",
    "operations_by_site",
    "operations_by_stage",
    "progress",
    "proxy_against_retrained",
    "range_of_costs",
    "rehearsal_frame",
    "retrained_front",
    "retraining_frame",
    "rungs_frame",
    "share_of_hypervolume",
    "summary",
    "trials_frame",
    "write_comparison",
    "write_contact_sheet",
    "write_rehearsal",
    "write_report",
    "write_space",
]
