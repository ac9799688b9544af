"""What several formats share: conversations, calls and their results, and parts of recordings."""
