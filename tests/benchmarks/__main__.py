"""Runs every benchmark."""

import logging

from tests.benchmarks import applying, counting, definitions, evaluating, recording, spreading, starting

logging.disable()  # clients without a database would say so

for benchmark in (starting, definitions, applying, evaluating, recording, counting, spreading):
    print(f"\n{(benchmark.__doc__ or '').strip()}\n")
    benchmark.main()
