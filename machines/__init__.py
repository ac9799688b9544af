"""What actions are performed on. Canonical actions come in; delivered input and screenshots go out."""
