"""Bytes that nobody would send, thrown at every parser of bytes from outside: none may crash it, none may hang it."""
