"""Exploring a website without a language model: crawl it, map it, compose tasks on it, and prove them by replay."""
