"""Say what comparisons of classifiers and of language models have in common, for what shows both."""

from __future__ import annotations

from typing import Protocol

import pandas as pd

from pipeline.analysis.fading import Fading
from pipeline.analysis.selection import Tuning
from pipeline.analysis.verdicts import Contrasts


class Named(Protocol):
    """A baseline."""

    @property
    def name(self) -> str: ...


class Compared(Protocol):
    """The results of a sweep; `Comparison` and `LanguageComparison` say what each of them is."""

    @property
    def experiment(self) -> str: ...
    @property
    def margin(self) -> float: ...
    @property
    def runs(self) -> pd.DataFrame: ...
    @property
    def tuning(self) -> Tuning | None: ...
    @property
    def summary(self) -> pd.DataFrame: ...
    @property
    def pairwise(self) -> pd.DataFrame: ...
    @property
    def cost(self) -> pd.DataFrame: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def baseline(self) -> Named | None: ...
    @property
    def contrasts(self) -> Contrasts | None: ...
    @property
    def fading(self) -> Fading | None: ...
    @property
    def shown(self) -> tuple[str, ...]: ...
