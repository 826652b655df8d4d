"""The errors of cbbot, as a tree a caller can act on.

::

    CbbotError
    ├── BadInput              a person gave us something we cannot use: exit code 2
    ├── UnsafeStart           trading now could lose money or orders: exit code 3
    ├── Retryable             the same request may succeed later; nothing has changed
    ├── Refused               certainly nothing was placed; asking again will not help
    └── OutcomeUnknown        an order may or may not exist: look it up, never place it anew

Every message is read by a person: it says what went wrong, where, and what to do.
Layers raise subclasses of these five; nobody catches ``Exception`` but the top of a loop.
"""

__all__ = ["BadInput", "CbbotError", "OutcomeUnknown", "Refused", "Retryable", "UnsafeStart"]


class CbbotError(Exception):
    """Root of every error that cbbot raises on purpose."""


class BadInput(CbbotError):
    """Input from a person or a file that cannot be used. The command line exits with 2."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """What is wrong, a line for each problem."""
        return (str(self),)


class UnsafeStart(CbbotError):
    """Refusing to start because trading could do harm. The command line exits with 3."""


class Retryable(CbbotError):
    """A passing fault: nothing was changed, the same request may be made again."""


class Refused(CbbotError):
    """A definite no. ``code`` is the refusing party's own reason, for metrics and logs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class OutcomeUnknown(CbbotError):
    """Nobody knows whether the order was placed. Ask again with the same client order id."""
