"""Why a decode worker does not start, as far as the machine tells."""

from __future__ import annotations

import multiprocessing.context
import sys
import tempfile
from typing import Final

from core.errors import TangerineError

_MESSAGE: Final = "The process that decodes pictures could not be started: {reason}."


def lacking(context: multiprocessing.context.BaseContext) -> TangerineError | None:
    """The error for what every worker that ``context`` starts needs, and this machine lacks.

    None where it lacks nothing that is known. Blocking.
    """
    try:
        context.Lock()
    except OSError as refused:
        # shm_overview(7): glibc keeps named semaphores there.
        where = " in /dev/shm" if sys.platform == "linux" else ""
        return TangerineError(
            _MESSAGE.format(reason=f"semaphores cannot be made{where} ({refused.strerror})"),
            remedy="Let this user write to /dev/shm: it is to be a tmpfs of mode 1777 with some "
            "MiB free.",
        )
    try:
        # What starts the workers listens on a socket there.
        with tempfile.TemporaryDirectory():
            pass
    except OSError as refused:
        return TangerineError(
            _MESSAGE.format(reason=f"no temporary folder can be made ({refused.strerror})"),
            remedy="Let this user write to /tmp, or set TMPDIR to a folder that it may write to.",
        )
    return None


def unexplained(error: Exception, *, seconds: float) -> TangerineError:
    """The error where nothing of that is lacking; ``seconds`` is the time that it had."""
    reason = (
        f"it does not answer within {seconds:.0f} s"
        if isinstance(error, TimeoutError)
        else getattr(error, "strerror", None) or str(error) or type(error).__name__
    )
    return TangerineError(
        _MESSAGE.format(reason=reason.rstrip(".")),
        remedy="Look at the log; often the machine is out of memory or processes.",
    )
