"""Show how trained networks read one text, on the terminal and as a page.

Usage: python -m experiments.explain text="..." [argument=value ...] [setting=value ...]

  python -m experiments.explain run=4f1d2c3a \\
      text="While watching the movie, I could only think of how terrible it was."
  python -m experiments.explain text="..." architecture=lstm,gru experiment=imdb seed=0
  python -m experiments.explain file=review.txt run=4f1d2c3a,9be07f10 page=explain.html
  echo "..." | python -m experiments.explain experiment=quickstart
"""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from pipeline.config.command_line import report_error, run_program, take_word
from pipeline.config.compose import absolute_path, build
from pipeline.config.help import TRACKED, Program
from pipeline.config.programs import say

# In the order of `ExplainRequest`.
WORDS = {
    "text": "the text; default: standard input",
    "file": "a file with the text; - is standard input",
    "run": "ids of runs, or unique prefixes of them",
    "architecture": "instead of run: the newest run of each of these; default: of all",
    "seed": "with which seeds; default: the smallest that finished",
    "page": "the page to write; default: reports/<experiment>/explain.html",
}
PROGRAM = Program(__doc__ or "", (*TRACKED, "device"), WORDS, ("device.workers",))


def main() -> None:
    # Taken literally, not by Hydra: a text may contain commas, quotes and braces, which are syntax to
    # Hydra, and several runs or architectures are not a sweep here.
    words = [take_word(name) for name in WORDS]

    def task(tree: DictConfig) -> int:
        return explain(tree, words)

    run_program(task, PROGRAM, mode="RUN")


def explain(tree: DictConfig, words: list[str | None]) -> int:
    """Explain the text with every requested network, write the page, and return the exit status."""
    config = build(tree)
    say("Loading MLflow")
    # Imported only now: they take seconds.
    from pipeline.report.explained import write_explanation
    from pipeline.report.terminal import show
    from pipeline.runs.request import ExplainRequest, choose_runs, read_text
    from pipeline.runs.start import explain as explain_text

    try:
        request = ExplainRequest(*words)
        text = read_text(request)
        runs = choose_runs(config, request)
        explanation = explain_text(text, runs, config)
        path = Path(config.root) / "reports" / runs[0].config.name / "explain.html"
        page = write_explanation(explanation, absolute_path(request.page) if request.page else path)
    except Exception as error:
        return report_error(error)
    show(explanation)
    print(f"Page: {page}")
    return 0


if __name__ == "__main__":
    main()
