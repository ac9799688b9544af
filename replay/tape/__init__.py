"""The model tape: a run's recorded replies, served to the user's own agent in the place of a model."""
