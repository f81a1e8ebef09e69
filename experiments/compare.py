"""Train a network or, with a sweep, many in parallel, and write a report that compares them.

Every run is tracked in MLflow.

python -m experiments.compare [setting=value ...]

  experiment=quickstart                 a named sweep (conf/experiment/), with its own report
  experiment=imdb seed=0,1,2            the same, over three seeds
  architecture=gru seed=1               one run
  -m architecture=lstm,gru seed=0,1     a sweep by hand
  data=csv data.path=my.csv             your own texts: columns text and label
  experiment=adding                     a published yardstick without texts: the adding problem
  experiment=imdb --cfg job             what a run would be made of, without running it
"""

from __future__ import annotations

from pipeline.config.command_line import run_program
from pipeline.sweeps.callback import compare, stop_sweep


def main() -> None:
    run_program(compare, stopped=stop_sweep, about=__doc__)


if __name__ == "__main__":
    main()
