"""NAS-Bench-Macro as a table to rehearse samplers on.

    python docs/nas_bench_macro.py nas-bench-macro_cifar10.json nas-bench-macro.csv
    cheapsearch rehearse nas-bench-macro.csv --reference-accuracy 80

The JSON comes from github.com/xiusu/NAS-Bench-Macro (Su et al., Prioritized architecture sampling with
Monto-Carlo tree search, CVPR 2021; Apache-2.0): 3 kinds of block in 8 layers, each network trained three
times on CIFAR-10.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd

BLOCKS = {"0": "identity", "1": "mb3_k3", "2": "mb6_k5"}


def table(networks: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """One row for each network: the block of each layer, its three accuracies, parameters and FLOPs."""
    rows = []
    for code, network in networks.items():
        blocks = {f"choice_layer{layer}": BLOCKS[digit] for layer, digit in enumerate(code, 1)}
        accuracies = {f"accuracy_{run}": value for run, value in enumerate(network["test_acc"], 1)}
        costs = {f"cost_{name}": network[name] for name in ("params", "flops")}
        rows.append(blocks | accuracies | costs)
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("json", type=Path)
    parser.add_argument("csv", type=Path)
    arguments = parser.parse_args()
    table(json.loads(arguments.json.read_text())).to_csv(arguments.csv, index=False)


if __name__ == "__main__":
    main()
