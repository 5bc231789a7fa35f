"""`python -m dispr` is the `dispr` command."""

from dispr.cli.main import main

main()
