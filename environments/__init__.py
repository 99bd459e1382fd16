"""Where tasks are carried out: browsers, bundled sites, tools, and a deterministic fake."""
