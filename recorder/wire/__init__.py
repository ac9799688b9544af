"""What an agent and its model say to each other. Exchanges come in; turns, attempts and steps go out."""
