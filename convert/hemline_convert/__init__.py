"""Conversion: a run directory in, a verified bundle out. Meets training on disk only."""
