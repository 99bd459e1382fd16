"""Measurements of this project on the machine at hand; not installed, run from the checkout."""
