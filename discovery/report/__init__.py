"""The report of a run: one self-contained HTML page and its plots, made from the run directory alone."""
