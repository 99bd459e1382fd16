"""The knowledge base: the internal handbook of a software company."""
