"""The SQLite file: its connections, transactions, locks, and how it outlives forks and stops."""
