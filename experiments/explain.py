"""Show how trained networks read one text, on the terminal and as a page.

python -m experiments.explain run=4f1d2c3a \\
    text="While watching the movie, I could only think of how terrible it was."
python -m experiments.explain text="..." architecture=lstm,gru experiment=imdb seed=0
python -m experiments.explain file=review.txt run=4f1d2c3a,9be07f10 page=explain.html
echo "..." | python -m experiments.explain experiment=quickstart

text, file   the text; default: standard input (as with file=-)
run          ids of runs, or unique prefixes of them
architecture, seed, experiment
             instead of run: the newest run of each combination; default: all architectures and the
             smallest seed that finished
page         the page to write; default: reports/<experiment>/explain.html

Other arguments are settings, such as root=... and tracking.uri=...
"""

from __future__ import annotations

import sys
from pathlib import Path

from omegaconf import DictConfig

from pipeline.config.command_line import report_error, run_program, take_word
from pipeline.config.compose import build
from pipeline.config.programs import as_started
from pipeline.report.explained import write_explanation
from pipeline.report.terminal import show
from pipeline.runs.request import ExplainRequest, choose_runs, read_text
from pipeline.runs.start import explain as explain_text


def main() -> None:
    if {"--help", "-h"} & set(sys.argv[1:]):
        print(as_started(__doc__ or ""))
        return
    # Taken literally, not by Hydra: a text may contain commas, quotes and braces, which are syntax to
    # Hydra, and several runs or architectures are not a sweep here.
    request = ExplainRequest(
        *map(take_word, ("text", "file", "run", "architecture", "seed", "page"))
    )

    def task(tree: DictConfig) -> int:
        return explain(tree, request)

    run_program(task, mode="RUN")


def explain(tree: DictConfig, request: ExplainRequest) -> int:
    """Explain the text with every requested network, write the page, and return the exit status."""
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
