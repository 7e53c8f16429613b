"""Runs the command line as `python -m reconciler`."""

from reconciler.cli.start import run

run()
