"""EDGE: what may be said of a failure that nobody expected: its type and its places, never its text."""

import resource
import sys
import threading
import traceback
from types import TracebackType


def places(error: BaseException | None) -> str:
    """Return where an exception passed, innermost last, without a word of its text."""
    frames = traceback.extract_tb(error.__traceback__) if error else ()
    return " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames)


def described(error: BaseException) -> str:
    """Return an exception's type and places in one line."""
    return f"{type(error).__qualname__} at {places(error) or 'no known place'}"


def keep_quiet_when_failing() -> None:
    """Have the interpreter's own reports of failures hold no text of theirs, and leave no memory behind.

    An exception's text may hold a header, a row or a key file; a core dump holds every one of them.
    """
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_a_thread
    sys.unraisablehook = _unraisable
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _uncaught(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        _say(f"stopped by {described(error)}")


def _uncaught_in_a_thread(failure: threading.ExceptHookArgs) -> None:
    if failure.exc_value is not None:
        _say(f"a thread was stopped by {described(failure.exc_value)}")


def _unraisable(failure: "sys.UnraisableHookArgs") -> None:
    if failure.exc_value is not None:
        _say(f"passed over {described(failure.exc_value)}")


def _say(sentence: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"delivr-operator: {sentence}\n")
