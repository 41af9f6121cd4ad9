"""Every named error of the system, in one tree.

::

    DaytraderError              exit code 1, one line and a hint
    ├── ConfigError             a key, a value or a profile that cannot be used
    ├── DataError               bars, files or a store that cannot be read as what they should be
    ├── BundleError             a model bundle that is missing, changed or from another feature set
    ├── FeedError               market data that cannot be had (vendor, socket, sandbox)
    ├── BrokerError             an account or an order that the broker refused or lost
    └── LockstepError           a rehearsal whose clock stopped: names minute and phase
"""


class DaytraderError(Exception):
    """What went wrong in one line, and what to do about it.

    Parameters
    ----------
    message
        Names the file, row or key, what was expected and what was found.
    hint
        The next thing the user can try; empty when the message says it all.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type["DaytraderError"], tuple[str, str]]:
        """Keep message and hint when the error crosses a process border."""
        return type(self), (self.message, self.hint)


def named_cause(error: BaseException) -> DaytraderError | None:
    """Return the named error that `error` is or was raised from (Ray wraps what a worker raises); None without one."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, DaytraderError):
        cause = cause.__cause__
    return cause


class ConfigError(DaytraderError):
    """A configuration that cannot be used."""


class DataError(DaytraderError):
    """Input data that is not what it should be."""


class BundleError(DaytraderError):
    """A model bundle that must not be traded."""


class FeedError(DaytraderError):
    """Market data that cannot be had."""


class BrokerError(DaytraderError):
    """An account or order that the broker refused or lost."""


class LockstepError(DaytraderError):
    """A rehearsal whose two sides stopped agreeing about time."""
