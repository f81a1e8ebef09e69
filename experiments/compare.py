"""Train a network or, with a sweep, many in parallel, and write a report that compares them.

Usage: python -m experiments.compare [setting=value ...]

Every run is tracked in MLflow, and every setting may be swept.

  experiment=quickstart                 a named sweep, with its own report
  experiment=imdb seed=0,1,2            the same, over three seeds
  architecture=gru seed=1               one run
  -m architecture=lstm,gru seed=0,1     a sweep by hand
  data=csv data.path=my.csv             your own texts: columns text and label
  experiment=adding                     a published yardstick without texts: the adding problem
  experiment=imdb --cfg job             what a run would be made of, without running it
"""

from __future__ import annotations

from pipeline.config.command_line import run_program
from pipeline.config.help import EVERYTHING, Program
from pipeline.sweeps.callback import compare, stop_sweep


def main() -> None:
    run_program(compare, Program(__doc__ or "", EVERYTHING), stopped=stop_sweep)


if __name__ == "__main__":
    main()
