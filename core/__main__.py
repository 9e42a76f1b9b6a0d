"""`python -m edge`."""

from edge import main

main()
