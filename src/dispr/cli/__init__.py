"""The command line: one file a command, a thin layer on the package."""
