"""Sites, operations, backbones and architectures as plain data, without torch."""

from .architecture import Architecture, Choice, parse_yaml
from .backbones import (
    BACKBONES,
    MAX_WIDTH,
    MIN_INPUT,
    MIN_WIDTH,
    Backbone,
    check_width,
    get_backbone,
)
from .canonical import accepted_hashes, architecture_hash, canonical
from .channels import conv_groups, largest_divisor, shuffle_order
from .config import ArchitectureConfig, find_architecture, read_config
from .costs import (
    COSTS,
    DEFAULT_OBJECTIVES,
    FLOPS_CONVENTION,
    LATENCY,
    Cost,
    CostKind,
    additive_costs,
    shown_costs,
    table_costs,
)
from .errors import UserError, check_complete, check_keys, check_name, flag
from .files import write_bytes, write_text
from .front import PICKS, check_objectives, default_rule, pareto_front, pick
from .known_operations import get_operation
from .layout import Block, Layout
from .names import shown
from .noise import accuracies, averaged
from .operation import Operation
from .operations import OPERATIONS
from .own_backbones import load_backbone
from .preprocessing import Preprocessing
from .presets import PRESETS, get_preset
from .records import TrialRecord, join_choice
from .run_record import RunRecord
from .scoring import CLASS_WEIGHTS, METRIC_TITLES, PRETRAINED, is_pretrained
from .search_space import SearchSpace
from .settings import RunSettings
from .sites import SITE_NAMES, SITES, STAGED_SITES, Site
from .training_records import METRICS, RETRAIN_FOLDER, TrainingRecord, TrainingResult
from .trial import Trial

__all__ = [
    "BACKBONES",
    "CLASS_WEIGHTS",
    "COSTS",
    "DEFAULT_OBJECTIVES",
    "FLOPS_CONVENTION",
    "LATENCY",
    "MAX_WIDTH",
    "METRICS",
    "METRIC_TITLES",
    "MIN_INPUT",
    "MIN_WIDTH",
    "OPERATIONS",
    "PICKS",
    "PRESETS",
    "PRETRAINED",
    "Preprocessing",
    "SITES",
    "SITE_NAMES",
    "STAGED_SITES",
    "Architecture",
    "ArchitectureConfig",
    "Backbone",
    "Block",
    "Choice",
    "Cost",
    "CostKind",
    "Layout",
    "Operation",
    "RETRAIN_FOLDER",
    "RunRecord",
    "RunSettings",
    "SearchSpace",
    "Site",
    "TrainingRecord",
    "TrainingResult",
    "Trial",
    "TrialRecord",
    "UserError",
    "accepted_hashes",
    "architecture_hash",
    "canonical",
    "accuracies",
    "additive_costs",
    "averaged",
    "check_complete",
    "check_keys",
    "check_name",
    "check_objectives",
    "check_width",
    "conv_groups",
    "default_rule",
    "find_architecture",
    "flag",
    "get_backbone",
    "get_operation",
    "get_preset",
    "load_backbone",
    "is_pretrained",
    "join_choice",
    "largest_divisor",
    "pareto_front",
    "parse_yaml",
    "pick",
    "read_config",
    "shown",
    "shown_costs",
    "table_costs",
    "shuffle_order",
    "write_bytes",
    "write_text",
]
