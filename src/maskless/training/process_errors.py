"""What a user can mend, also where one of several processes has met it."""

import re

from torch.multiprocessing.spawn import ProcessRaisedException

from maskless.errors import UserError

_SENTENCE = re.compile(rf"^{UserError.__module__}\.{UserError.__qualname__}: (.*)", re.MULTILINE)


def user_error_of(error: ProcessRaisedException) -> UserError | None:
    """The UserError that a spawned process ended with, which is known by its traceback's words alone."""
    found = _SENTENCE.findall(str(error))
    return UserError(found[-1]) if found else None
