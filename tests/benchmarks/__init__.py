"""Benchmarks: what each costs against a floor measured in the same run; run `python -m tests.benchmarks`."""
