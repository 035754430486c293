"""Trials and retrainings, logged where users look at experiments."""
