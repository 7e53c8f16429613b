"""Runs every benchmark."""

from tests.benchmarks import applying, definitions, evaluating, starting

for benchmark in (starting, definitions, applying, evaluating):
    print(f"\n{(benchmark.__doc__ or '').strip()}\n")
    benchmark.main()
