"""Fernway Supply: a shop for outdoor and household goods."""
