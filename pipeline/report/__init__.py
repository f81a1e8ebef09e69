"""Comparison -> one page that opens with no network, its tables and its figures.

`sections` declares what the page shows, `page` puts it into a folder. `prose` says what the numbers
say, `figures` draw them, `tables` and its neighbours set them, `formats` writes a number as text.
`yardstick` is the page of the adding problem, `explained` and `terminal` show one text word by word.
"""

from pipeline.report.adding_tables import describe_steps
from pipeline.report.page import write_report
from pipeline.report.yardstick import write_yardstick

__all__ = ["describe_steps", "write_report", "write_yardstick"]
