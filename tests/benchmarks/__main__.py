"""Runs every benchmark, or those that are named."""

import logging
from argparse import ArgumentParser

from tests.benchmarks import (
    applying,
    counting,
    definitions,
    evaluating,
    reacting,
    recording,
    spreading,
    starting,
)

_ALL = {
    benchmark.__name__.rpartition(".")[2]: benchmark
    for benchmark in (starting, definitions, applying, evaluating, recording, counting, spreading, reacting)
}

logging.disable()  # clients without a database would say so
parser = ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
parser.add_argument("names", nargs="*", choices=[*_ALL, []], metavar="NAME", help=", ".join(_ALL))
for name in parser.parse_args().names or _ALL:
    benchmark = _ALL[name]
    print(f"\n{(benchmark.__doc__ or '').strip()}\n")
    benchmark.main()
