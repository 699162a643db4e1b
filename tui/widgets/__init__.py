"""Parts of screens: reactive data in, messages out."""
