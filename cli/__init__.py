"""The `autotelic` command: one thin file a subcommand."""
