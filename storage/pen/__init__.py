"""What a run is written with, by matter. Events come in; rows go out, one durable transaction an event."""
