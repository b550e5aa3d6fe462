"""Rolling the circle over: a new root secret for the wallets kept, and the notes that lead them to it."""
