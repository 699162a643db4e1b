"""The subcommands, one noun a module."""
