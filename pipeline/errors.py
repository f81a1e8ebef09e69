"""The errors that a person can mend: each message names what, where and the way out."""


class PipelineError(Exception):
    """An error whose message is written for a person, and is shown without a traceback."""


class ConfigError(PipelineError, ValueError):
    """A setting holds what a run cannot be made of; the message names the key and what it may hold."""


class DataError(PipelineError, ValueError):
    """Somebody's data cannot be used; the message names the file, the place in it and the way out."""


class TrackingError(PipelineError, RuntimeError):
    """The tracking store cannot be used, or does not hold what was asked for."""


class ReportError(PipelineError, ValueError):
    """These runs cannot be compared or shown; the message says in a line what is missing."""


class Failure(PipelineError, RuntimeError):
    """What was asked for could not be done, for another reason."""
