"""What several formats share: conversations, calls, coordinates, gestures and code that drives a screen."""
