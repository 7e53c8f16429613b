"""Runs every benchmark."""

from tests.benchmarks import applying, definitions, starting

for benchmark in (starting, definitions, applying):
    print(f"\n{(benchmark.__doc__ or '').strip()}\n")
    benchmark.main()
