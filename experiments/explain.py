"""One text as trained networks read it: on the terminal and as a page.

python -m experiments.explain run=4f1d2c3a \\
    text="While watching the movie, I could only think of how terrible it was."
python -m experiments.explain text="..." architecture=lstm,gru experiment=imdb seed=0
python -m experiments.explain file=review.txt run=4f1d2c3a,9be07f10 page=explain.html
echo "..." | python -m experiments.explain experiment=quickstart

text, file   what to read; without either it is read from standard input (as with file=-)
run          ids of runs, or as much of each as tells it from the others
architecture, seed, experiment
             without run: the newest run of each of these; without architecture every one, without
             seed the smallest that finished
page         where to write, in place of reports/<experiment>/explain.html

Further words are settings as everywhere, such as root=... and tracking.uri=...
"""

from __future__ import annotations

import sys
from pathlib import Path

from omegaconf import DictConfig

from pipeline.config.command_line import report_error, run_program, take_word
from pipeline.config.compose import build
from pipeline.report.explained import write_explanation
from pipeline.report.terminal import show
from pipeline.runs.request import ExplainRequest, choose_runs, read_text
from pipeline.runs.start import explain as explain_text


def main() -> None:
    if {"--help", "-h"} & set(sys.argv[1:]):
        print(__doc__)
        return
    # Taken from the command line as they stand: in a text, a comma, a quote or a brace is itself, while
    # to Hydra each would be grammar, and several runs or architectures here are no sweep.
    request = ExplainRequest(
        *map(take_word, ("text", "file", "run", "architecture", "seed", "page"))
    )

    def task(tree: DictConfig) -> int:
        return explain(tree, request)

    run_program(task, mode="RUN")


def explain(tree: DictConfig, request: ExplainRequest) -> int:
    """Reads the text with every network that is asked for, shows it and writes it; the exit status."""
    config = build(tree)
    try:
        text = read_text(request)
        runs = choose_runs(config, request)
        explanation = explain_text(text, runs, config)
        path = Path(config.root) / "reports" / runs[0].config.name / "explain.html"
        page = write_explanation(explanation, Path(request.page) if request.page else path)
    except Exception as error:
        return report_error(error)
    show(explanation)
    print(f"Page: {page}")
    return 0


if __name__ == "__main__":
    main()
