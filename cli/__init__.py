"""The operator's command: parse, ask, print."""
