"""walletsyncd as a service of its user: the unit, and the service manager that runs it."""
