"""Measurements anyone can repeat: `make bench`. Ratios within one run count; digits depend on the machine."""
