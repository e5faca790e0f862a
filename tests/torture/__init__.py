"""Tries to break VDT: `python -m tests.torture`, or `make torture`; docs/torture.md says what it does."""
