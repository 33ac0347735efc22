"""`python -m lode_hub`: the same as the command lode-hub."""

from lode_hub.cli import main

main()
