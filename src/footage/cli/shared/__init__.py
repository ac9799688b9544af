"""What several commands share: options, opening a store, printing, and longer proceedings."""
