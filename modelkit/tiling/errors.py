"""Why the front of a model cannot be divided."""

from modelkit.errors import ModelRejectedError


class TilingRefusedError(ModelRejectedError):
    """Dividing the picture there would change the answers, or leave a part without anything to do."""
