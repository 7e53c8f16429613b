"""Runs every benchmark."""

from tests.benchmarks import applying, counting, definitions, evaluating, recording, spreading, starting

for benchmark in (starting, definitions, applying, evaluating, recording, counting, spreading):
    print(f"\n{(benchmark.__doc__ or '').strip()}\n")
    benchmark.main()
