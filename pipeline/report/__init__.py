"""Comparison -> one page that opens with no network, its tables and its figures.

`wording` says what the numbers say, `figures` draws them, `tables` sets them, and `page` puts it
all into a folder.
"""

from pipeline.comparison import ReportError
from pipeline.report.page import write_report

__all__ = ["ReportError", "write_report"]
