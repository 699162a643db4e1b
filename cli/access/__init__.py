"""Who may do what: the operator's keys, users as signed claims, and the server's part of it."""
