"""Turn a Comparison into one page that opens without a network, with its tables and figures.

`sections` declares what the page shows, and `page` writes it into a folder. `prose` holds the
sentences, `figures` the charts, `tables`, `probe_tables` and `adding_tables` the tables, and `formats`
writes numbers as text. `adding_page` is the page of the adding problem, `language_page` that of
language models; `ending` is what a sweep
prints when it ends; `explained` and `terminal` show one text word by word.
"""

from pipeline.report.adding_page import write_adding_report
from pipeline.report.ending import describe_results, show_results
from pipeline.report.language_page import write_language_report
from pipeline.report.page import write_report

__all__ = [
    "describe_results",
    "show_results",
    "write_adding_report",
    "write_language_report",
    "write_report",
]
