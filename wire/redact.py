"""The one place where passwords are taken out of text that people or programs will read."""

from __future__ import annotations

import re

_USERINFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)\S*@")
_SECRET_QUERY = re.compile(
    r"(?P<key>[?&;](?:password|passwd|pass|pwd|pw|token|secret|auth|key|api_?key|access_token)=)[^&;\s\"'<>]*",
    re.IGNORECASE,
)


def redact_url(text: str) -> str:
    """Replace ``user:password@`` in every URL inside ``text`` by ``***@``, and secrets in query strings by ``***``.

    The user info ends at the *last* ``@`` before white space: people paste passwords with ``@`` and ``/`` in them
    unescaped, and hiding part of a path is better than showing part of a password.
    """
    return _SECRET_QUERY.sub(r"\g<key>***", _USERINFO.sub(r"\g<scheme>***@", text))
