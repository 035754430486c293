"""Networks from architectures, their cost, and exported configs."""

from .config import describe, load
from .contract import check_operation
from .cost import COUNTERS, count, count_flops, count_params
from .cost_table import CostTable, cost_table
from .deploy import deploy
from .network import Network, build
from .own_operations import load_operations
from .weights_file import read_weights_config, weights_bytes

__all__ = [
    "COUNTERS",
    "CostTable",
    "Network",
    "build",
    "check_operation",
    "cost_table",
    "count",
    "count_flops",
    "count_params",
    "deploy",
    "describe",
    "load",
    "load_operations",
    "read_weights_config",
    "weights_bytes",
]
