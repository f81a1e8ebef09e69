"""Errors that the user can fix: each message names what is wrong, where, and what to do."""


class PipelineError(Exception):
    """Base class of errors whose message is written for the user and shown without a traceback."""


class ConfigError(PipelineError, ValueError):
    """Report an invalid setting; the message names the key and its valid values."""


class DataError(PipelineError, ValueError):
    """Report data that cannot be used; the message names the file, the line and what to do."""


class TrackingError(PipelineError, RuntimeError):
    """Report a tracking store that cannot be used or lacks the requested run."""


class ReportError(PipelineError, ValueError):
    """Report runs that cannot be compared or shown; the message says what is missing."""


class Failure(PipelineError, RuntimeError):
    """Report a request that failed for any other reason."""
