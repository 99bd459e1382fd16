"""Who judges, and how success on held-out tasks is measured."""
