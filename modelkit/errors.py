"""What can be wrong with a picture, a tensor or a model.

`code` is the word that an error reply carries for the class, so that a program can answer without a table of its own.
"""

from typing import ClassVar


class ModelkitError(Exception):
    """Something given to modelkit cannot be used. The message says what happened, `remedy` what to do."""

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class BadImageError(ModelkitError):
    """The bytes are not a whole JPEG or PNG picture."""

    code = "bad_image"


class TooLargeError(ModelkitError):
    """The picture's header claims more than is worth decoding."""

    code = "too_large"


class InvalidTensorError(ModelkitError):
    """A tensor has the wrong shape or type, or holds a value that is not a finite number."""

    code = "invalid_tensor"


class UnknownModelError(ModelkitError):
    """No model, variant or blob of that name is in the library."""

    code = "unknown_model"


class ModelRejectedError(ModelkitError):
    """A model must not serve: bad manifest, wrong digest, malformed file or a failed known answer."""

    code = "model_rejected"
