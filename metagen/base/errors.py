"""Every error that metagen raises on purpose; all share one base, so that callers can catch them together."""


class MetagenError(Exception):
    """Base of all errors that metagen raises; the message says what was wrong and what to do about it."""


class InputError(MetagenError, ValueError):
    """An argument or a setting has a value that is not allowed."""


class FormatError(MetagenError):
    """A file is damaged, of another kind, or of a schema version that this release does not read."""


class DamagedError(FormatError):
    """A file was read, and is not what was written: cut short, changed since, or no such file at all."""


class AccessError(MetagenError):
    """The system does not let a file be read or written: it is private, its disk is full or fails.

    Nothing is known of its contents, so that nobody may delete, rename or replace it for this error.
    """


class MissingDependencyError(MetagenError, ImportError):
    """A program that this function needs is not installed."""


class MismatchError(MetagenError):
    """Two objects were combined that do not belong together (other platform, wavelength or numerics)."""


class SimulationError(MetagenError):
    """A simulation did not finish, or its result is not physical."""
