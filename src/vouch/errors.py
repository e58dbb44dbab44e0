"""Every error that Vouch raises on purpose.

VouchError                 what a user can mend; its text names the place and the remedy
├── PolicyError            a policy file is wrong or does not answer
├── SourceError            a whole file is refused, nothing of it went in
├── BookError              the book on disk is missing, damaged or held by someone else
├── SpecError              a model specification is wrong
├── TrainingError          the data cannot carry the model asked for
├── ModelError             no such model version, or one that fails its own proof
├── FactsError             facts given for scoring are wrong (field by field)
├── NotFoundError          no guarantee, decision or version of that name
├── SettingsError          a setting in the environment is wrong
├── StoreError             the store cannot be reached or is of another version
├── AnswerError            an alert cannot be answered so
├── LeaseError             another process holds what only one may
├── ConflictError          a request contradicts an earlier one
└── MailError              a mail could not be handed over
"""

from dataclasses import dataclass


class VouchError(Exception):
    """Base of all errors a user can mend."""


class PolicyError(VouchError):
    """A policy file is wrong, or does not answer for the name or date asked."""


class SourceError(VouchError):
    """A whole file is refused; the book is as it was."""


class BookError(VouchError):
    """The book on disk is missing, damaged or held by another writer."""


class SpecError(VouchError):
    """A model specification is wrong."""


class TrainingError(VouchError):
    """The data cannot carry the model asked for; nothing was registered."""


class ModelError(VouchError):
    """No such model version, or one that fails its own proof."""


@dataclass(frozen=True)
class FieldFault:
    """One wrong field: its dotted path and what is wrong with it."""

    field: str
    reason: str


class FactsError(VouchError):
    """Facts given for scoring are wrong, field by field."""

    def __init__(self, faults: list[FieldFault]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{fault.field}: {fault.reason}" for fault in faults))


class NotFoundError(VouchError):
    """Nothing of that name is known."""


class SettingsError(VouchError):
    """A setting in the environment is wrong."""


class StoreError(VouchError):
    """The store cannot be reached or is of another version."""


class AnswerError(VouchError):
    """An alert cannot be answered or closed that way."""


class LeaseError(VouchError):
    """Another process holds what only one may."""


class ConflictError(VouchError):
    """A request contradicts an earlier one, or what has happened since."""


class MailError(VouchError):
    """A mail could not be handed over to the server."""
