"""Searches replayed on tables of finished results, without training anything."""
