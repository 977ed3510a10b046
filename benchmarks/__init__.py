"""Speed beside peers, one command: `make bench`. Every peer answers the same questions on the same rows."""
