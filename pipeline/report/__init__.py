"""Comparison -> one page that opens with no network, its tables and its figures.

`answer` and `wording` say what the numbers say, `figures` and its neighbours draw them, `tables` sets
them, and `page` puts it all into a folder; `yardstick` does all of that for the adding problem.
"""

from pipeline.report.page import write_report
from pipeline.report.yardstick import describe_steps, write_yardstick

__all__ = ["describe_steps", "write_report", "write_yardstick"]
