"""The one exception family for errors a person can meet.

Owns the shape of such a message: what happened, what was kept, what to do next. Never shows it anywhere. Any
thread.
"""

import logging

log = logging.getLogger(__name__)


class UserError(Exception):
    """An error whose text can be shown to a person as it stands.

    what: what happened, one sentence. kept: what was not lost ("" when there is nothing to say). next: what
    to do now. ``str(error)`` joins the sentences that are there.
    """

    def __init__(self, what: str, kept: str = "", next: str = "") -> None:
        super().__init__(what, kept, next)
        self.what = what
        self.kept = kept
        self.next = next

    def __str__(self) -> str:
        return " ".join(part.strip() for part in (self.what, self.kept, self.next) if part.strip())


def as_user_error(fault: Exception, what: str, kept: str = "", next: str = "") -> UserError:
    """A fault as sentences. A UserError keeps its own and only lacks what it does not say; the details of any
    other go to the log."""
    if isinstance(fault, UserError):
        return UserError(fault.what, fault.kept or kept, fault.next or next)
    log.error("%s", what, exc_info=fault)
    if isinstance(fault, MemoryError):
        return UserError(f"{what}: the memory is full.", kept, "Close other programs, then try again.")
    return UserError(f"{what} ({type(fault).__name__}: {fault}).", kept, next)
