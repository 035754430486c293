"""Data, training, the search and the command line."""
