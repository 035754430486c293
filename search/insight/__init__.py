"""What a search has learnt, worked out when it has ended: for the report."""
