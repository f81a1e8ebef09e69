"""What a person types: free text is taken as it stands, and what is wrong is said in one line."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from factories import ROOT
from factories.programs import Launch, launch
from hydra.core.override_parser.overrides_parser import OverridesParser

from pipeline.config.keys import known_keys
from pipeline.config.tables import CsvConfig
from pipeline.config.typed import read_arguments
from pipeline.sweeps.plan import expand_overrides


@pytest.fixture
def start(monkeypatch, capsys, tmp_path) -> Callable[..., Launch]:
    """Starts a program up to its work, in a machine of 25 GB without Slurm, from an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.sweeps.plan.shutil.which", lambda program: None)
    monkeypatch.setattr("pipeline.config.machine.memory_limit", lambda: (25e9, "this machine has"))
    return partial(launch, monkeypatch=monkeypatch, capsys=capsys)


# Names that people give to files and columns, and that mean something else to Hydra's grammar.
NAMES = [
    "reviews (1).csv",
    "o'neil.csv",
    'say "hi".csv',
    "评论",
    "Rating (1-5)",
    "a,b.csv",
    "dir=1",
    "100%.csv",
    "C:\\x.csv",
    "ends in \\",
    "\\'",
    "$x",
    "{a}",
    "{a: 1}",
    "[1].csv",
    "[a",
    "1e3",
    "007",
    "true",
    "NULL",
    "trailing ",
    " leading",
    "a: b",
    "#1",
    "@home",
    "*",
    "choice(1,2)",
    "Liked it?",
    "naïve & co; rm -rf",
    "two\nlines",
    "'half",
    "~",
    "~/x.csv",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sign", ["", "+", "++"])
def test_free_text_means_what_is_typed_to_hydra_and_again_in_every_job(name, sign):
    words = read_arguments([f"{sign}data.text_column={name}", "-m", "seed=0,1"], sweeps=True)
    assert words[-1] == "-m"
    overrides = OverridesParser.create().parse_overrides(words[:-1])
    assert overrides[0].value() == name
    jobs = expand_overrides(overrides)
    assert len(jobs) == 2
    for job in jobs:
        assert OverridesParser.create().parse_overrides(job)[0].value() == name


@pytest.mark.parametrize("name", ["reviews (1).csv", "o'neil, 评论.csv", "dir=1/{a}\\"])
@pytest.mark.parametrize("before", [[], ["-m", "seed=0,1"]])
def test_a_path_and_a_column_are_what_is_typed(start, tmp_path, name, before):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("text,label\na,0\n")
    words = [f"data.path={name}", f"data.text_column={name}", f"+data.label_column={name}"]
    found = start([*words, *before, "data=csv", "root=r (1)"])
    assert found.config is not None, found.error
    data = found.config.data
    assert isinstance(data, CsvConfig)
    assert (data.path, data.text_column, data.label_column) == (str(tmp_path / name), name, name)
    assert found.config.root == str(tmp_path / "r (1)")


def test_the_quotes_that_hydra_wants_are_no_part_of_a_name_unless_there_is_such_a_file(
    start, tmp_path
):
    (tmp_path / "a b.csv").write_text("")
    quoted = ["data=csv", "data.path='a b.csv'", 'data.text_column="my, text"']
    for before in ([], ["-m", "seed=0,1"]):
        data = start([*before, *quoted]).config.data
        assert (data.path, data.text_column) == (str(tmp_path / "a b.csv"), "my, text")
    (tmp_path / "'a b.csv'").write_text("")
    assert start(quoted).config.data.path == str(tmp_path / "'a b.csv'")


def test_home_and_relative_paths_are_those_of_the_start(start, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "x.csv").write_text("")
    config = start(["data=csv", "data.path=~/x.csv", "root=~/runs"]).config
    assert config.data.path == str(tmp_path / "home" / "x.csv")
    assert config.root == str(tmp_path / "home" / "runs")
    assert start(["data=imdb", "data.data_dir=here"]).config.data.data_dir == str(tmp_path / "here")


def test_null_is_no_text_where_a_setting_may_be_null(start, tmp_path):
    (tmp_path / "null").write_text("")
    found = start(["data=csv", "data.path='null'", "data.test_path=null", "tracking.uri=null"])
    assert found.config.data.path == str(tmp_path / "null")
    assert (found.config.data.test_path, found.config.tracking.uri) == (None, None)


def test_every_path_and_name_is_free_text():
    literal = {key for key, known in known_keys().items() if known.is_literal}
    paths = {key for key, known in known_keys().items() if known.is_path}
    assert {"root", "name", "data.path", "data.text_column", "tracking.uri"} <= literal
    assert {"root", "data.path", "data.test_path", "data.data_dir"} <= paths <= literal


# What is typed, and what the one line about it must hold: the key, and what to type.
WRONG = {
    "architecture=[lstm,gru]": "architecture -m architecture=lstm,gru",
    "-m architecture=[lstm,gru]": "architecture -m architecture=lstm,gru",
    "-m architecture=lstm,[gru]": "architecture -m architecture=lstm,gru",
    "experiment=[imdb,quickstart]": "experiment=imdb",
    "data=[imdb,csv]": "data=imdb",
    "data={a:1}": "data=clauses",
    "train=[default]": "train -m train=default",
    "architecture=lstm,gru": "-m architecture=lstm,gru",
    "seed=range(0,3)": "-m seed=range(0,3)",
    "seed=0,1 train.epochs=1": "-m seed=0,1",
    "seed=[0,1]": "-m seed=0,1",
    "-m train.epochs=[1,2]": "-m train.epochs=1,2",
    "experiment=imdb,quickstart": "experiment several values",
    "-m data=imdb,csv": "data several values",
    "-m margin=1,2": "margin several values",
    "-m device.threads=1,2": "device.threads several values",
    "seed=interval(0,1)": "seed list of values -m",
    "-m train.learning_rate=interval(0.1,1)": "train.learning_rate list of values -m",
    "-m seed=range(0,0)": "seed no values seed=0,1,2",
    "-m seed=range(0,1,0)": "seed no values",
    "-m seed=glob(*)": "seed no values",
    "-m architecture=glob(zz*)": "architecture no values",
    "-m seed=range(0,1000000000)": "seed too many values 10,000",
    "-m seed=range(0,9999) train.epochs=1,2": "seed too many values",
    "seed=": "seed no value seed=0",
    "architecture=": "architecture no value architecture=lstm",
    "root=": "root no value",
    "data.length_edges=": "data.length_edges [100,200,400,800]",
    "architecture": "architecture no value architecture=lstm",
    "seed = 1": "seed no value seed=0 without spaces",
    "epochs": "epochs name=value train.epochs",
    "==": "== name=value",
    "=1": "=1 name=value",
    "-5": "-5 name=value",
    "~tokenizer.kind": "tokenizer.kind=word",
    "~architecture": "architecture=lstm",
    "~seed=0": "seed=0",
    "~nothing": "nothing",
    "~hydra.callbacks": "~hydra.callbacks leave it out",
    "lstm,": "lstm, name=value",
    "architecture=lstm,": "architecture one of bi_gru",
    "architecture=null": "architecture one of bi_gru leave it out",
    "experiment=null": "experiment one of leave it out",
    "recipe=null": "recipe one of leave it out",
    "recipe=nope": "recipe one of averaged",
    "recipe=": "recipe no value recipe=averaged",
    "recipe=plain,dropped": "-m recipe=plain,dropped",
    "architecture@x=lstm": "architecture=",
    "control=maybe": "control baseline",
    "baseline=maybe": "baseline true or false",
    "baseline=2": "baseline true or false",
    "root=null": "root null root=",
    "root=/proc/x": "root choose another folder",
    "-m root=/proc/x seed=0,1": "root choose another folder",
    "-m root=a,b": "root launch one for each",
    "-m name=a,b": "name letters",
    "name=${oc.env:HOME}": 'name ="$HOME"',
    "name=a\udcff": "name UTF-8",
    "data=csv data.path=null": "data.path null path",
    "data=csv data.path=a.csv,b.csv -m": "data.path launch one for each",
    "data.path=a(1": "data.path data=csv",
    'seed="': "seed whole number",
    "seed=[[[": "seed whole number",
    "seed=1)": "seed whole number",
    "train.epochs=1e3": "train.epochs whole number",
    "probe.distances=[[1,2]]": "probe.distances whole numbers",
    "probe.distances=[a]": "probe.distances whole numbers",
    "probe.distances={a:1}": "probe.distances whole numbers",
    "probe.distances=1": "probe.distances whole numbers",
    "probe.distances=25,50": "probe.distances=[25,50]",
    "-m tuned=learning_rate,dropout": "tuned=[learning_rate,dropout]",
    "tuned=learning_rate": "tuned list",
    "tuned=[[a]]": "tuned list",
    "probe.kinds=gates": "probe.kinds list",
    "contrasts=3": "contrasts weight contrasts.gates={lstm:1,simple_rnn:-1}",
    "contrasts={a:{lstm:1}}": "contrasts weight contrasts.gates={lstm:1,simple_rnn:-1}",
    "+contrasts.x=3": "contrasts.x weight",
    "data.kind=csv": "data.kind data=",
    "probe.kinds=[gates,nope]": "probe.kinds a list out of",
    "foo=interval(0,1)": "foo -m foo=1,2",
    'text="a,(b': "unknown key text",
    f"root={'/proc/' + 'a' * 9999}": "root …",
    f"data=csv data.path={'a' * 9999}": "data.path … existing file",
    f"data=csv data.path={'a' * 9999},b -m": "data.path …",
    "hydra=null": "hydra leave it out",
    "hydra.run.dir=": "hydra.run.dir leave it out",
    "hydra.run.dir=a,b": "hydra.run.dir give it one",
    "-m hydra.sweeper.params.seed=0,1": "hydra.sweeper.params.seed -m seed=0,1",
    "hydra/callbacks=null": "hydra/callbacks leave it out",
    f"name={'a' * 99}": "name letters …",
    f"seed=({'a' * 9999}": "seed whole number …",
    f"tuned=[{'a' * 9999}]": "tuned list …",
    f"architecture={'a' * 999}": "architecture lstm …",
    f"{'a' * 9999}=1": "unknown key …",
    f"{'a' * 9999}": "name=value …",
    f"--{'a' * 9999}": "unknown flag …",
    "--foo": "--foo --help",
    "--cfg nope": "--cfg one of job, hydra, all",
    "--cfg": "--cfg",
    "--seed=1": "--seed seed=1 without dashes",
    "--epochs 3": "--epochs train.epochs=... without dashes",
    "-x": "-x --help",
    "-m --cfg job": "--cfg -m",
    "--resolve": "--cfg job --resolve",
    "--config-dir /proc/x": "/proc/x not found",
    "hydra.launcher.n_jobs=x": "hydra.launcher.n_jobs --cfg hydra",
    "hydra.sweeper=none": "hydra.sweeper hydra/sweeper=plan",
    "hydra.launcher=3": "hydra.launcher hydra/launcher=cores",
    "hydra.callbacks=null": "hydra.callbacks leave it out",
    "hydra/launcher=nope": "hydra/launcher one of",
    "hydra/launcher=basic -m seed=0,1": "hydra/launcher cores or slurm",
    "hydra/launcher=slurm": "hydra/launcher -m",
    "hydra.job.chdir=maybe": "hydra.job.chdir",
    "hydra.mode=x": "hydra.mode RUN",
    "hydra.run.dir=/proc/x": "hydra.run.dir choose another folder",
    "hydra.sweep.dir=/proc/x -m seed=0,1": "hydra.sweep.dir choose another folder",
    "hydra.run.dir=a(1": "hydra.run.dir='a(1'",
    "architecture.units=1000000000": "architecture.units EB 25 GB at most about",
    "device.threads=1000000000": "device.threads cores at most",
    "architecture.unitz=3": "architecture.units",
    "units=3": "architecture.units",
    "+foo=1": "foo --help",
}


@pytest.mark.parametrize("typed", WRONG)
def test_what_is_wrong_is_said_in_one_line_with_what_to_type(start, tmp_path, typed):
    found = start(typed.split(" "))
    assert found.status == 2, found
    assert found.error.startswith("Configuration: ")
    assert found.error.count("\n") == 1
    assert len(found.error) < 300
    said = found.error.replace(typed, "", 1) if typed.startswith("-m") else found.error
    for word in WRONG[typed].split(" "):
        assert word in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("program", ["report", "probe", "explain", "generate"])
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("-m experiment=imdb", ["-m", "leave it out"]),
        ("train.epochs=0,1", ["train.epochs", "give it one"]),
        ("--cfg nope", ["--cfg", "job"]),
    ],
)
def test_programs_that_never_sweep_say_so(start, program, typed, words):
    found = start(typed.split(" "), program=program)
    assert (found.status, found.error.count("\n")) == (2, 1)
    assert all(word in found.error for word in words)


@pytest.mark.parametrize(
    "typed",
    [
        "-m seed=0,1",
        "seed=0,1 -m architecture=lstm,gru",
        "architecture=lstm --multirun seed=range(0,3)",
        "-m architecture=glob(bi_*)",
        "-m seed=sort(2,0,1)",
        "-m seed=shuffle(0,1)",
        "-m seed=choice(0,1)",
        "experiment=quickstart seed=0,1",
        "experiment=quickstart ~hydra.sweeper.params.seed",
        "experiment=adding data.length=10,20",
        "+seed=3",
        "++train.epochs=2",
        "baseline=true",
        "rerun=false",
        "data.length_edges=[]",
        "device.workers=1000000000",
        "architecture.units=4000",
        "tokenizer.vocab_size=1000000",
        "tokenizer.max_length=1000000000",
        "probe.distance_reviews=1000000000",
        "hydra.job.chdir=true",
        "+contrasts.gates={lstm:1,gru:-1}",
        "contrasts.gates={lstm:1,gru:-1}",
        "-m contrasts.gates={lstm:1,gru:-1} architecture=lstm,gru",
    ],
)
def test_what_is_right_begins(start, tmp_path, typed):
    assert start(typed.split(" ")).config is not None
    assert list(tmp_path.iterdir()) == []


def test_what_only_computing_needs_is_not_asked_of_a_report(start, tmp_path):
    (tmp_path / "mlflow.db").touch()
    words = [f"root={tmp_path}", "device=gpu", "device.threads=1000000"]
    words += ["architecture.units=1000000"]
    assert start(words, program="report").config is not None
    assert start(words, program="probe").status == 2


# A list of overrides that were tried by hand, where it lies beside the project.
LISTED = Path(os.environ.get("WRONG_SETTINGS", ROOT.parent / "shared" / "wrong_settings.txt"))
LINES = LISTED.read_text("utf-8").splitlines() if LISTED.is_file() else []
RIGHT = (
    "data.length_edges=[]",
    "device.workers=",
    "hydra.sweep.dir=/ ",
    "tokenizer.max_length=",
    "tokenizer.vocab_size=1",
    "tracking.uri=http://127.0.0.1:1 ",
    "train.batch_size=",
)


@pytest.mark.parametrize("line", LINES)
def test_of_the_listed_overrides_the_wrong_ones_name_their_key(start, line):
    found = start(line.split())
    right = line.startswith(RIGHT) and "=0" not in line.split()[0] and "=-" not in line
    assert found.status == (None if right else 2), found.error
    if right:
        return
    assert found.error.startswith("Configuration: ")
    assert found.error.count("\n") == 1
    keys = [word.partition("=")[0] or word for word in line.split() if word != "-m"]
    assert any(key in found.error for key in keys)
