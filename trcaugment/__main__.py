"""`python -m trcaugment`, the same as `trcaugment`."""

from trcaugment.cli import main

main()
