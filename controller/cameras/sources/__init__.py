"""One module for each kind of source; all of them behind ``Feed``."""
