"""What proposes architectures: the cost-aware sampler and Optuna's."""
