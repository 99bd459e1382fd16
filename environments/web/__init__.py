"""The web environment: episodes on websites in a real browser (see `environment.py` and `pool.py`)."""
