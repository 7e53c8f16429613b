"""Runs the command line as `python -m reconciler`."""

from reconciler.cli.main import run

run()
