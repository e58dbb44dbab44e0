"""`python -m vouch`."""

from vouch.cli import main

main()
