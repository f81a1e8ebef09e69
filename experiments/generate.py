"""Have trained language models write on from a prompt, on the terminal and as a page.

Usage: python -m experiments.generate prompt="..." [argument=value ...] [setting=value ...]

  python -m experiments.generate experiment=language prompt="The plot of this film"
  python -m experiments.generate experiment=language_imdb architecture=simple_rnn,gru,lstm \\
      prompt="The plot of this film" temperature=0.8 top_k=50 top_p=0.95 length=60 samples=2 seed=1
  python -m experiments.generate run=4f1d2c3a,9be07f10 prompt=              begins a text
  python -m experiments.generate experiment=language file=prompts.txt page=written.html
  printf 'I liked\\nI left\\n' | python -m experiments.generate experiment=language
"""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from pipeline.config.command_line import report_error, run_program, take_word
from pipeline.config.compose import absolute_path, build
from pipeline.config.help import TRACKED, Program
from pipeline.config.programs import say
from pipeline.config.sampling import SAMPLING_WORDS, read_sampling
from pipeline.errors import ConfigError

# In the order of `GenerateRequest`.
WORDS = {
    "prompt": "how the text begins, and the network writes on; empty: the network begins it; default: "
    "standard input, a prompt a line",
    "file": "a file with prompts, one a line; - is standard input",
    "run": "ids of runs, or unique prefixes of them",
    "architecture": "instead of run: the newest run of each of these; default: of all",
    "trained_seed": "trained with which seeds; default: the smallest that finished",
    "page": "the page to write; default: reports/<experiment>/generate.html",
}
PROGRAM = Program(__doc__ or "", (*TRACKED, "device"), WORDS | SAMPLING_WORDS, ("device.workers",))


def main() -> None:
    # Taken literally, not by Hydra: a prompt may contain commas, quotes and braces, which are syntax to
    # Hydra, and several runs or architectures are not a sweep here.
    words = [take_word(name) for name in WORDS]
    drawing = {name: take_word(name) for name in SAMPLING_WORDS}

    def task(tree: DictConfig) -> int:
        return generate(tree, words, drawing)

    run_program(task, PROGRAM, mode="RUN")


def generate(tree: DictConfig, words: list[str | None], drawing: dict[str, str | None]) -> int:
    """Write on with every requested network, write the page, and return the exit status."""
    config = build(tree)
    try:
        sampling = read_sampling(drawing)
    except ConfigError as error:
        return report_error(error)
    say("Loading MLflow")
    # Imported only now: they take seconds.
    from pipeline.report.terminal_writing import show_writing
    from pipeline.report.written import write_page
    from pipeline.runs.request import GENERATE, GenerateRequest, choose_runs, read_prompts
    from pipeline.runs.start import generate as write_texts

    try:
        request = GenerateRequest(*words)
        prompts = read_prompts(request)
        runs = choose_runs(config, request, GENERATE)
        writing = write_texts(prompts, runs, sampling, config)
        path = Path(config.root) / "reports" / runs[0].config.name / "generate.html"
        page = write_page(writing, absolute_path(request.page) if request.page else path)
    except Exception as error:
        return report_error(error)
    show_writing(writing)
    print(f"Page: {page}")
    return 0


if __name__ == "__main__":
    main()
