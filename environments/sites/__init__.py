"""Bundled websites on loopback: seeded records, a fresh state for every session, ground truth on a listener apart."""
