"""Run one configuration, or with -m a sweep, which ends with a report.

python -m experiments.compare experiment=quickstart
python -m experiments.compare architecture=lstm data=imdb seed=1
python -m experiments.compare -m architecture=lstm,gru seed=0,1,2
"""

from __future__ import annotations

from pipeline.config.command_line import run_program
from pipeline.sweeps.callback import compare, stop_sweep


def main() -> None:
    run_program(compare, stopped=stop_sweep)


if __name__ == "__main__":
    main()
