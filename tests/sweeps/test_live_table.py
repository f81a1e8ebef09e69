"""The table of a sweep: what it shows of the files of the jobs, and that it leaves the terminal sane."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest
from factories import ROOT, SMALL, small_run
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pipeline.runs.progress import enter_stage
from pipeline.runs.status import FILE, JobState, JobStatus, read_status, update_status
from pipeline.sweeps import live_table
from pipeline.sweeps.live_table import (
    JobRow,
    LiveTable,
    draw_table,
    list_jobs,
    rows_shown,
    time_left,
)

NOW = 10_000.0
_PATIENCE = 1_800  # seconds: a hang fails, a busy machine does not
WAITING = JobStatus()
DONE = JobStatus(
    JobState.done, 3, 4, 1.0, 0.75, 0.5, tokens_per_second=9e4, started=NOW - 500, ended=NOW - 400
)


def _running(share: float, seconds: float) -> JobStatus:
    return JobStatus(JobState.running, 1, 1, share, started=NOW - seconds)


def _failed(reason: str, ended: float = NOW) -> JobStatus:
    return JobStatus(JobState.failed, reason=reason, started=NOW - 9, ended=ended)


def _drawn(statuses: list[JobStatus], size: tuple[int, int] = (80, 24), name: str = "lstm") -> str:
    jobs = [JobRow(name, name, seed, Path()) for seed in range(len(statuses))]
    console = Console(file=io.StringIO(), record=True, width=size[0], height=size[1])
    console.print(draw_table(jobs, statuses, "architecture", 2, NOW, size))
    return console.export_text()


def test_a_row_says_how_its_job_stands():
    running = JobStatus(JobState.running, 2, 4, 0.5, 0.625, started=NOW - 75)
    header, first, second, third, footer = _drawn([DONE, running, WAITING]).splitlines()
    assert header.split() == "architecture seed state epoch val test time".split()
    assert first.split() == "lstm 0 done 3/4 0.7500 0.5000 0:01:40".split()
    words = second.split()
    assert [*words[:4], *words[-2:]] == "lstm 1 running 2/4 0.6250 0:01:15".split()
    assert third.split() == "lstm 2 waiting".split()
    # 100 s each: 25 more of the one, then 100 of the next on the other of the two workers.
    assert footer.rstrip() == "1 of 3 done, about 2 min left, 1 running, 1 waiting"


def test_a_language_model_shows_its_perplexity():
    running = JobStatus(JobState.running, 2, 4, val_perplexity=123.456, started=NOW - 75)
    done = JobStatus(JobState.done, 4, 4, val_perplexity=1e30, test_perplexity=98.7, ended=NOW)
    _, first, second, _ = _drawn([running, done]).splitlines()
    assert "123.5" in first.split()
    assert second.split()[-3:] == [">", "10,000", "98.7"]


def test_a_bar_grows_with_the_share_of_all_epochs():
    console = Console(width=80, force_terminal=True, color_system="standard")
    jobs = [JobRow("lstm", "lstm", 0, Path())]

    def filled(epoch: int, share: float) -> int:
        running = JobStatus(JobState.running, epoch, 4, share, started=NOW)
        drawn = console.render(draw_table(jobs, [running], "architecture", 1, NOW, (80, 24)))
        complete = console.get_style("bar.complete")
        return sum(len(segment.text) for segment in drawn if segment.style == complete)

    assert [filled(1, 0.0), filled(1, 0.5), filled(2, 0.5), filled(4, 0.5)] == [0, 1, 3, 7]


def test_a_running_job_says_what_it_does(tmp_path):
    update_status(tmp_path, state=JobState.running, epoch=4, epochs=4, started=NOW - 75)
    enter_stage("probing", "Probing distance", tmp_path)
    status = read_status(tmp_path)
    assert status is not None
    _, row, footer = _drawn([status]).splitlines()
    assert row.split()[:4] == "lstm 0 probing 4/4".split()
    assert "1 running" in footer
    update_status(tmp_path, state=JobState.done)
    over = read_status(tmp_path)
    assert over is not None
    assert _drawn([over]).splitlines()[1].split()[2] == "done"


def test_a_wide_terminal_shows_the_speed_too():
    assert "90,000" not in _drawn([DONE])
    assert "90,000" in _drawn([DONE], (120, 24))


def test_what_does_not_fit_is_counted_while_running_and_failed_jobs_stay():
    statuses = [DONE] * 12 + [WAITING] * 12 + [_running(0.5, 60)] * 2 + [_failed("why")]
    _, *rows, counted, footer, reason = _drawn(statuses).splitlines()
    assert len(rows) == 24 - 5  # the four named here, and a line for the cursor
    states = [row.split()[2] for row in rows]
    assert states == ["done"] * 12 + ["waiting"] * 4 + ["running"] * 2 + ["failed"]
    assert counted.strip() == "and 8 waiting"
    assert footer.startswith("12 of 27 done, about ")
    assert reason.strip() == "lstm seed 26: why"


@given(
    st.lists(st.sampled_from([WAITING, DONE, _running(0.5, 60), _failed("why")]), max_size=60),
    st.integers(0, 40),
    st.integers(20, 120),
)
def test_the_table_never_grows_past_the_terminal(statuses, height, width):
    rows = rows_shown(statuses, height)
    assert rows == sorted(set(rows))
    assert len(rows) + (len(rows) < len(statuses)) <= max(1, height)
    urgent = [row for row, status in enumerate(statuses) if status.state == JobState.running]
    assert set(urgent) <= set(rows) or set(rows) <= set(urgent)
    lines = _drawn(statuses, (width, height + 9)).splitlines()
    assert len(lines) <= height + 8
    assert all(len(line) <= width for line in lines)


def test_time_left_is_unknown_until_something_tells():
    assert time_left(["lstm"] * 2, [_running(0.01, 3), WAITING], 1, NOW) is None


def test_time_left_goes_by_the_pace_of_epochs_and_then_by_what_was_done_alike():
    names = ["lstm", "gru", "gru"]
    pace = [_running(0.25, 50), WAITING, WAITING]
    assert time_left(names, pace, 1, NOW) == pytest.approx(150 + 200 + 200)
    assert time_left(names, pace, 2, NOW) == pytest.approx(150 + 200)
    lstm_done = [
        DONE,
        _running(0.5, 30),
        WAITING,
    ]  # the lstm took 100 s, the gru is on its way to 60
    assert time_left(names, lstm_done, 1, NOW) == pytest.approx(30 + 60)
    slow = [DONE, _running(0.5, 150), WAITING]  # slower than the 100 s of the one that is done
    assert time_left(["lstm"] * 3, slow, 1, NOW) == pytest.approx(150 + 100)
    assert time_left(names, [DONE] * 3, 1, NOW) == 0


def test_the_pace_of_a_job_that_was_cut_off_is_that_of_the_epochs_since():
    goes_on = JobStatus(JobState.running, 9, 10, 0.5, resumed=8, started=NOW - 60)
    assert goes_on.progress == pytest.approx(0.85)
    assert time_left(["lstm"], [goes_on], 1, NOW) == pytest.approx(60 * 3)


def test_a_text_of_anybody_is_neither_markup_nor_moves_the_cursor():
    text = _drawn([_failed("[red]no[/red] column\x1b[2J\n'text' [/]")], name="[bold]mine[/bold]")
    assert "[bold]mine[/bold] seed 0: [red]no[/red] column [2J 'text' [/]" in text
    assert "\x1b" not in text


def test_a_job_is_named_by_the_settings_in_which_its_architecture_varies(tmp_path):
    configs = [
        small_run(tmp_path, architecture__name=name, architecture__units=units, seed=seed)
        for name, units, seed in [("lstm", 8, 0), ("lstm", 16, 0), ("gru", 4, 1)]
    ]
    jobs, title = list_jobs(configs, tmp_path)
    assert title == "architecture, units"
    assert [job.name for job in jobs] == ["lstm, 8", "lstm, 16", "gru, 4"]
    assert [job.folder.name for job in jobs] == ["0", "1", "2"]
    assert list_jobs(configs[1:], tmp_path)[1] == "architecture"


def test_a_recipe_stands_for_what_it_sets(tmp_path):
    configs = [
        small_run(tmp_path, recipe=recipe, architecture__dropout=dropout, train__learning_rate=rate)
        for recipe, dropout in (("plain", 0.0), ("dropped", 0.5))
        for rate in (1e-3, 1e-2)
    ]
    jobs, title = list_jobs(configs, tmp_path)
    assert title == "architecture, recipe, learning_rate"
    assert [job.name for job in jobs[1:3]] == ["lstm, plain, 0.01", "lstm, dropped, 0.001"]


def test_a_file_holds_what_was_told_last_and_keeps_what_was_told_before(tmp_path):
    assert read_status(tmp_path / "0") is None
    update_status(tmp_path / "0", state=JobState.running, epochs=3, started=1.0)
    update_status(tmp_path / "0", epoch=1, share=0.5)
    assert read_status(tmp_path / "0") == JobStatus(JobState.running, 1, 3, 0.5, started=1.0)
    assert [file.name for file in (tmp_path / "0").iterdir()] == [FILE]


@pytest.mark.parametrize(
    "text", ["", "{", '{"state": "runn', "[]", '{"state": "lost"}', '{"a": 1}']
)
def test_a_file_that_cannot_be_read_leaves_the_row_as_it_was(tmp_path, text):
    table = LiveTable([JobRow("lstm", "lstm", 0, tmp_path)], "architecture", 1)
    update_status(tmp_path, state=JobState.running, epoch=2, epochs=3)
    table.draw()
    (tmp_path / FILE).write_text(text)
    table.draw()
    assert table.statuses[0].epoch == 2


def test_a_pipe_gets_no_table():
    assert not live_table.can_show_table()  # as pytest captures what is written


class _Terminal:
    """A program on a pseudo-terminal of 80 by 24, and all that it writes there."""

    def __init__(self, *arguments: str) -> None:
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self.ours)
        environment = os.environ | {"TERM": "xterm-256color"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "experiments.compare", *arguments],
            cwd=ROOT,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.written = ""
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        while True:
            try:
                part = os.read(self.ours, 65536)
            except OSError:  # the last process on it has ended
                part = b""
            with self.changed:
                self.written += part.decode(errors="replace")
                self.changed.notify_all()
            if not part:
                return

    def wait_for(self, text: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: text in self.written, timeout=_PATIENCE), (
                self.written
            )

    def end(self) -> int:
        status = self.process.wait(timeout=_PATIENCE)
        self.reader.join(timeout=_PATIENCE)
        return status

    def is_sane(self) -> bool:
        """The cursor is shown, and the terminal's modes are what they were."""
        shown = self.written.rfind("\x1b[?25h") > self.written.rfind("\x1b[?25l") > -1
        return shown and termios.tcgetattr(self.ours) == self.before


@pytest.mark.slow
def test_a_sweep_on_a_terminal_shows_its_table_and_then_its_last_lines(tmp_path):
    rates = "train.learning_rate=1e-3,3e38"
    terminal = _Terminal("-m", *SMALL, "architecture=lstm", rates, f"root={tmp_path}")
    assert terminal.end() == 1
    assert terminal.is_sane()
    table, last = terminal.written.rsplit("\x1b[?25h", 1)  # shows the cursor again
    assert "2/2" in table
    assert "1 of 2 done, 1 diverged" in table
    assert "Epoch" not in terminal.written  # the lines of the jobs would tear the table
    assert last.strip().startswith("Loading what compares the runs")
    ending = last.partition("Writing the page")[2]
    assert f"Report: {tmp_path}" in ending
    assert "Not finished: lstm seed 0: diverged" in " ".join(last.split())
    (log,) = tmp_path.glob("outputs/small/*/0/output.log")
    assert "Epoch 2/2" in log.read_text()


@pytest.mark.slow
def test_a_sweep_that_is_ended_leaves_the_terminal_sane(tmp_path):
    endless = "train.epochs=100000 train.patience=100000 device.workers=1".split()
    terminal = _Terminal("-m", *SMALL, *endless, "architecture=lstm,gru", f"root={tmp_path}")
    terminal.wait_for("1/100000")
    terminal.process.terminate()
    assert terminal.end() == 130
    assert terminal.is_sane()
    assert terminal.written.strip().endswith("Stopped; the next launch resumes from here")
